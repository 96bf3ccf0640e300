# Two commands from a fresh clone: `make demo` and `make test`. README.md has the same steps as plain lines.
.PHONY: demo test setup constraints clean

demo: setup  ## find the objects of a sample, and show them
	.venv/bin/napari-discern demo

test: setup  ## style, types, layers, spelling, tests
	@sh scripts/test.sh

setup:  ## .venv with everything in it; quick when nothing has changed
	@sh scripts/setup.sh

constraints: setup  ## write down what .venv holds now, after a change of dependencies
	@sh scripts/constraints.sh

clean:  ## forget .venv and what the tools left behind
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
