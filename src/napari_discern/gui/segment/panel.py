"""The panel Segment: find the objects of an image layer, and set the thresholds while looking at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_discern.gui.preferences import preferences, remember
from napari_discern.gui.segment import result
from napari_discern.gui.segment.about import About
from napari_discern.gui.segment.choosing import SIZE, Choosing
from napari_discern.gui.segment.class_colours import ClassColours
from napari_discern.gui.segment.finding import find
from napari_discern.gui.segment.replay import CopyButtons
from napari_discern.gui.segment.review_buttons import ReviewButtons
from napari_discern.gui.segment.sliders import Sliders
from napari_discern.gui.widgets.form import Form
from napari_discern.gui.widgets.layout import button, fold, stack
from napari_discern.gui.work.found import Found, Wish
from napari_discern.gui.work.latest import Latest
from napari_discern.gui.work.runner import Runner
from napari_discern.gui.work.shared import Shared
from napari_discern.params import merge
from napari_discern.segmentation import Recipe

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

DOUBTFUL = 0.5
"""Objects of a lower score are to be checked."""
REST = 300
"""Milliseconds after which a slider is taken to rest, and the objects are measured anew."""
OPTIONS = ("tile", "halo", "device", "precision", "cluster.seed", "normalise")


class SegmentPanel(QWidget):
    """Pick an image and a model, find the objects, move the thresholds."""

    def __init__(self, shared: Shared, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shared, self.session, self.model = shared, shared.session, shared.models
        self.choosing = Choosing(shared)
        self.image, self.where, self.size = self.choosing.image, self.choosing.where, self.choosing.size
        tip = "Find the objects and put them on a Labels layer. Layers changed by hand are kept."
        self.find = button("&Find objects", tip, self.run)
        self.stop = button("Stop", "Stop what runs (Esc). Nothing is changed.")
        self.runner, self.sliders = Runner(self.session.work, "Find objects", self.find, self.stop), Sliders()
        self.message = self.runner.message
        self.reset = button("&Reset", "Back to the thresholds that the model was saved with.", self._restore)
        self.form: Form[Recipe] = Form(Recipe, only=OPTIONS)
        self.copy, self.about = CopyButtons(shared, self.message), About()
        self.review, self.classes = ReviewButtons(self.session), ClassColours()
        self.live = Latest(self)
        self.rest = QTimer(self, singleShot=True, interval=REST)
        self.rest.timeout.connect(lambda: self._cluster(measured=True))
        about_tip = "What the model is for, what it found in a picture, its scores and its licence."
        options_tip = "Tiles, device and what else a run is set to; the defaults do for most images."
        folds = (
            fold("About this model", about_tip, self.about),
            fold("Options", options_tip, self.form.widget.native),
        )
        results = (self.reset, self.classes, self.review, self.copy)
        stack(self, self.choosing, self.runner, self.sliders, *results, *folds).addStretch()
        self.runner.ended.connect(self._ended)
        self.model.picked.connect(self._model_picked)
        self.sliders.moved.connect(self._slid)
        self.size.changed.connect(self._show_settings)
        self.live.failed.connect(self.message.blame)
        self._model_picked()

    def wish(self) -> Wish:
        """What the controls ask for.

        Raises
        ------
        BadArgument
            If no image is there, or the model does not fit it; what fits is named.
        """
        source, places, region = self.choosing.asked()
        return Wish(source, places, self.recipe(region))

    def recipe(self, region: str = "") -> Recipe:
        """The card's settings, over them the form, over these the sliders."""
        card = self.model.card
        own = card.settings.model_dump() if card else {}
        options = self.form.read().model_dump(include={name.split(".")[0] for name in OPTIONS})
        values: Mapping[str, Any] = merge(own, options | {SIZE: self.size.read().object_size})
        values = merge(values, {**self.sliders.changes(), "region": region, "model": self.model.name})
        return Recipe.from_dict(dict(values), "the panel")

    def run(self) -> None:
        """Find the objects that the controls ask for."""
        if self.runner.run(lambda: result.prepare(find(self.session, self.wish())), self.show_found):
            remember(self.choosing.look.words if self.choosing.look else "", model=self.model.name)

    def run_in_view(self) -> str:
        """Find the objects of what the canvas shows; what there is to say."""
        self.where.setCurrentIndex(1)
        self.run()
        return self.message.text

    def run_on(self, image: ImageLayer | None) -> None:
        """Find the objects of an image, or else of the one that is picked, with the model that is picked now."""
        model = self.model.name
        if image is not None:
            self.image.layer = image  # which may pick another model
        self.model.pick(model)
        if self.image.layer is not None:
            self.run()

    def show_found(self, found: Found) -> None:
        """Put the objects on a Labels layer: the last one, unless its labels have been changed by hand."""
        shown: Labels = result.show(found, self.shared.result, self.session)
        self._tell(found)
        self.review.follow(shown)
        self.classes.follow(shown)
        self.shared.found, self.shared.result, self.shared.edits = found, shown, self.review.edits
        self.shared.shown.emit()

    def release(self) -> None:
        """Let go of the viewer."""
        self.rest.stop()
        self.live.stop()
        self.runner.leave()
        self.review.release()
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
        found = self.shared.found
        embedded = found.embedded if found else None
        if found is None or embedded is None or self.shared.result not in self.session.viewer.layers:
            return
        recipe = found.changed(self.sliders.changes())
        self.live.start(lambda: Found.of(found.wish, recipe, embedded, measured), self.show_found)

    def _restore(self) -> None:
        if self.model.card is not None:
            self._show_settings()
            self._slid()

    def _show_settings(self) -> None:
        """Put the sliders where the model was saved with them, for objects of the size asked for."""
        card = self.model.card
        if card is not None:
            asked = {**card.settings.model_dump(), "model": self.model.name, SIZE: self.size.read().object_size}
            self.sliders.show_settings(Recipe.from_dict(asked, "the card").with_least_size(card))

    def _model_picked(self) -> None:
        if self.model.broken:
            self.message.say("⚠ " + " ".join(self.model.broken.values()))
            self.model.broken.clear()
        card = self.model.card
        if card is not None:
            self.about.show_model(self.model.name, card)
            chosen, set_once = {**card.settings.model_dump(), "model": self.model.name}, preferences()
            chosen |= {"device": set_once.device, **({"tile": set_once.tile} if set_once.tile else {})}
            self.form.show(Recipe.from_dict(chosen, "the card"))
            said = self.size.widget[SIZE].value  # the objects are as large for any model
            self.size.show(Recipe.from_dict(chosen | {SIZE: said}, "the card"))
            self._show_settings()

    def _ended(self, why: str) -> None:
        if why == "stopped":
            self.message.say("Stopped; nothing was changed.")
