"""The panel Segment: find the objects of an image layer, and set the thresholds while looking at them."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_discern.errors import BadArgument, OutOfMemory
from napari_discern.fields import merge
from napari_discern.gui.choices import LayerBox, ModelBox
from napari_discern.gui.correct import ACCEPTED, Correct
from napari_discern.gui.form import Form
from napari_discern.gui.latest import Latest
from napari_discern.gui.layers import RECIPE, Source, Where, guess, region_text
from napari_discern.gui.message import Message
from napari_discern.gui.preferences import preferences, recall, remember
from napari_discern.gui.session import Session
from napari_discern.gui.sliders import Sliders
from napari_discern.instances import Instances
from napari_discern.model import Embedded, Model, find_objects
from napari_discern.progress import Progress, Steps
from napari_discern.recipe import Recipe
from napari_discern.segmentation import embed, measure, recipe_for, segment

DOUBTFUL = 0.5
"""Objects of a lower score are to be checked."""
REST = 300
"""Milliseconds after which a slider is taken to rest, and the objects are measured anew."""
SMALLEST_TILE = 64
"""Pixels; where memory runs out tiles are halved, but not below this."""
OPTIONS = ("tile", "halo", "device", "precision", "cluster.seed", "normalise")


@dataclass(frozen=True)
class Wish:
    """What is to be segmented: which images of a layer, and by which recipe."""

    source: Source
    places: tuple[tuple[int, ...], ...]
    recipe: Recipe
    start: tuple[int, ...]
    """First pixel of the region along each spatial axis."""


@dataclass(frozen=True)
class Found:
    """What was found: the objects at each place, and the embedding where one tile held it all."""

    wish: Wish
    recipe: Recipe
    objects: tuple[Instances, ...]
    embedded: Embedded | None


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
        self.session, self._mine, self._kind = session, False, ""
        self.found: Found | None = None
        self.result: Labels | None = None
        self.image = LayerBox(session.viewer, ImageLayer, self)
        self.model = ModelBox(self)
        self.reason = QLabel(wordWrap=True)
        self.where = QComboBox()
        self.where.addItems([text.capitalize() for text in get_args(Where)])
        self.find, self.stop = QPushButton("&Find objects"), QPushButton("Stop")
        self.bar = QProgressBar(textVisible=True, visible=False)
        self.message, self.sliders = Message(), Sliders()
        self.reset = QPushButton("&Reset")
        self.form: Form[Recipe] = Form(Recipe, only=OPTIONS)
        self.command, self.python = QPushButton("Copy as &command"), QPushButton("Copy as P&ython")
        self.correct = Correct(session)
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
        source = Source.of(layer, made.ndim, made.channels)
        place = source.current(self.session.viewer)
        self._check_fit(source.image(place).channels, made.ndim, made.channels)
        whole = self.where.currentIndex() == 0
        box = tuple(slice(0, n) for n in source.spatial_shape)
        if self.where.currentIndex() == 1:
            box = source.visible(self.session.viewer)
        start = tuple(b.start for b in box)
        region = "" if box == tuple(slice(0, n) for n in source.spatial_shape) else region_text(box)
        return Wish(source, tuple(source.places()) if whole else (place,), self._recipe(region), start)

    def run(self) -> None:
        """Find the objects that the controls ask for."""
        try:
            wish = self.wish()
            self.session.work.start("Find objects", self._segment(wish), self._show)
        except ValueError as error:
            self.message.blame(error)
            return
        self._mine = True
        self._busy(True)
        self.message.say("")
        remember(self._kind, model=wish.recipe.model)

    def to_command(self) -> str:
        """The line that finds the same objects outside napari."""
        found = self._last()
        path = found.wish.source.layer.source.path
        if path is None:
            raise BadArgument(
                f"layer {found.wish.source.layer.name!r} does not come from a file. Save it (File > Save Selected "
                "Layers), open the file, and find its objects anew."
            )
        return f"napari-discern segment {_quoted(path)} --out results {' '.join(_flags(found.recipe))}"

    def to_python(self) -> str:
        """The lines that find the same objects in Python."""
        found = self._last()
        path = found.wish.source.layer.source.path
        return "\n".join(
            [
                "from napari_discern import Recipe, load_model, read, run, segment",
                "",
                f"recipe = Recipe.from_toml('''\n{found.recipe.to_toml()}''')",
                f"image = read({path!r})" if path else "image = Image(array, axes)  # the pixels of the layer",
                "model = load_model(recipe.model, recipe.device)",
                "objects = run(segment(image, model, recipe))",
            ]
        )

    def release(self) -> None:
        """Let go of the viewer."""
        self.rest.stop()
        self.image.release()

    def _recipe(self, region: str) -> Recipe:
        """The card's settings, over them the form, over these the sliders."""
        card = self.model.card
        own = card.settings.model_dump() if card else {}
        options = self.form.read().model_dump(include={name.split(".")[0] for name in OPTIONS})
        values: Mapping[str, Any] = merge(own, options)
        values = merge(values, {**self.sliders.changes(), "region": region, "model": self.model.name})
        return Recipe.from_dict(dict(values), "the panel")

    def _segment(self, wish: Wish) -> Steps[Found]:
        model = yield from self.session.model(wish.recipe.model, wish.recipe.device)
        settings = wish.recipe.model_dump(exclude={"model", "weights_sha256", "version"})
        recipe = recipe_for(model, wish.recipe.model, **settings)
        while True:
            try:
                return (yield from self._segment_as(wish, model, recipe))
            except OutOfMemory:
                smaller = max(recipe.cut(model.card)[0]) // 2
                if smaller < SMALLEST_TILE:
                    raise
                recipe = recipe.model_copy(update={"tile": smaller})
                yield Progress(f"memory ran out; tiles of {smaller} px", 0, 0)

    def _segment_as(self, wish: Wish, model: Model, recipe: Recipe) -> Steps[Found]:
        images = [wish.source.image(place) for place in wish.places]
        if len(images) == 1 and _small(wish, recipe, model.card):
            yield Progress("segment", 0, 1)
            embedded = embed(images[0], model, recipe)
            return Found(wish, recipe, (_objects(embedded, recipe, wish),), embedded)
        objects = []
        for k, image in enumerate(images):
            steps = segment(image, model, recipe)
            objects.append((yield from _part_of(steps, k, len(images))))
        return Found(wish, recipe, tuple(objects), None)

    def _show(self, found: Found) -> None:
        """Put the objects on a Labels layer: the last one, unless its labels have been changed by hand."""
        self.found = found
        source = found.wish.source
        labels, table = _stacked(found)
        layer = self._untouched(found)
        if layer is None:
            layer = _labels_layer(labels, source, found.wish.start, _free_name(self.session.viewer, source))
            self.session.add(layer)
        else:
            layer.data = labels
        layer.features = table
        layer.metadata[RECIPE] = {
            "of": _origin(found.wish),
            "check": _check(layer.data),
            "recipe": found.recipe.to_toml(),
        }
        self.result = layer
        self._tell(table)
        self.correct.follow(layer)
        self.shown.emit()

    def _untouched(self, found: Found) -> Labels | None:
        """The layer of the last result, if it is of the same pixels and nobody has changed it."""
        layer = self.result
        if layer is None or layer not in self.session.viewer.layers or layer.metadata.get(ACCEPTED):
            return None
        note = layer.metadata.get(RECIPE, {})
        same = note.get("of") == _origin(found.wish) and layer.data.shape == _shape(found)
        return layer if same and note.get("check") == _check(layer.data) else None

    def _tell(self, table: Any) -> None:
        if len(table) and "score" not in table:
            self.message.say(f"{len(table)} objects")
            return
        doubtful = int((table["score"] < DOUBTFUL).sum()) if len(table) else 0
        what = "object" if len(table) == 1 else "objects"
        found = self.found
        less = found is not None and found.recipe.tile != found.wish.recipe.tile
        note = f". Memory ran out, so tiles of {found.recipe.tile} px were used." if found is not None and less else ""
        self.message.say(f"{len(table)} {what}, {doubtful} to check{note}")

    def _slid(self) -> None:
        """Cluster anew with the thresholds of the moment, if the embedding is at hand; measure when the hand rests."""
        self.rest.start()
        self._cluster(measured=False)

    def _cluster(self, measured: bool) -> None:
        found = self.found
        embedded = found.embedded if found else None
        if found is None or embedded is None or self.result not in self.session.viewer.layers:
            return
        values = merge(found.recipe.model_dump(), self.sliders.changes())
        recipe = Recipe.from_dict(dict(values), "the sliders")
        self.live.start(
            lambda: Found(found.wish, recipe, (_objects(embedded, recipe, found.wish, measured),), embedded),
            self._show,
        )

    def _restore(self) -> None:
        if self.model.card is not None:
            self.sliders.show_settings(self.model.card.settings)
            self._slid()

    def _image_picked(self, layer: ImageLayer | None) -> None:
        if layer is None:
            self.reason.setText("No image is open. Samples: File > Open Sample > Discern.")
            return
        ndim, channels, words = guess(layer)
        self._kind = f"{ndim}D, {channels}"
        fitting = self.model.fitting(ndim, channels)
        last = recall(self._kind).get("model")
        if fitting and self.model.name not in fitting:
            self.model.pick(last if last in fitting else fitting[0])
        verdict = (
            f": {self.model.currentText()}" if fitting else ", and no model for such images is here. Train one (Train)."
        )
        self.reason.setText(words + verdict)

    def _model_picked(self) -> None:
        if self.model.broken:
            self.message.say("⚠ " + self.model.broken.popitem()[1])
        card = self.model.card
        if card is not None:
            self.sliders.show_settings(card.settings)
            chosen, set_once = {**card.settings.model_dump(), "model": self.model.name}, preferences()
            chosen |= {"device": set_once.device, **({"tile": set_once.tile} if set_once.tile else {})}
            self.form.show(Recipe.from_dict(chosen, "the card"))

    def _check_fit(self, channels: int, ndim: int, wanted: int) -> None:
        if channels != wanted:
            fitting = self.model.fitting(ndim, channels)
            advice = f"These fit: {', '.join(fitting)}." if fitting else "Train one on such images (Train)."
            raise BadArgument(
                f"this image has {channels} channel(s), the model {self.model.currentText()!r} looks at {wanted}. "
                f"{advice}"
            )

    def _last(self) -> Found:
        if self.found is None:
            raise BadArgument("nothing has been found yet. Press Find objects first.")
        return self.found

    def _copy(self, make: Any) -> None:
        try:
            QApplication.clipboard().setText(make())
            self.message.say("Copied.")
        except ValueError as error:
            self.message.blame(error)

    def _busy(self, busy: bool) -> None:
        self.find.setEnabled(not busy)
        self.stop.setEnabled(busy)
        self.bar.setVisible(busy)
        self.bar.setRange(0, 0)

    def _progressed(self, progress: Progress, left: float) -> None:
        if not self._mine:
            return
        known = progress.total > 0
        self.bar.setRange(0, 1000 if known else 0)
        self.bar.setValue(round(1000 * progress.fraction))
        rest = f", {left:.0f} s left" if np.isfinite(left) else ""
        self.bar.setFormat(f"{progress.stage} %p %{rest}")

    def _failed(self, error: Exception) -> None:
        if self._mine:
            self.message.blame(error)

    def _ended(self, why: str) -> None:
        if not self._mine:
            return
        self._mine = False
        self._busy(False)
        if why == "stopped":
            self.message.say("Stopped; nothing was changed.")

    def _connect(self) -> None:
        work = self.session.work
        work.progressed.connect(self._progressed)
        work.failed.connect(self._failed)
        work.ended.connect(self._ended)
        self.find.clicked.connect(self.run)
        self.stop.clicked.connect(work.stop)
        self.image.picked.connect(self._image_picked)
        self.model.picked.connect(self._model_picked)
        self.sliders.moved.connect(self._slid)
        self.reset.clicked.connect(self._restore)
        self.live.failed.connect(self.message.blame)
        self.command.clicked.connect(lambda: self._copy(self.to_command))
        self.python.clicked.connect(lambda: self._copy(self.to_python))

    def _lay_out(self) -> None:
        form = QFormLayout()
        for text, widget in (("&Image", self.image), ("&Model", self.model), ("&Where", self.where)):
            form.addRow(text, widget)
        form.insertRow(2, "", self.reason)
        run, copy = QHBoxLayout(), QHBoxLayout()
        run.addWidget(self.find, 2)
        run.addWidget(self.stop, 1)
        copy.addWidget(self.command)
        copy.addWidget(self.python)
        fold = QCollapsible("Options")
        fold.setToolTip("Tiles, device and what else a run is set to; the defaults do for most images.")
        fold.addWidget(self.form.widget.native)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addLayout(run)
        for widget in (self.bar, self.message, self.sliders, self.reset, self.correct):
            layout.addWidget(widget)
        layout.addLayout(copy)
        layout.addWidget(fold)
        layout.addStretch()
        self._busy(False)

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


def _objects(embedded: Embedded, recipe: Recipe, wish: Wish, measured: bool = True) -> Instances:
    labels = find_objects(embedded, recipe)
    image, measures = wish.source.image(wish.places[0]), measure(embedded, labels) if measured else {}
    return Instances(labels[None], image.spatial_axes, image.spacing, image.unit, measures)


def _small(wish: Wish, recipe: Recipe, card: Any) -> bool:
    box = recipe.box(wish.source.spatial_shape)
    return all(b.stop - b.start <= t + 2 * h for b, t, h in zip(box, *recipe.cut(card), strict=True))


def _part_of(steps: Steps[Instances], done: int, total: int) -> Steps[Instances]:
    """The progress of one image as a part of that of all."""
    try:
        while True:
            yield Progress("segment", done + next(steps).fraction, total)
    except StopIteration as stop:
        objects: Instances = stop.value
        return objects
    finally:
        steps.close()


def _stacked(found: Found) -> tuple[np.ndarray, Any]:
    """The labels of all places as one array, ids running on, and their table with the row of the background."""
    import pandas as pd

    lead = found.wish.source.lead if len(found.wish.places) == np.prod(found.wish.source.lead, dtype=int) else ()
    offsets = np.cumsum([0, *(o.n for o in found.objects)])
    planes = [np.where(o.labels > 0, o.labels + np.uint32(k), 0) for o, k in zip(found.objects, offsets, strict=False)]
    tables = [
        o.features().assign(index=lambda t, k=k: t["label"] + k) for o, k in zip(found.objects, offsets, strict=False)
    ]
    labels = np.stack(planes).reshape(*lead, *planes[0].shape) if lead else planes[0]
    filled = [table for table in tables if len(table)] or tables[:1]
    return labels, pd.concat(filled, ignore_index=True)


def _shape(found: Found) -> tuple[int, ...]:
    whole = len(found.wish.places) > 1
    return (*(found.wish.source.lead if whole else ()), *found.objects[0].shape)


def _labels_layer(labels: np.ndarray, source: Source, start: tuple[int, ...], name: str) -> Labels:
    """A layer that lies on the image's pixels."""
    layer, ndim = source.layer, labels.ndim
    scale = np.asarray(layer.scale)[-ndim:]
    translate = np.asarray(layer.translate)[-ndim:].astype(float)
    translate[-len(start) :] += np.array(start) * scale[-len(start) :]
    return Labels(labels, name=name, scale=scale, translate=translate, opacity=0.6)


def _free_name(viewer: Any, source: Source) -> str:
    base = f"{source.layer.name} objects"
    taken = {layer.name for layer in viewer.layers}
    return next(n for n in itertools.chain([base], (f"{base} {k}" for k in itertools.count(2))) if n not in taken)


def _origin(wish: Wish) -> tuple[Any, ...]:
    return id(wish.source.layer), wish.places, wish.recipe.region


def _check(data: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(data).data)


def _quoted(path: str) -> str:
    return f'"{path}"' if " " in path else path


def _flags(recipe: Recipe) -> list[str]:
    words: list[str] = []

    def walk(values: Mapping[str, Any], path: str) -> None:
        for name, value in values.items():
            if isinstance(value, Mapping):
                walk(value, f"{path}{name}.")
            elif value not in ("", None) and name not in ("weights_sha256", "version"):
                words.append(f"--{path}{name} {_quoted(str(value))}")

    walk(recipe.model_dump(mode="json"), "")
    return words
