"""Every package that the source imports is asked for in pyproject.toml, and each floor says whether it was tried."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import napari_discern

PYPROJECT = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
LINES = re.findall(r"""^    "([^"]+)",( *# .*)?$""", PYPROJECT.split("[dependency-groups]")[0], re.MULTILINE)
WANTED = {canonicalize_name(Requirement(line).name) for line, _ in LINES if re.match(r"[\w.-]+[>!]=", line)}
FLOORS = [pytest.param(line, remark, id=line) for line, remark in LINES if re.match(r"[\w.-]+>=", line)]


def imported(node: ast.AST) -> list[str]:
    """The modules that a statement or a call imports, by name."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module or ""]
    if isinstance(node, ast.Call) and re.search("import|LazyModule|required", ast.unparse(node.func)):
        return [word.value for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
    return []


def packages() -> Iterator[str]:
    """The packages of others that the source imports, by the names to import them by."""
    source = Path(napari_discern.__file__).parent
    for file in [*source.rglob("*.py"), *source.rglob("*.pyi")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            yield from (name.partition(".")[0] for name in imported(node))


OTHERS = sorted(set(packages()) - sys.stdlib_module_names - {"napari_discern"})


def test_the_search_finds_each_way_to_import() -> None:
    ways = "import a.b as c; from d.e import f; LazyModule('g.h'); importlib.import_module('i'); open('j'); import_(k)"
    assert [name for node in ast.walk(ast.parse(ways)) for name in imported(node)] == ["a.b", "d.e", "g.h", "i"]
    assert {"torch", "dask", "qtpy", "onnx", "yaml"} <= set(OTHERS)


@pytest.mark.parametrize("package", OTHERS)
def test_what_is_imported_is_asked_for(package: str) -> None:
    assert {canonicalize_name(name) for name in packages_distributions()[package]} & WANTED


@pytest.mark.parametrize(("line", "remark"), FLOORS)
def test_each_floor_says_whether_it_was_tried(line: str, remark: str) -> None:
    assert re.search(r"; (not )?tried\b", remark)
