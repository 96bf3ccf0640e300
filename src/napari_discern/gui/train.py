"""The panel Train: teach a model the objects of layers or folders, and watch it learn."""

from __future__ import annotations

import datetime
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_discern import zoo
from napari_discern.errors import BadArgument, OutOfMemory
from napari_discern.gui import rescue
from napari_discern.gui.choices import LayerBox, ModelBox
from napari_discern.gui.curves import Curves
from napari_discern.gui.form import Form
from napari_discern.gui.layers import Source
from napari_discern.gui.lesson import Lesson, dense, from_folders, from_layers
from napari_discern.gui.message import Message
from napari_discern.gui.session import Session
from napari_discern.learning import Labelled, train
from napari_discern.metrics import Report, score
from napari_discern.model import Model, find_objects
from napari_discern.progress import Progress, Steps
from napari_discern.training import Training

MINUTES = (2, 5, 15, 30)
SCRATCH = "Nothing: from scratch"
BUSY_WITH = ("minutes", "steps", "unlabelled", "settings")
EVERY = 4.0
"""Seconds between two previews."""


@dataclass(frozen=True)
class Preview(Progress):
    """Progress with the objects that the model finds by now in what is on screen, uint32 (*S)."""

    labels: np.ndarray | None = None


@dataclass(frozen=True)
class Taught:
    """A new model, where it is saved, and what it scores on the lessons beside its base; -1 without one."""

    name: str
    model: Model
    before: float
    after: float


class TrainPanel(QWidget):
    """Lessons in, a model out.

    Signals
    -------
    taught : Taught
    """

    taught = Signal(object)

    def __init__(self, session: Session, models: ModelBox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session, self.models = session, models
        self.lessons: list[Lesson] = []
        self.image, self.labels = (LayerBox(session.viewer, kind, self) for kind in (ImageLayer, Labels))
        self.add, self.folders, self.remove = QPushButton("&Add"), QPushButton("Fol&ders…"), QPushButton("Remo&ve")
        self.list = QListWidget()
        self.list.setMaximumHeight(90)
        self.base, self.time, self.unlabelled = QComboBox(), QComboBox(), QComboBox()
        self.time.addItems([f"{m} minutes" for m in MINUTES])
        self.unlabelled.addItems(["Unknown", "Background"])
        self.form: Form[Training] = Form(Training, skip=BUSY_WITH)
        self.form.show(Training())
        self.start, self.stop = QPushButton("Fine-&tune"), QPushButton("Stop and &keep the best")
        self.preview = QCheckBox("&Preview on what is shown")
        self.preview.setChecked(True)
        self.bar, self.message, self.curves = QProgressBar(visible=False), Message(), Curves()
        self._mine = False
        self._shown: Labels | None = None
        self._screen_of_preview: Any = None
        self.offer = self._make_offer()
        self._lay_out()
        self._explain()
        self._connect()
        self._fill_bases()

    def add_layers(self) -> None:
        """Take the picked layers as a lesson."""
        image, labels = self.image.layer, self.labels.layer
        if image is None or labels is None:
            raise BadArgument("pick an image and a Labels layer to learn from. Labels: Layers > New Labels, and paint.")
        self._keep(from_layers(image, labels, self._ndim(image)))

    def run(self) -> None:
        """Train as the controls say."""
        try:
            steps = self._steps()
            self.session.work.start("Train", steps, self._use)
        except ValueError as error:
            self.message.blame(error)
            return
        self._mine = True
        self.curves.clear()
        self._busy(True)
        self.message.say("Training; the viewer stays yours.")

    def go_on(self) -> None:
        """Go on with the training that was left when the viewer went."""
        self.offer.hide()
        try:
            plan = rescue.read()
            self._screen_of_preview = None
            steps = self._teach(plan.training, plan.data, plan.base, None, resume=True)
            self.session.work.start("Train", steps, self._use)
        except (ValueError, OSError) as error:
            self.message.blame(error)
            return
        self._mine = True
        self.curves.clear()
        self._busy(True)
        self.message.say("Going on where the training was left.")

    def discard(self) -> None:
        """Forget the training that was left."""
        rescue.clear()
        self.offer.hide()

    def release(self) -> None:
        """Let go of the viewer."""
        for box in (self.image, self.labels):
            box.release()

    def _steps(self) -> Steps[Taught]:
        if not self.lessons:
            self.add_layers()
        data: Labelled = [pair for lesson in self.lessons for pair in lesson.pairs]
        if self.unlabelled.currentIndex() == 1:
            data = dense(data)
        minutes = MINUTES[self.time.currentIndex()]
        training = Training.from_dict({**self.form.read().model_dump(), "minutes": minutes, "steps": None}, "the panel")
        self._screen_of_preview = self._screen()
        return self._teach(training, data, self.base.currentData(), self._screen_of_preview)

    def _teach(
        self, training: Training, data: Labelled, base: str | None, screen: Any, resume: bool = False
    ) -> Steps[Taught]:
        start = None
        if base:
            start = yield from self.session.model(base, training.device)
        before = (yield from _own_score(start, data)) if start is not None else -1.0
        if not resume:
            rescue.begin(training, base, data)
        steps = train(training, data, base=start, folder=rescue.folder(), resume=resume)
        try:
            model = yield from _with_preview(steps, screen)
        except OutOfMemory:
            fewer = 2 if training.batch == "auto" else training.batch // 2
            if fewer < 1 or resume:
                raise
            yield Progress(f"memory ran out; batches of {fewer}", 0, 0)
            return (yield from self._teach(training.model_copy(update={"batch": fewer}), data, base, screen))
        name = _free_name(start.card.name if start else "model")
        card = model.card.model_copy(update={"name": name, "data": f"{sum(t.n for _, t in data)} own objects"})
        saved = replace(model, card=card).save(zoo.own_models() / name)
        rescue.clear()
        after = yield from _own_score(saved, data)
        return Taught(name, saved, before, after)

    def _screen(self) -> Any:
        """What is shown now, as something that a model can be tried on; None where no preview is wanted."""
        layer = self.image.layer
        if not self.preview.isChecked() or layer is None:
            return None
        ndim = self._ndim(layer)
        source = Source.of(layer, ndim)
        image, box = source.image(source.current(self.session.viewer)), source.visible(self.session.viewer)
        limit = 512 if ndim == 2 else 64
        return image, tuple(slice(b.start, min(b.stop, b.start + limit)) for b in box), layer

    def _use(self, taught: Taught) -> None:
        self._drop_preview()
        self.models.reload()
        self.models.pick(taught.name)
        self._fill_bases()
        gain = f"{taught.before:.2f} -> {taught.after:.2f}" if taught.before >= 0 else f"{taught.after:.2f}"
        self.message.say(f"New model {taught.name!r}. S(0.5) on your own objects: {gain}")
        self.taught.emit(taught)

    def _progressed(self, progress: Progress, left: float) -> None:
        if not self._mine:
            return
        self.bar.setRange(0, 1000 if progress.total else 0)
        self.bar.setValue(round(1000 * progress.fraction))
        rest = f", {left:.0f} s left" if np.isfinite(left) else ""
        self.bar.setFormat(f"{progress.stage} %p %{rest}")
        self.curves.add(progress)
        if (
            progress.values.get("beyond", 1) < 0.5
            and progress.values.get("within", 0) > 0.8
            and progress.fraction > 0.3
        ):
            self.message.say("⚠ the embedding collapses: objects come to lie on one another. Raise beta (Options).")
        if isinstance(progress, Preview) and progress.labels is not None:
            self._show_preview(progress.labels)

    def _show_preview(self, labels: np.ndarray) -> None:
        if self._shown is not None and self._shown in self.session.viewer.layers:
            self._shown.data = labels
            return
        _, box, layer = self._screen_of_preview
        scale = np.asarray(layer.scale)[-labels.ndim :]
        translate = np.asarray(layer.translate)[-labels.ndim :] + scale * [b.start for b in box]
        self._shown = Labels(labels, name="preview", scale=scale, translate=translate, opacity=0.5)
        self.session.add(self._shown)

    def _drop_preview(self) -> None:
        if self._shown is not None and self._shown in self.session.viewer.layers:
            self.session.viewer.layers.remove(self._shown)
        self._shown = None

    def _failed(self, error: Exception) -> None:
        if self._mine:
            self.message.blame(error)

    def _ended(self, why: str) -> None:
        if not self._mine:
            return
        self._mine = False
        self._busy(False)
        if why:
            self._drop_preview()
        if why == "stopped":
            self._keep_best()

    def _keep_best(self) -> None:
        """Save the best model of a training that was stopped."""
        model = rescue.best()
        rescue.clear()
        if model is None:
            self.message.say("Stopped before anything was learnt; nothing was changed.")
            return
        name = _free_name(model.card.name)
        replace(model, card=model.card.model_copy(update={"name": name})).save(zoo.own_models() / name)
        self.models.reload()
        self.models.pick(name)
        self._fill_bases()
        self.message.say(f"Stopped. The best so far is kept as {name!r}.")

    def _keep(self, lesson: Lesson) -> None:
        self.lessons.append(lesson)
        self.list.addItem(
            f"{lesson.name}: {lesson.objects} objects in {len(lesson.pairs)}, {lesson.labelled:.0%} labelled"
        )

    def _ndim(self, layer: ImageLayer) -> int:
        card = self.models.cards.get(self.base.currentData() or "")
        return card.architecture.ndim if card else (3 if layer.ndim > 2 and not layer.rgb else 2)

    def _fill_bases(self) -> None:
        before = self.base.currentData()
        self.base.clear()
        for name, card in self.models.cards.items():
            self.base.addItem(card.name, name)
        self.base.addItem(SCRATCH, None)
        self.base.setCurrentIndex(max(0, self.base.findData(before or self.models.name)))

    def _busy(self, busy: bool) -> None:
        self.start.setEnabled(not busy)
        self.stop.setEnabled(busy)
        self.bar.setVisible(busy)
        self.bar.setRange(0, 0)

    def _try(self, action: Any) -> None:
        try:
            action()
        except (ValueError, OSError) as error:
            self.message.blame(error)

    def _add_folders(self) -> None:
        images = QFileDialog.getExistingDirectory(self, "Folder of images")
        labels = QFileDialog.getExistingDirectory(self, "Folder of their labels") if images else ""
        if labels:
            self._keep(from_folders(images, labels))

    def _drop(self) -> None:
        row = self.list.currentRow()
        if row >= 0:
            self.list.takeItem(row)
            del self.lessons[row]

    def _connect(self) -> None:
        work = self.session.work
        work.progressed.connect(self._progressed)
        work.failed.connect(self._failed)
        work.ended.connect(self._ended)
        self.start.clicked.connect(self.run)
        self.stop.clicked.connect(work.stop)
        self.add.clicked.connect(lambda: self._try(self.add_layers))
        self.folders.clicked.connect(lambda: self._try(self._add_folders))
        self.remove.clicked.connect(self._drop)
        self.models.picked.connect(lambda _: self._fill_bases())

    def _make_offer(self) -> QWidget:
        """A line on top that offers to go on with a training that was left."""
        offer = QWidget(visible=rescue.is_left())
        row = QHBoxLayout(offer)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("A training was left unfinished.", wordWrap=True), 1)
        self.resume, self.forget = QPushButton("&Go on"), QPushButton("Discard")
        self.resume.setToolTip("Go on where the last minute was saved.")
        self.forget.setToolTip("Forget it.")
        self.resume.clicked.connect(self.go_on)
        self.forget.clicked.connect(self.discard)
        row.addWidget(self.resume)
        row.addWidget(self.forget)
        return offer

    def _lay_out(self) -> None:
        pair, how, buttons, run = QFormLayout(), QFormLayout(), QHBoxLayout(), QHBoxLayout()
        pair.addRow("&Image", self.image)
        pair.addRow("&Labels", self.labels)
        for button in (self.add, self.folders, self.remove):
            buttons.addWidget(button)
        how.addRow("Pixels without label", self.unlabelled)
        how.addRow("Start &from", self.base)
        how.addRow("Ti&me", self.time)
        run.addWidget(self.start)
        run.addWidget(self.stop)
        fold = QCollapsible("Options")
        fold.setToolTip("Loss, network, crops and what else a training is set to; the defaults do for most images.")
        fold.addWidget(self.form.widget.native)
        layout = QVBoxLayout(self)
        for part in (
            self.offer,
            pair,
            buttons,
            self.list,
            how,
            self.preview,
            run,
            self.bar,
            self.message,
            self.curves,
            fold,
        ):
            layout.addWidget(part) if isinstance(part, QWidget) else layout.addLayout(part)
        layout.addStretch()
        self._busy(False)

    def _explain(self) -> None:
        self.image.setToolTip("The image to learn from.")
        self.labels.setToolTip("Its objects. Not all need to be labelled.")
        self.add.setToolTip("Take the two layers as a lesson. Without any lesson, Fine-tune takes them by itself.")
        self.folders.setToolTip("Take a folder of images and a folder of labels of the same names.")
        self.remove.setToolTip("Take the chosen lesson out.")
        self.list.setToolTip("What the model will learn from.")
        self.unlabelled.setToolTip("Unknown: some objects are not labelled yet. Background: every object is labelled.")
        self.base.setToolTip("The model to start from. The nearer it is to your images, the less it has to learn.")
        self.time.setToolTip("How long to train. It can be stopped at any time; the best so far is kept.")
        self.preview.setToolTip("Show every few seconds what the model finds by now in what is on screen.")
        self.start.setToolTip("Train; the new model appears in the list and is used at once.")
        self.stop.setToolTip("Stop (Esc), and keep the best model so far.")


def _with_preview(steps: Steps[Model], screen: Any) -> Steps[Model]:
    """The same pipeline, which shows now and then what the model finds on screen."""
    patch, last = None, time.monotonic()
    try:
        while True:
            progress = next(steps)
            if screen is not None and progress.peek is not None and time.monotonic() - last > EVERY:
                model = progress.peek()
                image, box, _ = screen
                patch = model.card.settings.normalise(image)(image.read(box)) if patch is None else patch
                labels = find_objects(model.embed(patch), model.card.settings)
                yield Preview(progress.stage, progress.done, progress.total, progress.values, labels=labels)
                last = time.monotonic()
            else:
                yield progress
    except StopIteration as stop:
        result: Model = stop.value
        return result
    finally:
        steps.close()


def _own_score(model: Model, data: Sequence[Any]) -> Steps[float]:
    """Pooled S(0.5) of a model on what is known of the lessons."""
    scores = {}
    for k, (image, truth) in enumerate(data):
        yield Progress("score", k, len(data))
        settings = model.card.settings
        labels = find_objects(model.embed(settings.normalise(image)(image.read())), settings)
        scores[str(k)] = score(replace(truth, planes=labels[None], known=None, measures={}), truth)
    return float(Report(scores).pooled.S[0.5])


def _free_name(base: str) -> str:
    stem = f"{base.split(' ', maxsplit=1)[0]} {datetime.date.today().isoformat()}"
    names = itertools.chain([stem], (f"{stem} {k}" for k in itertools.count(2)))
    return next(name for name in names if not (zoo.own_models() / name).exists())
