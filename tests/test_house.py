"""What the project promises of itself: dependencies, layers on paper, light imports."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

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
HEAVY = ("torch", "monai", "lightning_fabric", "napari", "pandas", "matplotlib", "skimage", "ngio", "zarr")


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
