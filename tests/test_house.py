"""What the project promises of itself: dependencies, layers on paper, light imports, sizes, and what is documented."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import napari_discern

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BASE = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
EXTRAS = [
    Requirement(line)
    for lines in PROJECT["project"]["optional-dependencies"].values()
    for line in lines
    if not line.startswith("napari-discern[")
]
DEV = [Requirement(line) for line in PROJECT["dependency-groups"]["dev"]]
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))

SOURCE = Path(napari_discern.__file__).parent
MODULES = {p.stem for p in SOURCE.glob("[a-z]*.py")} | {p.parent.name for p in SOURCE.glob("*/__init__.py")}
HEAVY = ("torch", "monai", "lightning_fabric", "napari", "pandas", "matplotlib", "scipy", "skimage", "ngio", "zarr")


def test_base_install_has_no_window():
    windows = re.compile(r"napari|pyqt(?!graph)|pyside|qtpy|magicgui", re.IGNORECASE)
    assert not [r.name for r in BASE if windows.match(r.name)]


@pytest.mark.parametrize("version", ["6.11.0", "6.11.1"])
def test_qt_that_napari_cannot_use_is_left_out(version):
    qt = next(r for r in EXTRAS if r.name == "PyQt6-Qt6")
    assert version not in qt.specifier
    assert "6.11.2" in qt.specifier


@pytest.mark.parametrize("requirement", [*BASE, *EXTRAS, *DEV], ids=str)
def test_constraints_pin_what_is_asked_for(requirement):
    pins = {canonicalize_name(name): version for name, version in PINS.items()}
    assert pins[canonicalize_name(requirement.name)] in requirement.specifier


def test_constraints_hold_on_any_machine():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert len(PINS) == len([line for line in lines if not line.startswith("#")])
    assert not [version for version in PINS.values() if "+" in version]


def test_architecture_page_names_each_module():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("## The modules")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == MODULES


def test_modules_load_without_heavy_libraries():
    """Each module in turn, in one fresh interpreter; a library counts as loaded once a part of it is."""
    code = f"""
import importlib, sys
seen = set()
for module in {sorted(MODULES - {"gui"})}:
    importlib.import_module("napari_discern." + module)
    loaded = {{name.partition(".")[0] for name in sys.modules if "." in name}} & set({HEAVY})
    for name in sorted(loaded - seen):
        print(module, "loads", name)
    seen |= loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout.splitlines()) == ("", [])


Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}


def lines(node: ast.AST) -> int:
    """How long a function or class is, from its name (not its decorators) to its end."""
    return node.end_lineno - node.lineno + 1


def place(path: Path, node: ast.AST | None = None) -> str:
    return f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}" if node else str(path.relative_to(SOURCE))


def none_of(offenders: list[str]) -> None:
    """Fail with the whole list, one a line."""
    if offenders:
        pytest.fail(f"{len(offenders)} offend:\n  " + "\n  ".join(offenders), pytrace=False)


def of_type(*kinds: type[ast.AST]) -> Iterator[tuple[Path, ast.AST]]:
    for path, tree in TREES.items():
        yield from ((path, node) for node in ast.walk(tree) if isinstance(node, kinds))


class TestSizes:
    def test_modules_have_at_most_300_lines(self):
        sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in TREES}
        none_of([f"{place(path)}: {size}" for path, size in sizes.items() if size > 300])

    def test_functions_have_at_most_40_lines(self):
        functions = of_type(ast.FunctionDef, ast.AsyncFunctionDef)
        none_of([f"{place(path, node)}: {lines(node)}" for path, node in functions if lines(node) > 40])

    def test_classes_have_at_most_200_lines(self):
        none_of([f"{place(path, node)}: {lines(node)}" for path, node in of_type(ast.ClassDef) if lines(node) > 200])

    def test_half_of_the_functions_have_at_most_8_lines(self):
        assert statistics.median(lines(node) for _, node in of_type(ast.FunctionDef, ast.AsyncFunctionDef)) <= 8

    def test_at_most_27_rooms(self):
        assert len(MODULES) <= 27, sorted(MODULES)


def file_of(module: str) -> Path:
    """Where a module of ours lies, by its dotted name."""
    path = SOURCE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def origins(path: Path) -> Iterator[tuple[Path, str]]:
    """The names in the `__all__` of a package, each with the file that it is made in."""
    imported = [node for node in TREES[path].body if isinstance(node, ast.ImportFrom) and node.module]
    sources = {alias.asname or alias.name: (node.module, alias.name) for node in imported for alias in node.names}
    listed = [node.value for node in TREES[path].body if isinstance(node, ast.Assign) and "__all__" in names(node)]
    for name in ast.literal_eval(listed[0]) if listed else []:
        module, original = sources.get(name, ("", name))
        yield (file_of(module) if module.startswith("napari_discern") else path), original


def names(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def public() -> dict[tuple[Path, str], ast.AST]:
    """The functions and classes that rooms offer: those in `__all__`, or all of a module that is a room."""
    found = {}
    for room in sorted(MODULES):
        package = SOURCE / room / "__init__.py"
        if package in TREES:
            wanted = set(origins(package))
        else:
            module = package.parent.with_suffix(".py")
            wanted = {(module, getattr(node, "name", "_")) for node in TREES[module].body}
        for path, name in wanted:
            for node in TREES.get(path, ast.Module([], [])).body:
                if not name.startswith("_") and getattr(node, "name", "_") == name:
                    found[path, name] = node
    return found


PUBLIC = public()
FUNCTIONS = [(path, node) for (path, _), node in PUBLIC.items() if isinstance(node, Function)]
METHODS = [
    (path, node)
    for (path, _), owner in PUBLIC.items()
    if isinstance(owner, ast.ClassDef)
    for node in owner.body
    if isinstance(node, Function) and (not node.name.startswith("_") or node.name == "__call__")
]


def own(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a function, less the functions in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.Lambda | ast.ClassDef):
            yield child
            yield from own(child)


def arguments(node: Function) -> list[ast.arg]:
    every = [*node.args.posonlyargs, *node.args.args, node.args.vararg, *node.args.kwonlyargs, node.args.kwarg]
    return [arg for arg in every if arg is not None]


def lacks(section: str, node: Function) -> bool:
    return not re.search(rf"^{section}\n-+$", ast.get_docstring(node) or "", re.MULTILINE)


def bare(annotation: ast.AST | None) -> bool:
    """Whether an annotation says array and not of what."""
    return annotation is not None and re.search(r"\bndarray\b(?!\[)", ast.unparse(annotation)) is not None


SEVERAL = 2
"""Of so many parameters a sentence says enough."""


class TestDocumented:
    def test_the_search_finds_what_is_public(self):
        found = {name for _, name in PUBLIC}
        assert {"read", "segment", "train", "score", "Instances", "Image", "Params", "load_model"} <= found
        assert {"from_labels", "to_toml", "read"} <= {node.name for _, node in METHODS}

    def test_parameters_of_public_functions(self):
        none_of([place(*at) for at in FUNCTIONS if len(arguments(at[1])) > SEVERAL and lacks("Parameters", at[1])])

    def test_errors_of_public_functions_and_methods(self):
        raising = [at for at in FUNCTIONS + METHODS if any(isinstance(node, ast.Raise) for node in own(at[1]))]
        none_of([place(*at) for at in raising if lacks("Raises", at[1])])

    def test_arrays_say_of_what(self):
        bad = [
            at
            for at in FUNCTIONS + METHODS
            if any(bare(each) for each in [at[1].returns, *(arg.annotation for arg in arguments(at[1]))])
        ]
        none_of([place(*at) for at in bad])
