"""Latest: quick work off the window's thread, of which only the newest counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal
from superqt.utils import FunctionWorker

from napari_discern.gui.work.work import WorkFailed


class Latest(QObject):
    """Runs one function after another; of those asked for meanwhile only the last.

    Signals
    -------
    failed : Exception
    idle : nothing
        When nothing is left to do.
    """

    failed = Signal(object)
    idle = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: Any = None
        self._next: tuple[Callable[[], Any], Callable[[Any], object]] | None = None

    def start(self, make: Callable[[], Any], use: Callable[[Any], object]) -> None:
        """Run `make` in a thread as soon as the one before is done; `use` gets its result here."""
        self._next = make, use
        if self._running is None:
            self._go()

    def stop(self) -> None:
        """Use nothing of what runs, and run nothing more."""
        self._next = None
        if self._running is not None:
            self._running.returned.disconnect()

    def _go(self) -> None:
        if self._next is None:
            self.idle.emit()
            return
        (make, use), self._next = self._next, None
        self._running = FunctionWorker(_guarded(make))
        self._running.returned.connect(use)
        self._running.errored.connect(self.failed)
        self._running.finished.connect(self._done)
        self._running.start()

    def _done(self) -> None:
        self._running = None
        self._go()


def _guarded(make: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        try:
            return make()
        except RuntimeError as error:
            raise WorkFailed(f"{type(error).__name__}: {error}") from error

    return run
