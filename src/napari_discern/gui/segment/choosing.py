"""Choosing: which image is looked at, which part of it, and by which model, with the reason for that."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from napari.layers import Image as ImageLayer
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QWidget

from napari_discern.errors import BadArgument, DiscernError
from napari_discern.gui.layers.look import Look, guess
from napari_discern.gui.layers.source import Extent, LayerSource, region_text, selected_with
from napari_discern.gui.preferences import recall
from napari_discern.gui.widgets.choices import LayerBox, NarrowBox
from napari_discern.gui.widgets.form import Form
from napari_discern.gui.widgets.layout import button, stack, tipped
from napari_discern.gui.work.models import Models
from napari_discern.gui.work.shared import Shared
from napari_discern.segmentation import Recipe

SAMPLES = {"cells": "Cells", "leaves": "Leaves", "sticks": "Sticks"}
"""Of the sample data, what is offered where no image is open."""
SIZE = "object_size"
"""The option that stands by itself."""


class Choosing(QWidget):
    """An image picks a model for images that look so; a person may pick another.

    Attributes
    ----------
    look : Look or None
        What the image looks like that was picked last.
    """

    def __init__(self, shared: Shared) -> None:
        super().__init__()
        self.shared, self.models, self.viewer = shared, shared.models, shared.session.viewer
        self.look: Look | None = None
        self.image = tipped(LayerBox(self.viewer, ImageLayer, self, latest=True), "The image layer to look at.")
        self.model_box = tipped(
            ModelBox(self.models, self),
            "What finds the objects. It is chosen by the image; change it where you know better.",
        )
        self.reason, self.samples = QLabel(wordWrap=True), self._make_samples()
        self.size: Form[Recipe] = Form(Recipe, only=(SIZE,))
        self.where = tipped(
            QComboBox(),
            "Whole image: every slice or time point that the model looks at one by one. Field of view: what the canvas "
            "shows now, quickest for trying. Current slice: the one image shown now, whole.",
        )
        self.where.addItems([text.capitalize() for text in get_args(Extent)])
        rows = [("&Image", self.image), ("&Model", self.model_box), ("", self.reason), ("", self.samples)]
        stack(self, [*rows, ("&Object size", self.size.widget[SIZE].native), ("&Where", self.where)], bare=True)
        self.image.picked.connect(self._image_picked)
        self.models.picked.connect(self._give_reason)
        self._image_picked(self.image.layer)

    def asked(self) -> tuple[LayerSource, tuple[tuple[int, ...], ...], str]:
        """The image as the model looks at it, the places along its leading axes, and the region of each, as text.

        Raises
        ------
        BadArgument
            If no image is there, or the model does not fit it; what fits is named.
        """
        layer, card = self.image.layer, self.models.card
        if layer is None:
            raise BadArgument("there is no image to look at. Open one, or take a sample: File > Open Sample > Discern.")
        if card is None:
            raise BadArgument("no model is picked. Pick one of the list, or the folder of your own.")
        made = card.architecture
        source = LayerSource.of(layer, made.ndim, made.channels, selected_with(self.viewer, layer))
        place = source.current(self.viewer)
        self._check_fit(source.image(place).channels, made.ndim, made.channels)
        whole, in_view = (self.where.currentIndex() == k for k in (0, 1))
        everything = tuple(slice(0, n) for n in source.spatial_shape)
        box = source.visible(self.viewer) if in_view else everything
        return source, tuple(source.places()) if whole else (place,), "" if box == everything else region_text(box)

    def _check_fit(self, channels: int, ndim: int, wanted: int) -> None:
        if channels == wanted:
            return
        fitting = self.models.fitting(ndim, channels)
        advice = f"These fit: {', '.join(fitting)}." if fitting else "Train one on such images (Train)."
        if wanted > 1:
            advice += f" If each channel is a layer of its own, select those {wanted} in the layer list."
        raise BadArgument(
            f"this image has {channels} channel(s), the model {self.models.title!r} looks at {wanted}. {advice}"
        )

    def _image_picked(self, layer: ImageLayer | None) -> None:
        self.shared.image = layer
        self.samples.setVisible(layer is None)
        if layer is None:
            self.reason.setText("No image is open. Open yours (File > Open), or try one of these:")
            return
        last_look, self.look = self.look, guess(layer)
        fitting, alike = self.models.fitting(self.look.ndim, self.look.channels), self.models.alike(self.look)
        if fitting and (last_look is None or self.look.words != last_look.words or self.models.name not in fitting):
            choices = [recall(self.look.words).get("model"), *alike, *fitting]
            self.models.pick(next(name for name in choices if name in fitting))
        self._give_reason()

    def _give_reason(self) -> None:
        """Say how the image looks, and whether the model that is picked is made for such."""
        look, name = self.look, self.models.title
        if look is None or self.image.layer is None:
            return
        fitting = self.models.fitting(look.ndim, look.channels)
        flat = self.models.fitting(2, look.channels) if look.ndim == 3 else []
        if not fitting:
            verdict = ", and no model for such images is here. Train one (Train)."
            if flat:
                verdict += f" {flat[0]}, made for 2D, looks at one slice after another."
        elif self.models.name in flat:
            verdict = f". {name}, made for 2D, looks at one slice after another; one for volumes is {fitting[0]}."
        elif self.models.name not in fitting:
            verdict = f". {name} is for others; one for these is {fitting[0]}."
        elif self.models.name in self.models.alike(look):
            verdict = f": {name}"
        else:
            verdict = f". {name} is for objects that are {self.models.cards[self.models.name].tone}; train one (Train)."
        self.reason.setText(look.words + verdict)

    def _make_samples(self) -> QWidget:
        samples, tip = QWidget(), "Open this synthetic sample. All of them: File > Open Sample > Discern."
        buttons = {key: button(text, tip) for key, text in SAMPLES.items()}
        for key, one in buttons.items():
            one.clicked.connect(lambda _=False, key=key: self.viewer.open_sample("napari-discern", key))
        stack(samples, tuple(buttons.values()), bare=True)
        return samples


class ModelBox(NarrowBox):
    """Shows which model is picked, and picks another."""

    OTHER = "Other model folder…"

    def __init__(self, models: Models, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.models = models
        self._fill()
        models.listed.connect(self._fill)
        models.picked.connect(self._follow)
        self.currentIndexChanged.connect(lambda _: models.pick(self.currentData()))
        self.activated.connect(self._maybe_browse)

    def _fill(self) -> None:
        self.blockSignals(True)
        self.clear()
        for name, card in self.models.cards.items():
            self.addItem(self.models.title_of(name), name)
            self.setItemData(self.count() - 1, card.description or name, 3)  # Qt.ToolTipRole
        self.addItem(self.OTHER)
        self._follow()
        self.blockSignals(False)

    def _follow(self) -> None:
        self.setCurrentIndex(self.findData(self.models.name))

    def _maybe_browse(self, index: int) -> None:
        if self.itemText(index) != self.OTHER:
            return
        folder = QFileDialog.getExistingDirectory(self, "Folder of a model (it holds card.json)")
        try:
            if folder:
                self.models.add(Path(folder))
        except DiscernError as error:
            self.models.broken[folder] = str(error)
            self.models.picked.emit(self.models.name)
        self._follow()
