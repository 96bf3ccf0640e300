"""How quick the panels are, in the real napari, driven by their controls.

    xvfb-run --auto-servernum --server-args="-screen 0 1280x800x24" python benchmarks/panels.py [--seconds 30]

Slider: from a slider being moved to the new labels on the layer, 512x512x16, 100 objects, and the redraw by itself.
Event loop: how late a timer comes while a model is trained at full speed, and while 4096x4096 pixels are segmented.
Cancel: from Stop to stopped, in either. Dock: time to open it. Growth: memory, threads and listeners after the dock
was opened and closed 50 times, and after training twice.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import psutil
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QApplication, QWidget

from napari_discern.synthetic import Cells
from napari_discern.training import Training

SIZE, SIDE, CHANNELS = 512, 10, 16
PARTS = ("slider", "training", "segmenting", "growth")


def until(done: Callable[[], bool], most: float = 300.0) -> None:
    """Let the window live until something has come about."""
    end = time.perf_counter() + most
    while not done():
        if time.perf_counter() > end:
            raise SystemExit("nothing came of it")
        QApplication.processEvents()
        time.sleep(0.001)


class Pulse:
    """A timer that notes how late it comes, in milliseconds."""

    EVERY = 5

    def __init__(self) -> None:
        self.late: list[float] = []
        self.last = time.perf_counter()
        self.timer = QTimer()
        self.timer.timeout.connect(self.beat)

    def beat(self) -> None:
        """Note how late it is."""
        now = time.perf_counter()
        self.late.append(max(0.0, 1000 * (now - self.last) - self.EVERY))
        self.last = now

    def over(self, seconds: float, stop: Callable[[], bool] = lambda: False) -> str:
        """Watch the event loop as napari runs it: blocking, not polled."""
        self.late, self.last = [], time.perf_counter()
        self.timer.start(self.EVERY)
        from qtpy.QtCore import QEventLoop

        loop, check = QEventLoop(), QTimer()
        end = time.perf_counter() + seconds
        check.timeout.connect(lambda: (stop() or time.perf_counter() > end) and loop.quit())
        check.start(50)
        loop.exec()
        self.timer.stop()
        late = np.array(self.late)
        return f"99 % below {np.percentile(late, 99):.0f} ms, worst {late.max():.0f} ms, {len(late)} beats"


def blobs() -> tuple[Any, np.ndarray]:
    """An embedding of 100 well trained objects, and their labels."""
    import torch

    step = SIZE // SIDE
    y, x = np.indices((SIZE, SIZE))
    labels = (y // step).clip(max=SIDE - 1) * SIDE + (x // step).clip(max=SIDE - 1) + 1
    labels[(y % step < 4) | (x % step < 4)] = 0
    random = np.random.default_rng(0)
    centres = random.normal(0, 4, (SIDE * SIDE + 1, CHANNELS))
    points = centres[labels] + random.normal(0, 0.08, (SIZE, SIZE, CHANNELS))
    return torch.from_numpy(np.moveaxis(points, -1, 0).astype(np.float32)), labels.astype(np.uint32)


def slider(viewer: Any, panel: Any) -> None:
    """Move the slider of the bandwidth to and fro."""
    import torch

    from napari_discern.gui.work.found import Found
    from napari_discern.model import Embedded

    embedding, labels = blobs()
    layer = viewer.add_image(labels.astype(np.float32), name="blobs")
    panel.image.layer = layer
    sure = torch.from_numpy(np.where(labels > 0, 0.95, 0.05).astype(np.float32))
    wish = panel.wish()
    embedded = Embedded(embedding, torch.stack([1 - sure, sure]))
    panel.show_found(Found.of(wish, wish.recipe, embedded))
    taken, drawn = [], []
    for k in range(24):
        ready: list[float] = []
        link = panel.shared.result.events.set_data.connect(lambda _, ready=ready: ready.append(time.perf_counter()))
        start = time.perf_counter()
        panel.sliders.sliders["cluster.bandwidth"].setValue(1.0 + 0.05 * (k % 5))
        until(lambda ready=ready: bool(ready))
        panel.shared.result.events.set_data.disconnect(link)
        taken.append(1000 * (ready[0] - start))
        start = time.perf_counter()
        viewer.window._qt_viewer.canvas.native.repaint() if hasattr(viewer.window, "_qt_viewer") else None
        QApplication.processEvents()
        drawn.append(1000 * (time.perf_counter() - start))
        until(lambda: panel.live._running is None)
    print(f"slider to labels: median {np.median(taken[4:]):.0f} ms; redraw {np.median(drawn[4:]):.0f} ms", flush=True)
    viewer.layers.clear()


def dock(viewer: Any) -> Any:
    """Open the dock, and say how long that took."""
    start = time.perf_counter()
    widget = viewer.window.add_plugin_dock_widget("napari-discern", "Discern")[1]
    QApplication.processEvents()
    print(f"dock open after {time.perf_counter() - start:.2f} s, torch loaded: {'torch' in sys.modules}", flush=True)
    return widget


def training(viewer: Any, seconds: float) -> None:
    """The event loop while a model is trained at full speed, and how long it takes to stop that."""
    widget = dock(viewer)
    image, truth = Cells(size=512)(2)
    viewer.add_image(image.read()[0], name="cells")
    viewer.add_labels(truth.labels.astype(int), name="truth")
    pulse, work = Pulse(), widget.session.work
    widget.train.start.click()
    until(lambda: bool(widget.train.curves.points["embedding"][0]))
    print(f"event loop while training: {pulse.over(seconds)}", flush=True)
    start = time.perf_counter()
    widget.train.stop.click()
    until(lambda: not work.busy)
    print(f"stopped training after {time.perf_counter() - start:.2f} s", flush=True)


def segmenting(viewer: Any) -> None:
    """The same while 4096x4096 pixels are segmented."""
    widget = dock(viewer)
    pulse, work = Pulse(), widget.session.work
    image, _ = Cells(size=512)(2)
    viewer.add_image(np.tile(image.read()[0], (8, 8)), name="large")
    widget.segment.run()
    print(f"event loop while segmenting 4096x4096: {pulse.over(900, lambda: not work.busy)}", flush=True)
    print(widget.segment.message.text, flush=True)
    widget.segment.run()
    until(lambda: widget.segment.runner.bar.maximum() > 0 and work.busy)
    start = time.perf_counter()
    widget.segment.stop.click()
    until(lambda: not work.busy)
    print(f"stopped segmenting after {time.perf_counter() - start:.2f} s", flush=True)


def empty(viewer: Any) -> None:
    """Open and close a dock of nothing, to compare with."""
    held = viewer.window.add_dock_widget(QWidget(), name="nothing")
    QApplication.processEvents()
    viewer.window.remove_dock_widget(held)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()


def growth(viewer: Any) -> None:
    """Memory, threads and listeners after opening and closing the dock, and after training twice."""

    def state() -> tuple[float, int, int]:
        gc.collect()
        events = viewer.layers.events
        heard = sum(len(getattr(events, name).callbacks) for name in ("inserted", "removed", "reordered"))
        return psutil.Process().memory_info().rss / 2**20, threading.active_count(), heard

    def open_and_close() -> None:
        held, widget = viewer.window.add_plugin_dock_widget("napari-discern", "Discern")
        QApplication.processEvents()
        viewer.window.remove_dock_widget(held)
        widget.close()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()

    def train() -> None:
        held, widget = viewer.window.add_plugin_dock_widget("napari-discern", "Discern")
        widget.train.form.show(Training(batch=2, crop=128, checks=1))
        widget.train.start.click()
        until(lambda: len(widget.train.curves.points["embedding"][0]) > 15)
        widget.train.stop.click()
        until(lambda: not widget.session.work.busy)
        viewer.window.remove_dock_widget(held)
        widget.close()
        QApplication.processEvents()

    viewer.add_image(np.zeros((64, 64)), name="nothing")
    for name, once in (("empty dock", lambda: empty(viewer)), ("dock, to warm up", open_and_close)):
        before = state()
        for _ in range(25):
            once()
        print(f"{name} opened and closed 25 times: " + _grown(before, state()), flush=True)
    before = state()
    for _ in range(50):
        open_and_close()
    print("dock opened and closed 50 times: " + _grown(before, state()), flush=True)
    image, truth = Cells(size=512)(2)
    viewer.add_image(image.read()[0], name="cells")
    viewer.add_labels(truth.labels.astype(int), name="truth")
    train()
    before = state()
    train()
    print("trained a second time: " + _grown(before, state()), flush=True)


def _grown(before: tuple[float, int, int], after: tuple[float, int, int]) -> str:
    share = after[0] / before[0] - 1
    return (
        f"memory {before[0]:.0f} -> {after[0]:.0f} MiB ({share:+.1%}), threads {before[1]} -> {after[1]}, "
        f"listeners {before[2]} -> {after[2]}"
    )


def main() -> None:
    """Run all, each in a napari of its own, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--only", choices=PARTS)
    known = parser.parse_args()
    if known.only is None:
        for part in PARTS:
            subprocess.run([sys.executable, __file__, "--only", part, "--seconds", str(known.seconds)], check=False)
        return
    with tempfile.TemporaryDirectory() as own:
        os.environ["NAPARI_DISCERN_MODELS"] = str(Path(own) / "models")
        viewer = napari.Viewer()
        viewer.window._qt_window.resize(1280, 800)
        QApplication.processEvents()
        if known.only == "slider":
            slider(viewer, dock(viewer).segment)
        elif known.only == "training":
            training(viewer, known.seconds)
        elif known.only == "segmenting":
            segmenting(viewer)
        else:
            growth(viewer)
        viewer.close()


if __name__ == "__main__":
    main()
