"""The panel Explore: the embedding of what was found, to look at; objects grown by a click; a model's proposals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QLabel, QWidget

from napari_discern.gui.explore.growing import Growing
from napari_discern.gui.explore.known import Known
from napari_discern.gui.explore.looking import Looking
from napari_discern.gui.explore.proposing import Proposing
from napari_discern.gui.layers.overlays import Overlays
from napari_discern.gui.widgets.layout import button, stack
from napari_discern.gui.widgets.message import Message
from napari_discern.gui.work.shared import Shared


class ExplorePanel(QWidget):
    """Works on the last result, where one tile held it all; hands the mouse on to its parts.

    Parameters
    ----------
    shared : Shared
    run_in_view : callable
        Finds the objects of what the canvas shows, and returns what there is to say.
    """

    def __init__(self, shared: Shared, run_in_view: Callable[[], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shared, self.viewer, self.message = shared, shared.session.viewer, Message()
        overlays = Overlays(self.viewer)
        self.look = button(
            "&Look at what is shown", "Find the objects of what the canvas shows, and keep their embedding to look at."
        )
        self.look.clicked.connect(lambda: self.message.say(run_in_view()))
        self.looking = Looking(shared, overlays, self.message)
        self.growing = Growing(shared, overlays, self.message)
        self.proposing = Proposing(shared, overlays)
        self.kept = button(
            "Kee&p what is shown", "Make the growing object, or the proposal, one of the result (Enter).", self.keep
        )
        self.kept.setShortcut("Return")
        about = QLabel("Works on the last result, where it fits in one tile.", wordWrap=True)
        parts = (self.looking, self.growing, self.proposing, self.kept, self.message, self.looking.scatter)
        stack(self, about, self.look, *parts).addStretch()
        shared.shown.connect(self._maybe_refresh)
        self._mouse = {
            self._hover: self.viewer.mouse_move_callbacks,
            self._press: self.viewer.mouse_drag_callbacks,
            self._turn: self.viewer.mouse_wheel_callbacks,
        }
        for callback, callbacks in self._mouse.items():
            callbacks.append(callback)

    def refresh(self) -> None:
        """Draw anew what is switched on, for the last result."""
        if Known.of(self.shared) is not None:
            self.looking.refresh()
            self.growing.show_seeds()
            self.proposing.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what was found while the panel was hidden."""
        super().showEvent(event)
        self.refresh()

    def release(self) -> None:
        """Let go of the viewer."""
        self.proposing.release()
        for callback, callbacks in self._mouse.items():
            if callback in callbacks:
                callbacks.remove(callback)

    def keep(self) -> None:
        """Make the proposal that is shown, or the object that is growing, one of the result."""
        part = self.growing if self.proposing.chosen is None else self.proposing
        part.keep()

    def cancel(self) -> None:
        """Grow nothing any more."""
        self.growing.grow.setChecked(False)
        self.proposing.let_go()

    def _at(self, position: Any) -> tuple[Known, tuple[int, ...]] | None:
        """What is known of the last result, and its pixel at a place of the viewer's world; None beside it."""
        known = Known.of(self.shared)
        if known is None or known.result not in self.viewer.layers:
            return None
        place = known.place(position)
        return None if place is None else (known, place)

    def _hover(self, _: Any, event: Any) -> None:
        if self.looking.alike.isChecked() and (there := self._at(event.position)) is not None:
            self.looking.hover(*there)

    def _press(self, _: Any, event: Any) -> Iterator[None]:
        there = self._at(event.position)
        yield
        moved = False
        while event.type == "mouse_move":
            moved = True
            yield
        if there is None or moved:
            return
        known, place = there
        label = int(known.labels[place])
        if label:
            self.looking.scatter.highlight(label)
        if self.proposing.shown.isChecked():
            self.proposing.choose(place)
        else:
            self.growing.click(known, place)

    def _turn(self, _: Any, event: Any) -> None:
        """The wheel makes the growing object larger or smaller, in place of the zoom."""
        if self.growing.turn(float(np.sum(event.delta))):
            event.handled = True

    def _maybe_refresh(self) -> None:
        """Draw a new result at once if anybody sees it; else when the panel is shown."""
        if self.isVisible():
            self.refresh()
