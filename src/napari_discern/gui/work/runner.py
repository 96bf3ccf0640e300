"""Runner: the two buttons, the bar and the line of words of one piece of work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_discern.gui.widgets.message import Message
from napari_discern.gui.work.work import Work
from napari_discern.progress import Progress, Steps


class Runner(QWidget):
    """Hands pipelines to the work that all panels share, and follows those that bear its title.

    Parameters
    ----------
    title : str
        What it runs, by which it knows its own again.
    start, stop : buttons
        Laid out above the bar; what a click on the first does is up to the panel.

    Attributes
    ----------
    message : Message
        What went wrong is told here.

    Signals
    -------
    progressed : Progress
    ended : str
        As of `Work`, for its own pipelines only.
    """

    progressed = Signal(object)
    ended = Signal(str)

    def __init__(self, work: Work, title: str, start: QPushButton, stop: QPushButton) -> None:
        super().__init__()
        self.work, self.title, self._start, self._stop, self._mine = work, title, start, stop, False
        self.bar, self.message = QProgressBar(textVisible=True, visible=False), Message()
        buttons, layout = QHBoxLayout(), QVBoxLayout(self)
        buttons.addWidget(start, 2)
        buttons.addWidget(stop, 1)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.message)
        self._busy(False)
        stop.clicked.connect(work.stop)
        work.progressed.connect(self._progressed)
        work.stopping.connect(self._stopping)
        work.failed.connect(self._failed)
        work.ended.connect(self._ended)

    def run(self, make: Callable[[], Steps[Any]], use: Callable[[Any], object], words: str = "") -> bool:
        """Make a pipeline and start it; say so, or why it cannot be, and return which.

        Parameters
        ----------
        make : function
            May raise ValueError or OSError: what the user has to mend first.
        use : function
            Gets the result, in the thread of the window.
        words : str
            What to say while it runs.
        """
        try:
            self.work.start(self.title, make(), use)
        except (ValueError, OSError) as error:
            self.message.blame(error)
            return False
        self._busy(True)
        self.message.say(words)
        return True

    def adopt(self, use: Callable[[Any], object], words: str) -> bool:
        """Follow what runs under this title already, started by a panel that was closed meanwhile, if there is such."""
        if not self.work.busy or self.work.title != self.title:
            return False
        self.work.hand_to(use)
        self._busy(True)
        self.message.say(words)
        return True

    def leave(
        self, use: Callable[[Any], object] | None = None, blame: Callable[[Exception], object] | None = None
    ) -> None:
        """Let go of the work: what this started is stopped, or goes on for `use`, and `blame` if it fails."""
        if self._mine:
            self._mine = False
            self.work.hand_to(use or (lambda _: None), blame)
            if use is None:
                self.work.stop()

    def _busy(self, busy: bool) -> None:
        self._mine = busy
        self._start.setEnabled(not busy)
        self._stop.setEnabled(busy)
        self.bar.setVisible(busy)
        self.bar.setRange(0, 0)

    def _progressed(self, progress: Progress, left: float) -> None:
        if not self._mine:
            return
        self.bar.setRange(0, 1000 if progress.total > 0 else 0)
        self.bar.setValue(round(1000 * progress.fraction))
        rest = f", {left:.0f} s left" if np.isfinite(left) else ""
        self.bar.setFormat(f"{progress.stage} %p %{rest}")
        if progress.warning:
            self.message.say(f"⚠ The work goes on, but: {progress.warning}")
        self.progressed.emit(progress)

    def _stopping(self) -> None:
        if self._mine:
            self.message.say("Stopping…")

    def _failed(self, error: Exception) -> None:
        if self._mine:
            self.message.blame(error)

    def _ended(self, why: str) -> None:
        if self._mine:
            self._busy(False)
            self.ended.emit(why)
