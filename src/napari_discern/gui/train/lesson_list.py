"""The list of images to learn from, which of them are set aside to check on, and a look at three."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QHeaderView, QLabel, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from napari_discern.gui.train.lesson import Lesson, dense
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.pictures import overlay
from napari_discern.training import Labelled, set_aside

LOOKS = 3
"""Images that are drawn."""
SIDE = 96
"""Pixels along the longer side of a drawn one."""
CUT = 512
"""Pixels of an image that are drawn, along each axis."""


class LessonList(QWidget):
    """One row an image: its name, its objects, and whether it is set aside to check the model on.

    Attributes
    ----------
    lessons : list of Lesson

    Signals
    -------
    changed : nothing
        When images came or went.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lessons: list[Lesson] = []
        self._by_hand: dict[tuple[str, int], bool] = {}
        self.list = QTreeWidget()
        self.list.setHeaderLabels(["image", "objects", "check on"])
        self.list.setFixedHeight(120)
        header = self.list.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.list.setToolTip(
            "What the model will learn from. Ticked images are not learnt from: the model is checked on them, and its "
            "thresholds are chosen on them. Of five or more images some are ticked by themselves."
        )
        self.list.itemChanged.connect(self._ticked)
        self.looks = [QLabel() for _ in range(LOOKS)]
        layout, row = QVBoxLayout(self), QHBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        for look in self.looks:
            row.addWidget(look)
        row.addStretch()
        layout.addLayout(row)

    def add(self, lesson: Lesson) -> None:
        """Take a lesson to the others."""
        self.lessons.append(lesson)
        self._fill()

    def set(self, lessons: Sequence[Lesson]) -> None:
        """Take these in place of all."""
        if list(lessons) != self.lessons:
            self.lessons = list(lessons)
            self._fill()

    def remove(self) -> None:
        """Take the lesson of the chosen row out."""
        item = self.list.currentItem()
        if item is not None:
            index = self.list.indexOfTopLevelItem(item.parent() or item)
            del self.lessons[index]
            self._fill()

    def data(self, whole: bool = False) -> tuple[Labelled, Labelled]:
        """The images to learn from, and those to check on; the latter empty where none is ticked.

        With `whole`, everything without a label is background, but in lessons that say themselves what is known.
        """
        learn: list[tuple[Image, Instances]] = []
        check: list[tuple[Image, Instances]] = []
        pairs = [p for one in self.lessons for p in (dense(one.pairs) if whole and not one.partial else one.pairs)]
        for pair, item in zip(pairs, self._items(), strict=True):
            (check if item.checkState(2) == Qt.CheckState.Checked else learn).append(pair)
        return learn, check

    def _pairs(self) -> list[tuple[Image, Instances]]:
        return [pair for lesson in self.lessons for pair in lesson.pairs]

    def _items(self) -> Iterator[QTreeWidgetItem]:
        for k in range(self.list.topLevelItemCount()):
            lesson = self.list.topLevelItem(k)
            yield from (lesson.child(i) for i in range(len(self.lessons[k].pairs)))

    def _fill(self) -> None:
        aside, names = set(set_aside(len(self._pairs()), 0)), {lesson.name for lesson in self.lessons}
        self._by_hand = {place: ticked for place, ticked in self._by_hand.items() if place[0] in names}
        self.list.blockSignals(True)
        self.list.clear()
        count = 0
        for lesson in self.lessons:
            top = QTreeWidgetItem([lesson.name, str(lesson.objects), f"{lesson.labelled:.0%} labelled"])
            if lesson.shared:
                top.setText(2, f"{lesson.labelled:.0%} labelled, {lesson.shared:.0%} of that shared")
                top.setToolTip(2, "Objects share pixels: the model that is trained can tell them apart there.")
            self.list.addTopLevelItem(top)
            for number, (image, truth) in enumerate(lesson.pairs):
                item = QTreeWidgetItem(top, [f"{number + 1}: {image.name}", str(truth.n)])
                ticked = self._by_hand.get((lesson.name, number), count in aside)
                item.setData(0, Qt.ItemDataRole.UserRole, (lesson.name, number))
                item.setCheckState(2, Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
                count += 1
            for name in lesson.alone:
                QTreeWidgetItem(top, [f"⚠ {name}", "", "no partner"]).setDisabled(True)
        self.list.expandAll()
        self.list.blockSignals(False)
        self._draw()
        self.changed.emit()

    def _ticked(self, item: QTreeWidgetItem) -> None:
        """Remember what was ticked by hand."""
        place = item.data(0, Qt.ItemDataRole.UserRole)
        if place is not None:
            self._by_hand[tuple(place)] = item.checkState(2) == Qt.CheckState.Checked

    def _draw(self) -> None:
        pairs = self._pairs()
        picked = np.random.default_rng(len(pairs)).permutation(len(pairs))[:LOOKS]
        for look in self.looks:
            look.clear()
        for look, index in zip(self.looks, sorted(picked), strict=False):
            look.setPixmap(_picture(*pairs[index]))
            look.setToolTip(pairs[index][0].name)


def _picture(image: Image, truth: Instances) -> QPixmap:
    middle = tuple(slice(max(0, (n - CUT) // 2), max(0, (n - CUT) // 2) + CUT) for n in image.spatial_shape)
    pixels = image.read(middle)
    part = Image(pixels, "c" + image.spatial_axes, image.spacing, image.unit, image.name)
    drawn = np.ascontiguousarray(overlay(part, truth.crop(middle)))
    height, width = drawn.shape[:2]
    picture = QImage(drawn.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(picture).scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio)
