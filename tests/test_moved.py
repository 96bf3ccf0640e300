"""Moved: scripts of version 0.1 import by the names of then, and get the modules and the names of today."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from napari_discern._moved import MOVED

NAMES = {
    "training": ("Training", "METHODS"),
    "segmentation": ("segment", "recipe_for", "set_up", "embed", "measure", "Patches", "find_in_patch", "all_sizes"),
    "evaluation": ("evaluate", "evaluate_model", "draw_worst"),
    "model": ("Card", "Model", "Settings", "read_card", "find_objects", "Embedded"),
    "learning": ("train", "Labelled", "set_aside"),
    "recipe": ("Recipe",),
    "zoo": ("load_model", "list_models"),
    "checkpoint": ("save_checkpoint", "restore_checkpoint"),
    "network": ("EmbeddingNetwork", "Output"),
    "architecture": ("Architecture",),
    "oracle": ("oracle",),
    "proposals": ("score_proposals",),
    "survey": ("fitted_card",),
    "tuning": ("choose",),
    "sample": ("Sampler", "Augmentation"),
    "fields": ("Leaf", "leaves", "merge"),
    "exchange": ("read_package", "write_package", "write_onnx"),
}
"""What scripts take from modules that moved or became rooms, by the names of 0.1."""


def fresh(code: str) -> None:
    """Run in an interpreter that has imported nothing of ours."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("old", [True, False], ids=["old name first", "new name first"])
def test_an_old_name_is_the_module_of_today(old: bool) -> None:
    fresh(f"""
from importlib import import_module
for then, today in {MOVED}.items():
    pair = ["napari_discern." + then, "napari_discern." + today]
    one, other = [import_module(name) for name in (pair if {old} else pair[::-1])]
    assert one is other, then
    assert other.__name__ == "napari_discern." + today, other
""")


def test_all_ways_to_say_import() -> None:
    fresh("""
import napari_discern.zoo
import napari_discern.checkpoint as checkpoint
import napari_discern.exchange.package as package
from napari_discern import zoo, fields
from napari_discern.exchange import graph
from napari_discern.model import zoo as today
from napari_discern.model.exchange import graph as graph_of_today, package as package_of_today
from napari_discern.training import checkpoint as checkpoint_of_today
assert napari_discern.zoo is zoo is today
assert (checkpoint, graph, package) == (checkpoint_of_today, graph_of_today, package_of_today)
assert fields.Leaf is __import__("napari_discern.params").params.Leaf
""")


def test_what_does_not_exist_is_not_found() -> None:
    for name in ("napari_discern.zoos", "napari_discern.exchange.nothing", "napari_discern.gui.zoo"):
        with pytest.raises(ModuleNotFoundError):
            import_module(name)


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in NAMES.items() for name in names])
def test_names_that_scripts_take_are_still_there(module: str, name: str) -> None:
    assert hasattr(import_module(f"napari_discern.{module}"), name)
