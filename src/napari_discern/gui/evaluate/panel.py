"""The panel Evaluate: score one Labels layer against another, and fly to what was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtWidgets import QLabel, QWidget

from napari_discern.errors import BadArgument
from napari_discern.evaluation import oracle, verdict
from napari_discern.gui.layers.labels import read_labels
from napari_discern.gui.layers.overlays import Overlays
from napari_discern.gui.layers.source import LayerSource, fly_to, selected_with
from napari_discern.gui.widgets.bars import Bars
from napari_discern.gui.widgets.choices import LayerBox
from napari_discern.gui.widgets.layout import button, stack, tipped
from napari_discern.gui.widgets.table import Table
from napari_discern.gui.work.runner import Runner
from napari_discern.gui.work.shared import Shared
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.metrics import Report, Score, matching, score
from napari_discern.progress import Steps

if TYPE_CHECKING:
    from collections.abc import Iterator

MISSED, FALSE = 1, 2
"""Labels of the layer of mistakes."""
COLOURS = {None: "transparent", 0: "transparent", MISSED: "#e69f00", FALSE: "#cc79a7"}
LAYER = "mistakes"
HELP = {
    "S(0.5)": "Found, missed and false together: TP / (TP + FP + FN), an object being found where IoU is above 0.5.",
    "mean S": "The mean of S over IoU 0.5, 0.6 ... 0.9.",
    "SBD": "Symmetric best Dice, the smaller of both directions.",
    "DiC": "Objects found less objects that are there.",
    "foreground Dice": "Dice of all objects' pixels together.",
    "PQ": "Panoptic quality.",
    "SEG": "Mean Jaccard index of the Cell Tracking Challenge.",
}


class EvaluatePanel(QWidget):
    """Two Labels layers in, scores and mistakes out; and what holds a model back."""

    def __init__(self, shared: Shared, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shared, self.session, viewer = shared, shared.session, shared.session.viewer
        self.found = tipped(LayerBox(viewer, Labels, self), "The Labels layer to score.")
        self.truth = tipped(LayerBox(viewer, Labels, self), "The Labels layer that is right.")
        self.button = button(
            "&Score", "Score the two, and outline missed (orange) and false (purple) objects on a layer.", self.run
        )
        self.why = button(
            "&Why is it wrong?",
            "Mean S of the model of Segment as it is, and with the truth in place of one of its parts.",
            self.ask,
        )
        self.stop = button("Stop", "Stop looking (Esc).")
        self.runner = Runner(self.session.work, "Why is it wrong?", self.why, self.stop)
        self.message = self.runner.message
        self.bars = tipped(Bars(), "Found or true foreground, found or true centres: the mean S of each.")
        self.scores = Table("score", "value")
        self.scores.setMaximumHeight(230)
        self.mistakes = tipped(Table("mistake", "label", "place"), "Double click, or Enter, flies there.")
        self.places: list[np.ndarray] = []
        layers = [("&Found", self.found), ("&True", self.truth)]
        stack(self, layers, self.button, self.runner, self.bars, self.scores, QLabel("Mistakes"), self.mistakes)
        self.found.picked.connect(self._keep_apart)
        shared.shown.connect(self._pick_result)
        self._keep_apart()
        for chosen in (self.mistakes.cellDoubleClicked, self.mistakes.cellActivated):
            chosen.connect(lambda row, _: self.fly(row))

    def run(self) -> None:
        """Score the layers that are picked."""
        try:
            found, truth = self._read()
        except ValueError as error:
            self.message.blame(error)
            return
        partners = matching(found, truth, 0.5)
        self._fill(score(found, truth))
        self._list(found, truth, partners)
        missed, false = (len(ids) for ids in (partners.missed, partners.false))
        self.message.say(f"{truth.n} true, {found.n} found: {missed} missed, {false} false. Double click flies there.")

    def ask(self) -> None:
        """Score the model of Segment with the true foreground and the true centres in place of its own."""
        self.runner.run(self._answer, self._show_answer, "Looking at what holds the model back.")

    def fly(self, row: int) -> None:
        """Show the mistake of a row."""
        fly_to(self.session.viewer, self.truth.layer, self.places[row])

    def release(self) -> None:
        """Let go of the viewer."""
        self.runner.leave()
        for box in (self.found, self.truth):
            box.release()

    def _pick_result(self) -> None:
        """What was found last is what is to be scored."""
        if self.shared.result in self.found.layers:
            self.found.layer = self.shared.result
            self._keep_apart()

    def _keep_apart(self) -> None:
        """Where both boxes show one layer, let the other show another."""
        if self.truth.layer is self.found.layer and len(self.truth.layers) > 1:
            self.truth.layer = next(layer for layer in self.truth.layers if layer is not self.found.layer)

    def _read(self) -> tuple[Instances, Instances]:
        found, truth = self.found.layer, self.truth.layer
        if found is None or truth is None or found is truth:
            raise BadArgument("pick two Labels layers: what was found, and what is true.")
        if found.data.shape != truth.data.shape:
            raise BadArgument(
                f"layer {found.name!r} is of shape {found.data.shape}, {truth.name!r} of {truth.data.shape}; both "
                "must be of the same image, whole."
            )
        for what in ("scale", "translate"):
            here, there = getattr(found, what), getattr(truth, what)
            if not np.allclose(here, there, rtol=1e-3):
                raise BadArgument(
                    f"layer {found.name!r} has the {what} {tuple(here)}, {truth.name!r} {tuple(there)}; both must lie "
                    "on the same pixels of one image."
                )
        return self._objects(found), self._objects(truth)

    def _objects(self, layer: Labels) -> Instances:
        return read_labels(layer, viewer=self.session.viewer)

    def _answer(self) -> Steps[dict[str, Report]]:
        layer, card, truth = self.shared.image, self.shared.models.card, self.truth.layer
        if layer is None or card is None or truth is None:
            raise BadArgument("pick an image and a model in Segment, and the true Labels layer here.")
        made, together = card.architecture, selected_with(self.session.viewer, layer)
        source = LayerSource.of(layer, made.ndim, made.channels, together)
        image, objects = source.image(source.current(self.session.viewer)), self._objects(truth)
        if objects.shape != image.spatial_shape:
            raise BadArgument(
                f"layer {truth.name!r} is of shape {objects.shape}, the image {layer.name!r} of {image.spatial_shape}; "
                "both must be of the same pixels."
            )
        return self._run(self.shared.models.name, image, objects)

    def _run(self, name: str, image: Image, objects: Instances) -> Steps[dict[str, Report]]:
        model = yield from self.session.model(name)
        return (yield from oracle(model, [(image, objects)]))

    def _show_answer(self, rows: dict[str, Report]) -> None:
        self.bars.show_rows({name: report.mean["S_mean"] for name, report in rows.items()})
        self.message.say(verdict(rows))

    def _fill(self, result: Score) -> None:
        figures = (result.S[0.5], result.S_mean, result.SBD, result.DiC, result.foreground_dice, result.PQ, result.SEG)
        texts = [f"{value:+d}" if isinstance(value, int) else f"{value:.3f}" for value in figures]
        self.scores.show_rows(list(zip(HELP, texts, strict=True)), list(HELP.values()))

    def _list(self, found: Instances, truth: Instances, partners: Any) -> None:
        marks = np.zeros(truth.shape, np.uint8)
        rows, self.places = [], []
        kinds = ((truth, partners.missed, "missed", MISSED), (found, partners.false, "false", FALSE))
        for objects, ids, word, mark in kinds:
            for label, place, mask in _picked(objects, set(ids.tolist())):
                marks[mask] = mark
                rows.append((word, str(label), ", ".join(f"{p:.0f}" for p in place)))
                self.places.append(place)
        self.mistakes.show_rows(rows)
        self._mark(marks)

    def _mark(self, marks: np.ndarray) -> None:
        from napari.utils import DirectLabelColormap

        overlays = Overlays(self.session.viewer)
        before, looks = overlays.get(LAYER), {"colormap": DirectLabelColormap(color_dict=COLOURS)}
        layer = overlays.put(LAYER, marks, self.truth.layer, Labels, **looks)
        if layer is not before:
            layer.contour = 2


def _picked(objects: Instances, ids: set[int]) -> Iterator[tuple[int, np.ndarray, tuple[np.ndarray, ...]]]:
    """Id, middle and pixels of each of these objects."""
    for label, box, mask in objects.masks():
        if label in ids:
            points = np.argwhere(mask) + [b.start for b in box]
            yield label, points.mean(axis=0), tuple(points.T)
