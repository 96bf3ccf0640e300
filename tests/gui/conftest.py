"""What tests of panels stand on: the dock in a real napari, with something found in it where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from napari_discern.gui.dock import Dock
from napari_discern.gui.work.found import Found
from napari_discern.model import Embedded


@pytest.fixture
def dock(viewer: Any, own: object, qtbot: Any) -> Iterator[Dock]:
    """The plugin in a viewer, without models of one's own; in the end what it still does is stopped."""
    dock = Dock(viewer)
    viewer.window.add_dock_widget(dock, name="Discern")
    yield dock
    dock.session.work.stop()
    qtbot.waitUntil(lambda: not dock.session.work.busy, timeout=60_000)
    dock.release()


@pytest.fixture
def panel(dock: Dock, request: pytest.FixtureRequest) -> Any:
    """The panel of the dock that a module's tests are about, by its `PANEL`."""
    return getattr(dock, request.module.PANEL)


@pytest.fixture
def show_found(dock: Dock, viewer: Any) -> Callable[[np.ndarray, str, Embedded], None]:
    """Adds an image to the viewer and shows what Segment would find in such an embedding of it."""

    def show(pixels: np.ndarray, name: str, embedded: Embedded) -> None:
        dock.segment.image.layer = viewer.add_image(pixels.astype(np.float32), name=name)
        wish = dock.segment.wish()
        dock.segment.show_found(Found.of(wish, wish.recipe, embedded))

    return show
