"""The panel Train: fine-tune a model on the objects of layers or folders, and watch it learn."""

from __future__ import annotations

from collections.abc import Callable

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_discern.errors import BadArgument
from napari_discern.gui.layers.source import LayerSource, selected_with
from napari_discern.gui.train.curves import Curves
from napari_discern.gui.train.fine_tuning import FineTuned, fine_tune
from napari_discern.gui.train.lesson_form import LessonForm
from napari_discern.gui.train.preview import PreviewBox, PreviewLayer
from napari_discern.gui.train.score_table import ScoreTable
from napari_discern.gui.train.training_form import TrainingForm
from napari_discern.gui.train.unfinished import UnfinishedBar
from napari_discern.gui.work.models import Models
from napari_discern.gui.work.runner import Runner
from napari_discern.gui.work.session import Session
from napari_discern.model import zoo
from napari_discern.progress import Progress, Steps
from napari_discern.training import SavedTraining


class TrainPanel(QWidget):
    """Lessons in, a model out.

    Signals
    -------
    fine_tuned : FineTuned
    undone : nothing
        When the old model is to be used again.
    """

    fine_tuned = Signal(object)
    undone = Signal()

    def __init__(self, session: Session, models: Models, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.start, self.stop = QPushButton("Fine-&tune"), QPushButton("Stop, &keep the best")
        self.runner, self.curves = Runner(session.work, "Train", self.start, self.stop), Curves()
        self.message = self.runner.message
        self.how = TrainingForm(models)
        self.lessons = LessonForm(session, self.how.card, self.message)
        self.image, self.labels = self.lessons.image, self.lessons.labels
        self.preview, self._preview_layer = QCheckBox("&Preview on what is shown"), PreviewLayer(session)
        self.preview.setChecked(True)
        self.undo = QPushButton("&Undo: use the old model again", visible=False)
        self.scores, self.unfinished = ScoreTable(session), UnfinishedBar()
        self._base = ""
        self._lay_out()
        self._connect()
        if self.runner.adopt(self._use, "A training goes on."):
            self.unfinished.hide()

    def showEvent(self, event: QShowEvent) -> None:
        """List what was checked of the result so far."""
        super().showEvent(event)
        self.lessons.list_checked()

    def run(self) -> None:
        """Train as the controls say."""
        self._run(self._as_set, "Training; the viewer stays yours.")

    def go_on(self) -> None:
        """Go on with the training that was left when the viewer went."""
        self._run(self._as_left, "Going on where the training was left.")

    def release(self) -> None:
        """Let go of the viewer; a training goes on."""
        self._preview_layer.drop()
        self.runner.leave(_tell, _blame)
        self.lessons.release()

    def _run(self, make: Callable[[], Steps[FineTuned]], words: str) -> None:
        if self.runner.run(make, self._use, words):
            self.unfinished.hide()
            self.curves.clear()
            self.undo.hide()
            self.scores.hide()

    def _as_set(self) -> Steps[FineTuned]:
        data, validation = self.lessons.data()
        training = self.how.training(self.lessons.dense)
        self.how.refuse_shared_pixels(self.lessons.list)
        saved = SavedTraining(training, self.how.base_name, data, validation)
        return fine_tune(self.session, saved, self._preview_box(data[0][0].channels))

    def _as_left(self) -> Steps[FineTuned]:
        left = self.unfinished.newest
        if left is None:
            raise BadArgument("no training was left unfinished.")
        return fine_tune(self.session, left.read(), left=left)

    def _preview_box(self, channels: int) -> PreviewBox | None:
        layer = self.image.layer
        if not self.preview.isChecked() or layer is None:
            return None
        try:
            source = LayerSource.of(layer, self.lessons.ndim, channels, selected_with(self.session.viewer, layer))
            box = PreviewBox.of(source, self.session.viewer)
        except BadArgument:
            return None  # nothing of it is in view; that is no reason not to train
        return box if box.image.channels == channels else None

    def _use(self, made: FineTuned) -> None:
        self._preview_layer.drop()
        self.how.use(made.name)
        self._base = made.base or ""
        self.undo.setVisible(bool(made.base))
        self.message.say(
            f"New model {made.name!r}. S(0.5) on your own objects: {_gain(made)}. Saved in "
            f"{zoo.own_models() / made.name}."
        )
        self.scores.show_scores(made.after)
        if self.image.layer is None:
            self.scores.open_worst()
        self.fine_tuned.emit(made)

    def _progressed(self, progress: Progress) -> None:
        self.curves.add(progress)
        values = progress.values
        if values.get("beyond", 1) < 0.5 and values.get("within", 0) > 0.8 and progress.fraction > 0.3:
            self.message.say("⚠ the embedding collapses: objects come to lie on one another. Raise beta (Options).")
        self._preview_layer.show(progress)

    def _ended(self, why: str) -> None:
        self.unfinished.look()
        if why:
            self._preview_layer.drop()
        if why == "stopped" and self.session.kept:
            self.how.use(self.session.kept)
            self.message.say(f"Stopped. The best so far is kept as {self.session.kept!r}.")
        elif why == "stopped":
            self.message.say("Stopped before anything was learnt; nothing was changed.")

    def _use_old(self) -> None:
        """Go back to the model that the last training started from."""
        self.undo.hide()
        self.how.use(self._base)
        self.message.say(f"Back to {self.how.models.title!r}. The new model stays in the list.")
        self.undone.emit()

    def _give_reasons(self) -> None:
        self.how.give_reasons(*self.lessons.list.data())

    def _connect(self) -> None:
        self.runner.progressed.connect(self._progressed)
        self.runner.ended.connect(self._ended)
        self.start.clicked.connect(self.run)
        self.unfinished.taken.connect(self.go_on)
        self.unfinished.failed.connect(self.message.blame)
        self.undo.clicked.connect(self._use_old)
        self.lessons.list.changed.connect(self._give_reasons)
        self.how.changed.connect(self._give_reasons)

    def _lay_out(self) -> None:
        self.undo.setToolTip("Find the objects with the model that the last training started from.")
        self.preview.setToolTip("Show every few seconds what the model finds by now in what is on screen.")
        self.start.setToolTip("Train; the new model appears in the list and is used at once.")
        self.stop.setToolTip("Stop (Esc), and keep the best model so far.")
        layout = QVBoxLayout(self)
        above, below = (self.unfinished, self.lessons, self.how, self.preview), (self.undo, self.curves, self.scores)
        for part in (*above, self.runner, *below, self.how.fold):
            layout.addWidget(part)
        layout.addStretch()


def _blame(error: Exception) -> None:
    """Say that a training has failed whose panel was closed."""
    show_error(f"The training has failed: {error}")


def _tell(made: FineTuned) -> None:
    """Say that a training has ended whose panel was closed."""
    show_info(f"New model {made.name!r}, in the list of Segment. S(0.5) on your own objects: {_gain(made)}")


def _gain(made: FineTuned) -> str:
    after = f"{made.after.total:.2f}"
    return f"{made.before.total:.2f} -> {after}" if made.before.scores else after
