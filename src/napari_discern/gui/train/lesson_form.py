"""What a model is to learn from: the layers and folders that are picked, and the list of what was taken of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtWidgets import QComboBox, QFileDialog, QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_discern.errors import BadArgument
from napari_discern.gui.layers.look import guess
from napari_discern.gui.layers.overlays import OVERLAY
from napari_discern.gui.layers.planes import Planes
from napari_discern.gui.layers.review import RECIPE
from napari_discern.gui.layers.source import selected_with
from napari_discern.gui.train.lesson import Lesson, from_folders, from_layers
from napari_discern.gui.train.lesson_list import LessonList
from napari_discern.gui.widgets.choices import LayerBox
from napari_discern.gui.widgets.message import Message
from napari_discern.gui.work.session import Session
from napari_discern.model import Card
from napari_discern.training import Labelled


class LessonForm(QWidget):
    """Boxes for the layers of a lesson, buttons that take it, the list of all, and what their unlabelled pixels are.

    Parameters
    ----------
    base : function
        Gives the card of the model to start from, or None.

    Attributes
    ----------
    message : Message
        What went wrong is told here; it lies in the panel.
    """

    def __init__(self, session: Session, base: Callable[[], Card | None], message: Message) -> None:
        super().__init__()
        self.session, self._base, self.message = session, base, message
        self.image = LayerBox(session.viewer, ImageLayer, self, latest=True)
        self.labels = LayerBox(session.viewer, Labels, self)
        self.background = LayerBox(session.viewer, Labels, self, none="None painted")
        self.classes = LayerBox(session.viewer, Labels, self, none="As the labels say")
        self.add, self.folders, self.remove = QPushButton("&Add"), QPushButton("Fol&ders…"), QPushButton("Remo&ve")
        self.list, self.unlabelled = LessonList(), QComboBox()
        self.unlabelled.addItems(["Unknown", "Background"])
        self._own: Lesson | None = None
        self._lay_out()
        self._explain()
        self.add.clicked.connect(lambda: self._try(self.add_layers))
        self.folders.clicked.connect(lambda: self._try(self.add_folders))
        self.remove.clicked.connect(self.list.remove)

    @property
    def dense(self) -> bool:
        """Whether every pixel without a label is background."""
        return bool(self.unlabelled.currentIndex() == 1)

    @property
    def ndim(self) -> int:
        """Dimensions of the model that is to learn from the picked layers; there must be an image."""
        card, image, labels = self._base(), self.image.layer, self.labels.layer
        return card.architecture.ndim if card else min(guess(image).ndim, labels.ndim if labels is not None else 3)

    def data(self) -> tuple[Labelled, Labelled]:
        """The images to learn from and those to check on; the picked layers where nobody has added any.

        Raises
        ------
        BadArgument
            If nothing is labelled, or nothing left to learn from.
        """
        self.list_own()
        learn, check = self.list.data(self.dense)
        if not learn:
            raise BadArgument("every image is ticked to check on; leave some to learn from.")
        return learn, check

    def add_layers(self) -> None:
        """Take the picked layers as a lesson."""
        lesson = self._lesson()
        if self.list.lessons == [self._own]:
            self.list.set([])
        self.list.add(lesson)

    def add_folders(self) -> None:
        """Ask for a folder of images and one of labels, and take them as a lesson."""
        images = QFileDialog.getExistingDirectory(self, "Folder of images")
        labels = QFileDialog.getExistingDirectory(self, "Folder of their labels") if images else ""
        if labels:
            self.list.add(from_folders(images, labels))
            self.unlabelled.setCurrentIndex(1)
            alone = self.list.lessons[-1].alone
            left = f" {len(alone)} without a partner: {', '.join(alone[:3])}…" if alone else ""
            self.message.say(
                f"Labels in folders are taken to be whole: what bears none is background. See below.{left}"
            )

    def list_checked(self) -> None:
        """List what was checked so far, where the labels are a result."""
        with suppress(ValueError):
            if self.labels.layer is not None and RECIPE in Planes.of(self.labels.layer).front.metadata:
                self.list_own()

    def list_own(self) -> None:
        """Let the one lesson that nobody has added be what the picked layers teach by now."""
        if self.list.lessons not in ([], [self._own]) or self.session.work.busy:
            return
        try:
            self._own = self._lesson()
        except ValueError:
            self._own = None
            raise
        finally:
            self.list.set([self._own] if self._own is not None else [])

    def release(self) -> None:
        """Let go of the viewer."""
        for box in (self.image, self.labels, self.background, self.classes):
            box.release()

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
        return from_layers(image, labels, self.ndim, self.background.layer, together, several, self.classes.layer)

    def _try(self, action: Callable[[], object]) -> None:
        self.message.say("")
        try:
            action()
        except (ValueError, OSError) as error:
            self.message.blame(error)

    def _lay_out(self) -> None:
        pair, buttons, below, layout = QFormLayout(), QHBoxLayout(), QFormLayout(), QVBoxLayout(self)
        pair.addRow("&Image", self.image)
        pair.addRow("&Labels", self.labels)
        pair.addRow("&Background", self.background)
        pair.addRow("&Classes", self.classes)
        for button in (self.add, self.folders, self.remove):
            buttons.addWidget(button)
        below.addRow("Pixels without label", self.unlabelled)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(pair)
        layout.addLayout(buttons)
        layout.addWidget(self.list)
        layout.addLayout(below)

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
        self.unlabelled.setToolTip("Unknown: some objects are not labelled yet. Background: every object is labelled.")
