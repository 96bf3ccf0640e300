"""Make the pictures in docs/images from the running program.

    python docs/screenshots.py [--part panels|overlaps|batch] [--out DIR]
    python docs/screenshots.py --part classes --model MODEL   # of benchmarks/accuracy.py kinds

Needs a screen; without one, begin with xvfb-run --auto-servernum --server-args="-screen 0 1280x800x24".
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtWidgets import QApplication

from napari_discern import io
from napari_discern.batch import Batch
from napari_discern.gui.dock import Dock
from napari_discern.model import zoo
from napari_discern.synthetic import Cells


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
    parser.add_argument("--part", choices=PARTS, default="panels", help="each in a napari of its own")
    parser.add_argument("--model", type=Path, help="of two classes")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to watch the training")
    known = parser.parse_args()
    os.environ[zoo.OWN] = tempfile.mkdtemp()  # what is taught for a picture stays out of the user's list
    viewer = napari.Viewer(title="napari-discern")
    viewer.window._qt_window.resize(1280, 800)
    dock = Dock(viewer)
    viewer.window.add_dock_widget(dock, name="Discern", area="right")
    PARTS[known.part](viewer, dock, known)
    dock.release()
    viewer.close()


def panels(viewer: Any, dock: Dock, known: argparse.Namespace) -> None:
    """The panels on the sample of cells."""
    shoot(viewer, known.out / "empty.png")
    viewer.open_sample("napari-discern", "cells")
    dock.segment.find.click()
    until(lambda: not dock.session.work.busy)
    viewer.layers.selection.active = viewer.layers[0]
    shoot(viewer, known.out / "segment.png")
    dock.tabs.setCurrentIndex(1)
    dock.explore.looking.colours.setCurrentIndex(1)
    shoot(viewer, known.out / "explore.png")
    dock.explore.looking.colours.setCurrentIndex(0)
    dock.tabs.setCurrentIndex(2)
    dock.train.labels.layer = next(layer for layer in viewer.layers if layer.name.endswith("truth"))
    dock.train.start.click()
    rest(known.seconds)
    shoot(viewer, known.out / "train.png")
    dock.train.stop.click()
    until(lambda: not dock.session.work.busy)


def overlaps(viewer: Any, dock: Dock, known: argparse.Namespace) -> None:
    """Objects that share pixels: a layer a plane."""
    viewer.open_sample("napari-discern", "translucent")
    dock.tabs.setCurrentIndex(0)
    dock.segment.model.pick("overlap")
    dock.segment.find.click()
    until(lambda: not dock.session.work.busy)
    for layer in viewer.layers:
        layer.visible = not layer.name.endswith("truth") and "truth" not in layer.name
    shoot(viewer, known.out / "overlaps.png")


def batch(viewer: Any, dock: Dock, known: argparse.Namespace) -> None:
    """A volume on disk, labelled in tiles."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.ome.zarr"
        io.write_image(path, Cells()(0)[0])
        dock.tabs.setCurrentIndex(4)
        dock.segment.model.pick("nuclei")
        dock.batch.form.show(Batch())
        dock.batch.add([path])
        dock.batch.label.click()
        until(lambda: not dock.session.work.busy)
        dock.batch.look()
        dock.batch.volumes.clear()
        dock.batch.volumes.addItem("cells.ome.zarr")
        shoot(viewer, known.out / "batch.png")
        viewer.layers.clear()


def classes(viewer: Any, dock: Dock, known: argparse.Namespace) -> None:
    """Objects in the colour of their class."""
    viewer.add_image(Cells(elongated=0.5)(10_003)[0].read()[0], name="cells")  # of those that were not learnt from
    dock.segment.model.add(known.model)
    dock.segment.find.click()
    until(lambda: not dock.session.work.busy)
    dock.segment.classes.tick.setChecked(True)
    shoot(viewer, known.out / "classes.png")


PARTS = {"panels": panels, "overlaps": overlaps, "batch": batch, "classes": classes}

if __name__ == "__main__":
    main()
