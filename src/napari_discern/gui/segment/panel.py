"""The panel Segment: find the objects of an image layer, and set the thresholds while looking at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_discern.errors import BadArgument
from napari_discern.gui.layers.source import Look, Source, Where, guess, region_text, selected_with
from napari_discern.gui.preferences import preferences, recall, remember
from napari_discern.gui.segment import result
from napari_discern.gui.segment.about import About
from napari_discern.gui.segment.class_colours import ClassColours
from napari_discern.gui.segment.finding import Found, Wish, find
from napari_discern.gui.segment.replay import to_command, to_python
from napari_discern.gui.segment.review_buttons import Correct
from napari_discern.gui.segment.sliders import Sliders
from napari_discern.gui.widgets.choices import LayerBox, ModelBox
from napari_discern.gui.widgets.form import Form
from napari_discern.gui.work.latest import Latest
from napari_discern.gui.work.runner import Runner
from napari_discern.gui.work.session import Session
from napari_discern.model import Card
from napari_discern.segmentation import Recipe, make_recipe

DOUBTFUL = 0.5
"""Objects of a lower score are to be checked."""
REST = 300
"""Milliseconds after which a slider is taken to rest, and the objects are measured anew."""
SAMPLES = {"cells": "Cells", "leaves": "Leaves", "sticks": "Sticks"}
"""Of the sample data, what is offered where no image is open."""
SIZE = "object_size"
"""The option that stands by itself."""
OPTIONS = ("tile", "halo", "device", "precision", "cluster.seed", "normalise")


class SegmentPanel(QWidget):
    """Pick an image and a model, find the objects, move the thresholds.

    Attributes
    ----------
    found : Found or None
        The last result.
    result : napari Labels layer or None
        Where it is shown.

    Signals
    -------
    shown : nothing
        When a result was put on its layer.
    """

    shown = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._look: Look | None = None
        self.found: Found | None = None
        self.result: Labels | None = None
        self.image = LayerBox(session.viewer, ImageLayer, self, latest=True)
        self.model = ModelBox(self)
        self.reason, self.samples = QLabel(wordWrap=True), self._make_samples()
        self.where = QComboBox()
        self.where.addItems([text.capitalize() for text in get_args(Where)])
        self.find, self.stop = QPushButton("&Find objects"), QPushButton("Stop")
        self.runner = Runner(session.work, "Find objects", self.find, self.stop)
        self.message, self.sliders = self.runner.message, Sliders()
        self.reset = QPushButton("&Reset")
        self.form: Form[Recipe] = Form(Recipe, only=OPTIONS)
        self.size: Form[Recipe] = Form(Recipe, only=(SIZE,))
        self.command, self.python = QPushButton("Copy as &command"), QPushButton("Copy as P&ython")
        self.about = About()
        self.correct, self.classes = Correct(session), ClassColours()
        self.live = Latest(self)
        self.rest = QTimer(self, singleShot=True, interval=REST)
        self.rest.timeout.connect(lambda: self._cluster(measured=True))
        self._lay_out()
        self._explain()
        self._connect()
        self._image_picked(self.image.layer)
        self._model_picked()

    def wish(self) -> Wish:
        """What the controls ask for.

        Raises
        ------
        BadArgument
            If no image is there, or the model does not fit it; what fits is named.
        """
        layer, card = self.image.layer, self.model.card
        if layer is None:
            raise BadArgument("there is no image to look at. Open one, or take a sample: File > Open Sample > Discern.")
        if card is None:
            raise BadArgument("no model is picked. Pick one of the list, or the folder of your own.")
        made = card.architecture
        source = Source.of(layer, made.ndim, made.channels, selected_with(self.session.viewer, layer))
        place = source.current(self.session.viewer)
        self._check_fit(source.image(place).channels, made.ndim, made.channels)
        whole, in_view = (self.where.currentIndex() == k for k in (0, 1))
        everything = tuple(slice(0, n) for n in source.spatial_shape)
        box = source.visible(self.session.viewer) if in_view else everything
        region = "" if box == everything else region_text(box)
        return Wish(source, tuple(source.places()) if whole else (place,), self.recipe(region))

    def recipe(self, region: str = "") -> Recipe:
        """The card's settings, over them the form, over these the sliders; see `make_recipe`."""
        options = self.form.read().model_dump(include={name.split(".")[0] for name in OPTIONS})
        asked = {**options, SIZE: self.size.read().object_size}
        slid = {**self.sliders.changes(), "region": region, "model": self.model.name}
        return make_recipe(("option ", asked), ("slider ", slid), card=self.model.card)

    def run(self) -> None:
        """Find the objects that the controls ask for."""
        if self.runner.run(lambda: result.prepare(find(self.session, self.wish())), self.show_found):
            remember(self._look.words if self._look else "", model=self.model.name)

    def show_found(self, found: Found) -> None:
        """Put the objects on a Labels layer: the last one, unless its labels have been changed by hand."""
        self.found = found
        self.result = result.show(found, self.result, self.session)
        self._tell(found)
        self.correct.follow(self.result)
        self.classes.follow(self.result)
        self.shown.emit()

    def release(self) -> None:
        """Let go of the viewer."""
        self.rest.stop()
        self.live.stop()
        self.runner.leave()
        self.correct.release()
        self.classes.release()
        self.image.release()

    def _tell(self, found: Found) -> None:
        count = sum(objects.n for objects in found.objects)
        what = "object" if count == 1 else "objects"
        scores = [objects.measures.get("score") for objects in found.objects]
        doubtful = sum(int((s < DOUBTFUL).sum()) for s in scores if s is not None)
        check = f", {doubtful} to check" if any(s is not None for s in scores) else ""
        less = found.recipe.tile != found.wish.recipe.tile
        note = f". Memory ran out, so tiles of {found.recipe.tile} px were used." if less else ""
        self.message.say(f"{count} {what}{check}{note}")

    def _slid(self) -> None:
        """Cluster anew with the thresholds of the moment, if the embedding is at hand; measure when the hand rests."""
        self.rest.start()
        self._cluster(measured=False)

    def _cluster(self, measured: bool) -> None:
        found = self.found
        embedded = found.embedded if found else None
        if found is None or embedded is None or self.result not in self.session.viewer.layers:
            return
        recipe = found.changed(self.sliders.changes())
        self.live.start(lambda: Found.of(found.wish, recipe, embedded, measured), self.show_found)

    def _restore(self) -> None:
        if self.model.card is not None:
            self._show_settings(self.model.card)
            self._slid()

    def _show_settings(self, card: Card) -> None:
        """Put the sliders where the model was saved with them, for objects of the size asked for."""
        asked = {**card.settings.model_dump(), "model": self.model.name, SIZE: self.size.read().object_size}
        self.sliders.show_settings(Recipe.from_dict(asked, "the card").with_least_size(card))

    def _size_said(self) -> None:
        if self.model.card is not None:
            self._show_settings(self.model.card)

    def _image_picked(self, layer: ImageLayer | None) -> None:
        self.samples.setVisible(layer is None)
        if layer is None:
            self.reason.setText("No image is open. Open yours (File > Open), or try one of these:")
            return
        look = guess(layer)
        fitting, alike = self.model.fitting(look.ndim, look.channels), self.model.alike(look)
        last_look, self._look = self._look, look
        if fitting and (last_look is None or look.words != last_look.words or self.model.name not in fitting):
            last = recall(look.words).get("model")
            choices = [last, *alike, *fitting]
            self.model.pick(next(name for name in choices if name in fitting))
        self._give_reason(look)

    def _give_reason(self, look: Look) -> None:
        """Say how the image looks, and whether the model that is picked is made for such."""
        fitting, alike = self.model.fitting(look.ndim, look.channels), self.model.alike(look)
        name = self.model.currentText()
        flat = self.model.fitting(2, look.channels) if look.ndim == 3 else []
        if not fitting:
            verdict = ", and no model for such images is here. Train one (Train)."
            if flat:
                verdict += f" {flat[0]}, made for 2D, looks at one slice after another."
        elif self.model.name in flat:
            verdict = f". {name}, made for 2D, looks at one slice after another; one for volumes is {fitting[0]}."
        elif self.model.name not in fitting:
            verdict = f". {name} is for others; one for these is {fitting[0]}."
        elif self.model.name in alike:
            verdict = f": {name}"
        else:
            verdict = f". {name} is for objects that are {self.model.cards[self.model.name].tone}; train one (Train)."
        self.reason.setText(look.words + verdict)

    def _model_picked(self) -> None:
        if self.model.broken:
            self.message.say("⚠ " + " ".join(self.model.broken.values()))
            self.model.broken.clear()
        card = self.model.card
        if self._look is not None and self.image.layer is not None:
            self._give_reason(self._look)
        if card is not None:
            self.about.show_model(self.model.name, card)
            chosen, set_once = {**card.settings.model_dump(), "model": self.model.name}, preferences()
            chosen |= {"device": set_once.device, **({"tile": set_once.tile} if set_once.tile else {})}
            self.form.show(Recipe.from_dict(chosen, "the card"))
            said = self.size.widget[SIZE].value  # the objects are as large for any model
            self.size.show(Recipe.from_dict(chosen | {SIZE: said}, "the card"))
            self._show_settings(card)

    def _check_fit(self, channels: int, ndim: int, wanted: int) -> None:
        if channels != wanted:
            fitting = self.model.fitting(ndim, channels)
            advice = f"These fit: {', '.join(fitting)}." if fitting else "Train one on such images (Train)."
            if wanted > 1:
                advice += f" If each channel is a layer of its own, select those {wanted} in the layer list."
            raise BadArgument(
                f"this image has {channels} channel(s), the model {self.model.currentText()!r} looks at {wanted}. "
                f"{advice}"
            )

    def _last(self) -> Found:
        if self.found is None:
            raise BadArgument("nothing has been found yet. Press Find objects first.")
        return self.found

    def _copy(self, write: Callable[[Found], str]) -> None:
        try:
            QApplication.clipboard().setText(write(self._last()))
            self.message.say("Copied.")
        except ValueError as error:
            self.message.blame(error)

    def _ended(self, why: str) -> None:
        if why == "stopped":
            self.message.say("Stopped; nothing was changed.")

    def _connect(self) -> None:
        self.runner.ended.connect(self._ended)
        self.find.clicked.connect(self.run)
        self.image.picked.connect(self._image_picked)
        self.model.picked.connect(self._model_picked)
        self.sliders.moved.connect(self._slid)
        self.size.changed.connect(self._size_said)
        self.reset.clicked.connect(self._restore)
        self.live.failed.connect(self.message.blame)
        self.command.clicked.connect(lambda: self._copy(to_command))
        self.python.clicked.connect(lambda: self._copy(to_python))

    def _make_samples(self) -> QWidget:
        samples = QWidget()
        row = QHBoxLayout(samples)
        row.setContentsMargins(0, 0, 0, 0)
        for key, text in SAMPLES.items():
            button = QPushButton(text)
            button.setToolTip("Open this synthetic sample. All of them: File > Open Sample > Discern.")
            button.clicked.connect(lambda _=False, key=key: self.session.viewer.open_sample("napari-discern", key))
            row.addWidget(button)
        return samples

    def _lay_out(self) -> None:
        form = QFormLayout()
        for text, widget in (("&Image", self.image), ("&Model", self.model), ("&Where", self.where)):
            form.addRow(text, widget)
        form.insertRow(2, "", self.reason)
        form.insertRow(3, "", self.samples)
        form.insertRow(4, "&Object size", self.size.widget[SIZE].native)
        copy = QHBoxLayout()
        copy.addWidget(self.command)
        copy.addWidget(self.python)
        fold = QCollapsible("Options")
        fold.setToolTip("Tiles, device and what else a run is set to; the defaults do for most images.")
        fold.addWidget(self.form.widget.native)
        about = QCollapsible("About this model")
        about.setToolTip("What the model is for, what it found in a picture, its scores and its licence.")
        about.addWidget(self.about)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        for widget in (self.runner, self.sliders, self.reset, self.classes, self.correct):
            layout.addWidget(widget)
        layout.addLayout(copy)
        layout.addWidget(about)
        layout.addWidget(fold)
        layout.addStretch()

    def _explain(self) -> None:
        self.image.setToolTip("The image layer to look at.")
        self.model.setToolTip("What finds the objects. It is chosen by the image; change it where you know better.")
        self.where.setToolTip(
            "Whole image: every slice or time point that the model looks at one by one. Field of view: what the canvas "
            "shows now, quickest for trying. Current slice: the one image shown now, whole."
        )
        self.find.setToolTip("Find the objects and put them on a Labels layer. Layers changed by hand are kept.")
        self.stop.setToolTip("Stop what runs (Esc). Nothing is changed.")
        self.reset.setToolTip("Back to the thresholds that the model was saved with.")
        self.command.setToolTip("A line for the shell that finds the same objects in the image's file.")
        self.python.setToolTip("A few lines of Python that find the same objects.")
