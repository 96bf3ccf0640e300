#!/bin/sh
# Try the floors in pyproject.toml: install the lowest version of each package that is asked for, in an environment of
# its own outside of this folder, and run the core tests there. A floor marked "not tried" is one that this has not had.
#
#   sh scripts/lowest.sh                     with python3.11, in a new folder that is removed at the end
#   PYTHON=/path/to/python sh scripts/lowest.sh
#   TORCH=2.8.0 sh scripts/lowest.sh         with its floor too: without this 2.13.0 is taken, for old builds are large
#   FOLDER=/tmp/lowest sh scripts/lowest.sh  keep the environment, and go on in it the next time
#   sh scripts/lowest.sh tests/gui           other tests; arguments go to pytest
set -eu
cd "$(dirname "$0")/.."
unset PYTHONPATH

folder=${FOLDER:-$(mktemp -d)}
[ -n "${FOLDER:-}" ] || trap 'rm -rf "$folder"' EXIT
python=$folder/venv/bin/python
if [ ! -x "$python" ]; then
    "${PYTHON:-python3.11}" -m venv "$folder/venv"
    "$python" -m pip install --quiet --constraint constraints.txt pip
fi

"$python" - "torch==${TORCH:-2.13.0}" >"$folder/floors.txt" <<'END'
import re, sys, tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
wanted = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
floors = [line.replace(">=", "==", 1) for line in wanted if re.match(r"(?!torch>)[\w.-]+>=", line)]
print(*[re.sub(r",[^;]*", "", floor) for floor in floors], sys.argv[1], sep="\n")
END
# As one demand, not as constraints: then pip tells of two floors that cannot be had together.
"$python" -m pip install --quiet --progress-bar off --requirement "$folder/floors.txt" '.[all,test]'
"$python" -m pip check

[ $# -gt 0 ] || set -- tests/test_*.py tests/clustering tests/io tests/losses tests/metrics tests/model tests/pictures \
    tests/segmentation tests/synthetic tests/tiles
# What old libraries say of new ones beside them is no fault of ours.
set -- "$python" -m pytest --numprocesses logical --maxprocesses 4 --dist loadgroup -W ignore::DeprecationWarning "$@"
if command -v xvfb-run >/dev/null; then
    set -- xvfb-run --auto-servernum --server-args="-screen 0 1280x1024x24" "$@"
fi
"$@"
