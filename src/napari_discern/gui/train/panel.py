"""The panel Train: teach a model the objects of layers or folders, and watch it learn."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_discern.errors import BadArgument
from napari_discern.gui.layers.look import guess
from napari_discern.gui.layers.overlays import OVERLAY
from napari_discern.gui.layers.planes import Planes
from napari_discern.gui.layers.review import RECIPE
from napari_discern.gui.layers.source import LayerSource, selected_with
from napari_discern.gui.train.curves import Curves
from napari_discern.gui.train.fine_tuning import Preview, Screen, Taught, teach
from napari_discern.gui.train.lesson import Lesson, from_folders, from_layers, words_of_classes
from napari_discern.gui.train.lesson_list import Lessons
from napari_discern.gui.train.score_table import Outcome
from napari_discern.gui.train.unfinished import Offer
from napari_discern.gui.widgets.choices import LayerBox, NarrowBox
from napari_discern.gui.widgets.form import Form
from napari_discern.gui.work.models import Models
from napari_discern.gui.work.runner import Runner
from napari_discern.gui.work.session import Session
from napari_discern.model import Architecture, Card, zoo
from napari_discern.progress import Progress, Steps
from napari_discern.training import Training, crop_size, fitted_card, object_size, stride_for
from napari_discern.training import autosave as rescue

MINUTES = (2, 5, 15, 30)
SEEN = 5
"""Images whose objects are measured to say what the settings will be."""
SCRATCH = "Nothing: from scratch"
BUSY_WITH = ("minutes", "steps", "unlabelled", "settings")


class TrainPanel(QWidget):
    """Lessons in, a model out.

    Signals
    -------
    taught : Taught
    undone : nothing
        When the old model is to be used again.
    """

    taught = Signal(object)
    undone = Signal()

    def __init__(self, session: Session, models: Models, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session, self.models = session, models
        self.image = LayerBox(session.viewer, ImageLayer, self, latest=True)
        self.labels = LayerBox(session.viewer, Labels, self)
        self.background = LayerBox(session.viewer, Labels, self, none="None painted")
        self.classes = LayerBox(session.viewer, Labels, self, none="As the labels say")
        self.add, self.folders, self.remove = QPushButton("&Add"), QPushButton("Fol&ders…"), QPushButton("Remo&ve")
        self.lessons = Lessons()
        self.base, self.time, self.unlabelled = NarrowBox(), QComboBox(), QComboBox()
        self.time.addItems([f"{m} minutes" for m in MINUTES])
        self.unlabelled.addItems(["Unknown", "Background"])
        self.form: Form[Training] = Form(Training, skip=BUSY_WITH)
        self.form.show(Training())
        self.start, self.stop = QPushButton("Fine-&tune"), QPushButton("Stop, &keep the best")
        self.preview = QCheckBox("&Preview on what is shown")
        self.preview.setChecked(True)
        self.runner, self.curves = Runner(session.work, "Train", self.start, self.stop), Curves()
        self.undo = QPushButton("&Undo: use the old model again", visible=False)
        self.outcome, self.reasons = Outcome(session), QLabel(wordWrap=True)
        self.message = self.runner.message
        self._shown: Labels | None = None
        self._own: Lesson | None = None
        self._base = ""
        self._followed: str | None = ""
        self.offer = Offer()
        self._lay_out()
        self._explain()
        self._connect()
        self._fill_bases()
        if self.runner.adopt(self._use, "A training goes on."):
            self.offer.hide()

    def add_layers(self) -> None:
        """Take the picked layers as a lesson."""
        lesson = self._lesson()
        if self.lessons.lessons == [self._own]:
            self.lessons.set([])
        self.lessons.add(lesson)

    def _lesson(self) -> Lesson:
        """What the picked layers teach."""
        image, labels = self.image.layer, self.labels.layer
        if image is None or labels is None:
            raise BadArgument("pick an image and a Labels layer to learn from. Labels: Layers > New Labels, and paint.")
        together = selected_with(self.session.viewer, image)
        Planes.of(labels).leave(self.session.viewer)
        painted = selected_with(self.session.viewer, labels)
        beside = (self.background.layer, self.classes.layer)
        behind = [b for b in painted if b not in beside and not b.metadata.get(OVERLAY)]
        several = behind if len(behind) > 1 else ()
        return from_layers(
            image, labels, self._ndim(image), self.background.layer, together, several, self.classes.layer
        )

    def showEvent(self, event: QShowEvent) -> None:
        """List what was checked of the result so far."""
        super().showEvent(event)
        with suppress(ValueError):
            if self.labels.layer is not None and RECIPE in Planes.of(self.labels.layer).front.metadata:
                self._list_own()

    def _list_own(self) -> None:
        """Let the one lesson that nobody has added be what the picked layers teach by now."""
        if self.lessons.lessons not in ([], [self._own]) or self.session.work.busy:
            return
        try:
            self._own = self._lesson()
        except ValueError:
            self._own = None
            raise
        finally:
            self.lessons.set([self._own] if self._own is not None else [])

    def run(self) -> None:
        """Train as the controls say."""
        self._run(self._taught_now, "Training; the viewer stays yours.")

    def go_on(self) -> None:
        """Go on with the training that was left when the viewer went."""
        self._run(self._taught_further, "Going on where the training was left.")

    def release(self) -> None:
        """Let go of the viewer; a training goes on."""
        self._drop_preview()
        self.runner.leave(_tell, _blame)
        for box in (self.image, self.labels, self.background, self.classes):
            box.release()

    def _run(self, make: Callable[[], Steps[Taught]], words: str) -> None:
        if self.runner.run(make, self._use, words):
            self.offer.hide()
            self.curves.clear()
            self.undo.hide()
            self.outcome.hide()

    def _taught_now(self) -> Steps[Taught]:
        self._list_own()
        dense_labels = self.unlabelled.currentIndex() == 1
        data, validation = self.lessons.data(dense_labels)
        if not data:
            raise BadArgument("every image is ticked to check on; leave some to learn from.")
        minutes = MINUTES[self.time.currentIndex()]
        wanted = {"minutes": minutes, "steps": None, "unlabelled": ("unknown", "background")[dense_labels]}
        training = Training.from_dict({**self.form.read().model_dump(), **wanted}, "the panel")
        self._refuse_shared_pixels()
        plan = rescue.Plan(training, self.base.currentData(), data, validation)
        return teach(self.session, plan, self._screen(data[0][0].channels))

    def _taught_further(self) -> Steps[Taught]:
        return teach(self.session, rescue.read(), resume=True)

    def _screen(self, channels: int) -> Screen | None:
        layer = self.image.layer
        if not self.preview.isChecked() or layer is None:
            return None
        try:
            source = LayerSource.of(layer, self._ndim(layer), channels, selected_with(self.session.viewer, layer))
            screen = Screen.of(source, self.session.viewer)
        except BadArgument:
            return None  # nothing of it is in view; that is no reason not to train
        return screen if screen.image.channels == channels else None

    def _use(self, taught: Taught) -> None:
        self._drop_preview()
        self._offer_model(taught.name)
        self._base = taught.base or ""
        self.undo.setVisible(bool(taught.base))
        self.message.say(
            f"New model {taught.name!r}. S(0.5) on your own objects: {_gain(taught)}. Saved in "
            f"{zoo.own_models() / taught.name}."
        )
        self.outcome.show_scores(taught.after)
        if self.image.layer is None:
            self.outcome.open_worst()
        self.taught.emit(taught)

    def _progressed(self, progress: Progress) -> None:
        self.curves.add(progress)
        values = progress.values
        if values.get("beyond", 1) < 0.5 and values.get("within", 0) > 0.8 and progress.fraction > 0.3:
            self.message.say("⚠ the embedding collapses: objects come to lie on one another. Raise beta (Options).")
        if isinstance(progress, Preview) and progress.labels is not None and progress.screen is not None:
            self._show_preview(progress.labels, progress.screen)

    def _show_preview(self, labels: np.ndarray, screen: Screen) -> None:
        if self._shown is not None and self._shown in self.session.viewer.layers:
            self._shown.data = labels
        else:
            self._shown = screen.labels(labels)
            self.session.add(self._shown)

    def _drop_preview(self) -> None:
        if self._shown is not None and self._shown in self.session.viewer.layers:
            self.session.viewer.layers.remove(self._shown)
        self._shown = None

    def _ended(self, why: str) -> None:
        if why:
            self._drop_preview()
            self.offer.look()
        if why == "stopped" and self.session.kept:
            self._offer_model(self.session.kept)
            self.message.say(f"Stopped. The best so far is kept as {self.session.kept!r}.")
        elif why == "stopped":
            self.message.say("Stopped before anything was learnt; nothing was changed.")

    def _offer_model(self, name: str) -> None:
        self._followed = "" if self.base.currentData() else None  # a further training starts from the same model
        self.models.reload()
        self.models.pick(name)
        self._fill_bases()

    def _refuse_shared_pixels(self) -> None:
        """Say that a model of one object a pixel cannot be taught two."""
        card = self.models.cards.get(self.base.currentData() or "")
        if card is not None and card.architecture.layers == 1 and any(lesson.shared for lesson in self.lessons.lessons):
            raise BadArgument(
                f"in these lessons objects share pixels, which {card.name!r} cannot learn: it knows one a pixel. "
                f"Start from a model of such objects, or choose {SCRATCH!r}."
            )

    def _ndim(self, layer: ImageLayer) -> int:
        card = self.models.cards.get(self.base.currentData() or "")
        labels = self.labels.layer
        return card.architecture.ndim if card else min(guess(layer).ndim, labels.ndim if labels is not None else 3)

    def _fill_bases(self) -> None:
        """Offer all models; the one to start from is that of Segment, until another is picked here."""
        before, own = self.base.currentData(), self.base.count() and self.base.currentData() != self._followed
        self._followed = self.models.name
        self.base.clear()
        for name, card in self.models.cards.items():
            self.base.addItem(card.name, name)
        self.base.addItem(SCRATCH, None)
        if own and before is None:
            self.base.setCurrentIndex(self.base.count() - 1)
        else:
            self.base.setCurrentIndex(max(0, self.base.findData(before if own else self.models.name)))

    def _try(self, action: Callable[[], object]) -> None:
        self.message.say("")
        try:
            action()
        except (ValueError, OSError) as error:
            self.message.blame(error)

    def _give_reasons(self) -> None:
        """Say what the settings left at "auto" will be, and why."""
        data, validation = self.lessons.data()
        if not data:
            self.reasons.setText("")
            return
        card = self.models.cards.get(self.base.currentData() or "")
        truths, asked = [truth for _, truth in data[:SEEN]], self.form.read()
        size, stride = object_size(truths), stride_for(truths) if asked.stride == "auto" else asked.stride
        made = (
            fitted_card(card, truths).architecture
            if card
            else Architecture(ndim=len(data[0][0].spatial_axes), stride=stride)
        )
        crop = crop_size(asked, Card(architecture=made, object_size=size), [i.spatial_shape for i, _ in data])
        aside = f", {len(validation)} to check on" if validation else ""
        self.reasons.setText(
            f"{len(data)} to learn from{aside}. Objects about {size:.0f} px across: crops of "
            f"{' x '.join(map(str, crop))} px, seen in blocks of {made.stride}."
            f"{words_of_classes([*data, *validation], card)}"
        )

    def _add_folders(self) -> None:
        images = QFileDialog.getExistingDirectory(self, "Folder of images")
        labels = QFileDialog.getExistingDirectory(self, "Folder of their labels") if images else ""
        if labels:
            self.lessons.add(from_folders(images, labels))
            self.unlabelled.setCurrentIndex(1)
            alone = self.lessons.lessons[-1].alone
            left = f" {len(alone)} without a partner: {', '.join(alone[:3])}…" if alone else ""
            self.message.say(
                f"Labels in folders are taken to be whole: what bears none is background. See below.{left}"
            )

    def _use_old(self) -> None:
        """Go back to the model that the last training started from."""
        self.undo.hide()
        self._offer_model(self._base)
        self.message.say(f"Back to {self.models.title!r}. The new model stays in the list.")
        self.undone.emit()

    def _connect(self) -> None:
        self.runner.progressed.connect(self._progressed)
        self.runner.ended.connect(self._ended)
        self.start.clicked.connect(self.run)
        self.offer.taken.connect(self.go_on)
        self.add.clicked.connect(lambda: self._try(self.add_layers))
        self.folders.clicked.connect(lambda: self._try(self._add_folders))
        self.remove.clicked.connect(self.lessons.remove)
        self.undo.clicked.connect(self._use_old)
        self.models.picked.connect(lambda _: self._fill_bases())
        self.lessons.changed.connect(self._give_reasons)
        self.base.currentIndexChanged.connect(lambda _: self._give_reasons())

    def _lay_out(self) -> None:
        pair, how, buttons = QFormLayout(), QFormLayout(), QHBoxLayout()
        pair.addRow("&Image", self.image)
        pair.addRow("&Labels", self.labels)
        pair.addRow("&Background", self.background)
        pair.addRow("&Classes", self.classes)
        for button in (self.add, self.folders, self.remove):
            buttons.addWidget(button)
        how.addRow("Pixels without label", self.unlabelled)
        how.addRow("Start &from", self.base)
        how.addRow("Ti&me", self.time)
        fold = QCollapsible("Options")
        fold.setToolTip("Loss, network, crops and what else a training is set to; the defaults do for most images.")
        fold.addWidget(self.form.widget.native)
        layout = QVBoxLayout(self)
        below = (self.reasons, self.preview, self.runner, self.undo, self.curves, self.outcome, fold)
        for part in (self.offer, pair, buttons, self.lessons, how, *below):
            layout.addWidget(part) if isinstance(part, QWidget) else layout.addLayout(part)
        layout.addStretch()

    def _explain(self) -> None:
        self.image.setToolTip("The image to learn from.")
        self.labels.setToolTip("Its objects. Not all need to be labelled.")
        self.add.setToolTip("Take the two layers as a lesson. Without any lesson, Fine-tune takes them by itself.")
        self.folders.setToolTip("Take a folder of images and a folder of labels of the same names.")
        self.remove.setToolTip("Take the chosen lesson out.")
        self.background.setToolTip(
            "Painted where there is no object for sure. Where labels are sparse and none is painted, a rim around each "
            "object is taken for it."
        )
        self.classes.setToolTip(
            "Where objects are of several classes: a Labels layer with the number of each one's class painted on it. "
            "Without, the column class in the features of their labels counts."
        )
        self.undo.setToolTip("Find the objects with the model that the last training started from.")
        self.unlabelled.setToolTip("Unknown: some objects are not labelled yet. Background: every object is labelled.")
        self.base.setToolTip("The model to start from. The nearer it is to your images, the less it has to learn.")
        self.time.setToolTip("How long to train. It can be stopped at any time; the best so far is kept.")
        self.preview.setToolTip("Show every few seconds what the model finds by now in what is on screen.")
        self.start.setToolTip("Train; the new model appears in the list and is used at once.")
        self.stop.setToolTip("Stop (Esc), and keep the best model so far.")


def _blame(error: Exception) -> None:
    """Say that a training has failed whose panel was closed."""
    show_error(f"The training has failed: {error}")


def _tell(taught: Taught) -> None:
    """Say that a training has ended whose panel was closed."""
    show_info(f"New model {taught.name!r}, in the list of Segment. S(0.5) on your own objects: {_gain(taught)}")


def _gain(taught: Taught) -> str:
    after = f"{taught.after.total:.2f}"
    return f"{taught.before.total:.2f} -> {after}" if taught.before.scores else after
