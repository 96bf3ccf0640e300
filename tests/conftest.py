"""What all tests stand on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Before the libraries that read these are imported: no windows from plots, and nobody's own napari settings or models.
os.environ["MPLBACKEND"] = "Agg"
os.environ["NAPARI_CONFIG"] = ""
os.environ["NAPARI_DISCERN_MODELS"] = str(Path(tempfile.gettempdir()) / "napari-discern-tests-have-no-own-models")

# Tests side by side (pytest -n) keep to a core each: threads of all in all would wait for one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples every time, and no failure because a machine is slow.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with windows stay in one process, one after the other: they share the screen, its pointer and its focus."""
    for item in items:
        if "qapp" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("screen"))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of one's own models, and nothing remembered."""
    folder = tmp_path / "own" / "models"
    monkeypatch.setenv("NAPARI_DISCERN_MODELS", str(folder))
    return folder


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    """A real napari, empty."""
    return make_napari_viewer()
