"""Make the pictures in docs/images from the running program.

    python docs/screenshots.py [--out DIR]

Needs a screen; without one, begin with xvfb-run --auto-servernum --server-args="-screen 0 1280x800x24".
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtWidgets import QApplication

from napari_discern.gui.dock import Dock


def until(done: Callable[[], bool]) -> None:
    """Let the window live until something has come about, five minutes at most."""
    end = time.monotonic() + 300
    while not done():
        if time.monotonic() > end:
            raise SystemExit("nothing came of it in five minutes")
        QApplication.processEvents()
        time.sleep(0.01)


def rest(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end)


def shoot(viewer: Any, path: Path) -> None:
    """Write what the window shows."""
    rest(0.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    viewer.window._qt_window.grab().save(str(path))


def main() -> None:
    """Open a sample, find its objects, teach; a picture of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to watch the training")
    known = parser.parse_args()
    viewer = napari.Viewer(title="napari-discern")
    viewer.window._qt_window.resize(1280, 800)
    dock = Dock(viewer)
    viewer.window.add_dock_widget(dock, name="Discern", area="right")
    shoot(viewer, known.out / "empty.png")
    viewer.open_sample("napari-discern", "cells")
    dock.segment.find.click()
    until(lambda: not dock.session.work.busy)
    viewer.layers.selection.active = viewer.layers[0]
    shoot(viewer, known.out / "segment.png")
    dock.tabs.setCurrentIndex(1)
    dock.explore.colours.setCurrentIndex(1)
    shoot(viewer, known.out / "explore.png")
    dock.explore.colours.setCurrentIndex(0)
    dock.tabs.setCurrentIndex(2)
    dock.train.labels.layer = next(layer for layer in viewer.layers if layer.name.endswith("truth"))
    dock.train.start.click()
    rest(known.seconds)
    shoot(viewer, known.out / "train.png")
    dock.train.stop.click()
    until(lambda: not dock.session.work.busy)
    dock.release()
    viewer.close()


if __name__ == "__main__":
    main()
