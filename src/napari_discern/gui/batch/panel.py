"""The panel Batch: label volumes larger than memory, on disk, with the model of the panel Segment."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Points
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QListWidget,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_discern import __version__, io
from napari_discern.batch import Batch, Report, Source, Task, crew_for, sources
from napari_discern.errors import BadArgument, BadFile, DiscernError
from napari_discern.gui.layers.source import fly_to
from napari_discern.gui.preferences import recall, remember
from napari_discern.gui.widgets.form import Form
from napari_discern.gui.work.runner import Runner
from napari_discern.gui.work.shared import Shared
from napari_discern.lazy import LazyModule
from napari_discern.progress import Progress, Steps, part_of
from napari_discern.segmentation import Recipe

if TYPE_CHECKING:
    import ngio
else:
    ngio = LazyModule("ngio")

SHOWN = "napari-discern shows"
"""Metadata of a layer that say what of a volume it is."""
KIND = "batch"
"""What settings are remembered under."""
COLOURS = {"apart": "#e69f00", "conflict": "#cc79a7", "cut": "#56b4e9", "failed": "#d55e00"}
SYMBOLS = {"apart": "cross", "conflict": "x", "cut": "square", "failed": "star"}


@dataclass(frozen=True)
class Outcome:
    """What became of a volume, in a line; the report where it is done."""

    source: Source
    line: str
    report: Report | None = None


class BatchPanel(QWidget):
    """Pick volumes, see what they will take, label them, look at what happened at the seams.

    Parameters
    ----------
    shared : Shared
    recipe : callable
        What the controls of Segment ask for.

    Attributes
    ----------
    outcomes : list of Outcome
        Of the last run, a row each.
    """

    def __init__(self, shared: Shared, recipe: Callable[[], Recipe], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shared, self.session, self.recipe = shared, shared.session, recipe
        self.volumes = QListWidget(selectionMode=QListWidget.SelectionMode.ExtendedSelection)
        self.folder, self.files, self.clear = (
            QPushButton("Add &volume…"),
            QPushButton("Add f&iles…"),
            QPushButton("Clear"),
        )
        self.form: Form[Batch] = Form(Batch)
        self.resume, self.overwrite = QCheckBox("&Resume unfinished runs"), QCheckBox("O&verwrite what is there")
        self.plan, self.label, self.stop = (
            QPushButton("What will it take?"),
            QPushButton("&Label all"),
            QPushButton("Stop"),
        )
        self.runner = Runner(self.session.work, "Batch", self.label, self.stop)
        self.message = self.runner.message
        self.table, self.show_seams = QTableWidget(0, 2), QPushButton("Show labels and &seams")
        self.outcomes: list[Outcome] = []
        self.out: Path | None = None
        self._lay_out()
        self._connect()
        self.form.show(_remembered())
        self.runner.adopt(self._done, "Labelling, begun before.")

    def add(self, paths: list[Path]) -> None:
        """List further volumes."""
        known = {self.volumes.item(row).text() for row in range(self.volumes.count())}
        self.volumes.addItems([str(path) for path in paths if str(path) not in known])

    def task(self) -> tuple[list[str], Path | None, Task]:
        """What the controls ask for: the volumes, where others are converted to, and what to do with them.

        Raises
        ------
        BadArgument
            If no volume or model is picked, or a value does not fit.
        """
        inputs = [self.volumes.item(row).text() for row in range(self.volumes.count())]
        if not inputs:
            raise BadArgument("no volume is listed. Add the folder of an OME-Zarr image, or files to be converted.")
        card = self.shared.models.card
        if card is None:
            raise BadArgument("no model is picked. Pick one in Segment.")
        batch, made = self.form.read(), {"weights_sha256": card.weights_sha256, "version": __version__}
        recipe = self.recipe().model_copy(update=made)
        remember(KIND, **batch.model_dump(mode="json"))
        return inputs, self.out, Task(recipe, batch, self.resume.isChecked(), self.overwrite.isChecked())

    def run(self) -> None:
        """Label all volumes."""
        self.runner.run(
            lambda: _label_all(*self.task()), self._done, "Labelling. What is done stays done, also if it stops."
        )

    def ask(self) -> None:
        """Say what labelling will take, from two tiles of each volume."""
        self.runner.run(lambda: _estimate_all(*self.task()), self._done, "Trying two tiles of each volume.")

    def look(self) -> None:
        """Show the labels of the chosen volume, and points where something should be looked at."""
        row = max(0, self.table.currentRow())
        outcome = self.outcomes[row] if row < len(self.outcomes) else None
        if outcome is None or outcome.report is None:
            self.message.blame(BadArgument("there are no labels to show yet. Label a volume first."))
            return
        try:
            layers = [*_layers_of(outcome.report), seams_layer(outcome.report, _spacing(outcome.report))]
        except (OSError, ValueError) as error:
            self.message.blame(error)
            return
        viewer = self.session.viewer
        for layer in (layer for layer in layers if layer is not None):
            for old in [shown for shown in viewer.layers if shown.metadata.get(SHOWN) == layer.metadata[SHOWN]]:
                viewer.layers.remove(old)
            self.session.add(layer)
        if isinstance(layers[-1], Points):
            fly_to(viewer, layers[-1], layers[-1].data[0])

    def release(self) -> None:
        """Let go of what runs: it goes on, and a panel opened anew follows it."""
        self.runner.leave(lambda _: None)

    def _done(self, outcomes: list[Outcome]) -> None:
        self.outcomes = outcomes
        self.table.setRowCount(len(outcomes))
        for row, outcome in enumerate(outcomes):
            for column, text in enumerate((outcome.source.volume.name, outcome.line)):
                item = QTableWidgetItem(text)
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                item.setToolTip(text)
                self.table.setItem(row, column, item)
        self.table.resizeRowsToContents()
        self.message.say(f"{sum(o.report is not None for o in outcomes)} of {len(outcomes)} volumes are labelled.")

    def _add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of an OME-Zarr image or plate")
        self.add([Path(folder)] if folder else [])

    def _add_files(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self, "Images to be converted to OME-Zarr")
        folder = QFileDialog.getExistingDirectory(self, "Folder for the converted images") if files else ""
        if folder:
            self.out = Path(folder)
            self.add([Path(file) for file in files])

    def _connect(self) -> None:
        self.folder.clicked.connect(self._add_folder)
        self.files.clicked.connect(self._add_files)
        self.clear.clicked.connect(self.volumes.clear)
        self.plan.clicked.connect(self.ask)
        self.label.clicked.connect(self.run)
        self.show_seams.clicked.connect(self.look)
        self.table.cellDoubleClicked.connect(lambda *_: self.look())

    def _lay_out(self) -> None:
        layout, buttons, marks = QVBoxLayout(self), QHBoxLayout(), QFormLayout()
        layout.addWidget(
            QLabel("Labels go into the volumes on disk, with the model and thresholds of Segment.", wordWrap=True)
        )
        for button in (self.folder, self.files, self.clear):
            buttons.addWidget(button)
        layout.addLayout(buttons)
        layout.addWidget(self.volumes)
        layout.addWidget(self.form.widget.native)
        marks.addRow(self.resume)
        marks.addRow(self.overwrite)
        layout.addLayout(marks)
        layout.addWidget(self.plan)
        layout.addWidget(self.runner)
        layout.addWidget(self.table)
        layout.addWidget(self.show_seams)
        self.volumes.setMaximumHeight(90)
        self.table.setHorizontalHeaderLabels(["volume", "result"])
        self.table.verticalHeader().hide()
        self.table.setWordWrap(True)
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self._explain()

    def _explain(self) -> None:
        self.volumes.setToolTip("The volumes to be labelled, one after another.")
        self.folder.setToolTip("An OME-Zarr image or plate; it is read and written in parts, however large.")
        self.files.setToolTip("TIFF and other images; each is converted to OME-Zarr in a folder that you choose.")
        self.clear.setToolTip("Empty the list; nothing on disk changes.")
        self.resume.setToolTip("Go on with runs that were stopped or killed, instead of refusing.")
        self.overwrite.setToolTip("Replace label images of this name, and unfinished runs.")
        self.plan.setToolTip("Try two tiles of each volume, and say how many there are, how long, how much memory.")
        self.label.setToolTip("Find the objects of all listed volumes and write them as label images into these.")
        self.stop.setToolTip("Stop after the tiles at hand (Esc). What is done stays done, for Resume.")
        self.table.setToolTip("A row a volume. Double click shows its labels and seams.")
        self.show_seams.setToolTip(
            "Open the labels of the chosen volume, with points where something should be looked at."
        )


def seams_layer(report: Report, spacing: tuple[float, ...]) -> Points | None:
    """Points where something should be looked at, told apart by colour and shape; None where there is nothing."""
    events = report.suspicious
    if not events:
        return None
    kinds = [event.kind for event in events]
    features = {"kind": kinds, "label": [e.label for e in events], "text": [e.text for e in events]}
    return Points(
        np.array([event.place for event in events]),
        name="seams",
        scale=spacing,
        features=features,
        size=12,
        symbol=[SYMBOLS[kind] for kind in kinds],
        face_color=[COLOURS[kind] for kind in kinds],
        metadata={SHOWN: f"{report.volume} seams"},
    )


def _label_all(inputs: list[str], out: Path | None, task: Task) -> Steps[list[Outcome]]:
    images, outcomes = sources(inputs, out), []
    with crew_for(task.batch) as crew:
        for k, source in enumerate(images):
            try:
                report = yield from part_of(task.label(source, crew), source.path.name, k, 1, len(images))
            except DiscernError as error:
                outcomes.append(Outcome(source, f"not done: {error}"))
                continue
            outcomes.append(Outcome(source, f"{report.line}, {report.seconds:.0f} s", report))
    return outcomes


def _estimate_all(inputs: list[str], out: Path | None, task: Task) -> Steps[list[Outcome]]:
    images, outcomes = sources(inputs, out), []
    for k, source in enumerate(images):
        yield Progress(source.path.name, k, len(images))
        try:
            outcomes.append(Outcome(source, task.estimate(source).line))
        except DiscernError as error:
            outcomes.append(Outcome(source, f"cannot be done: {error}"))
    return outcomes


def _remembered() -> Batch:
    try:
        return Batch.from_dict(dict(recall(KIND)), "what was remembered")
    except BadArgument:
        return Batch()


def _spacing(report: Report) -> tuple[float, ...]:
    image = io.read(report.volume)
    sizes = dict(zip(image.spatial_axes, image.spacing, strict=True))
    return tuple(sizes.get(axis, 1.0) for axis in report.axes)


def _layers_of(report: Report) -> list[Any]:
    """A volume and its labels as layers with all their levels, read in parts.

    Raises
    ------
    BadFile
        If they are gone.
    """
    try:
        volume = ngio.open_ome_zarr_container(report.volume)
        images = [volume.get_image(path=path) for path in volume.level_paths]
        names = [n for n in volume.list_labels() if re.fullmatch(rf"{re.escape(report.label_name)}(_\d+)?", n)]
        labels = {n: [volume.get_label(n, path=p) for p in volume.get_label(n).meta.paths] for n in names}
    except Exception as error:
        raise BadFile(f"{report.volume} cannot be opened ({error}). Was it moved?") from error
    layers: list[Any] = [ImageLayer(name=report.volume.name, **_look(images, report.volume))]
    return layers + [Labels(name=n, **_look(found, report.volume / n)) for n, found in labels.items()]


def _look(levels: list[Any], path: Path) -> dict[str, Any]:
    """How all levels of an image are shown: axes of length 1 left out, channels first in the order of the others."""
    first = levels[0]
    dropped = tuple(k for k, (a, n) in enumerate(zip(first.axes, first.shape, strict=True)) if n == 1 and a not in "yx")
    sizes = {"z": first.pixel_size.z, "y": first.pixel_size.y, "x": first.pixel_size.x}
    data = [level.get_as_dask().squeeze(dropped) for level in levels]
    scale = [sizes.get(a) or 1.0 for k, a in enumerate(first.axes) if k not in dropped]
    several = len(data) > 1
    return {"data": data if several else data[0], "multiscale": several, "scale": scale, "metadata": {SHOWN: str(path)}}
