"""Work: a pipeline that runs in a thread while the window stays alive."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from napari.utils import progress as activity
from qtpy.QtCore import QObject, Signal
from superqt.utils import GeneratorWorker

from napari_discern.errors import DiscernError
from napari_discern.progress import Progress, Steps, passed_on

BREATH = 0.03
"""Seconds between two reports without values, at least."""


class WorkFailed(DiscernError, ValueError):
    """Something went wrong that nobody foresaw. No RuntimeError, which the thread would swallow."""


class _Thread(GeneratorWorker[Progress, None, Any]):
    """Runs a pipeline, and closes it in the same thread, whatever happens, so that it can clean up there."""

    def work(self) -> Any:
        try:
            return super().work()
        finally:
            self._gen.close()


def _guarded(steps: Steps[Any], stopping: Callable[[], bool]) -> Steps[Any]:
    """The same pipeline; a RuntimeError in it comes out as one that the thread passes on.

    Of reports without values that come thick and fast only some are passed on, for the window to have time to live.
    """
    last = -BREATH

    def some(progress: Progress) -> Progress | None:
        nonlocal last
        if not (progress.values or progress.warning or time.monotonic() - last >= BREATH or stopping()):
            return None
        last = time.monotonic()
        return progress

    try:
        return (yield from passed_on(steps, some))
    except RuntimeError as error:
        raise WorkFailed(f"{type(error).__name__}: {error}") from error


class Work(QObject):
    """One pipeline at a time, with its progress, in the panel and in napari's activity corner.

    Attributes
    ----------
    title : str
        What runs, or ran last.

    Signals
    -------
    progressed : Progress, seconds left (float; NaN while unknown)
    ended : str
        "" where the work came to its end, else why not: "stopped" or "failed". The result is handed on after it.
    failed : Exception
        Comes before `ended`.
    stopping : nothing
        Stop was asked for; the work ends where it next reports.
    """

    progressed = Signal(object, float)
    failed = Signal(object)
    ended = Signal(str)
    stopping = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: _Thread | None = None
        self._bar: Any = None
        self.title = ""

    @property
    def busy(self) -> bool:
        """Whether something runs."""
        return self._thread is not None

    def start(self, title: str, steps: Steps[Any], use: Callable[[Any], object]) -> None:
        """Run a pipeline; `use` gets its result, in the thread of the window."""
        if self.busy:
            raise WorkFailed("something else is running; stop it first, or wait until it is done.")
        self._begun, self._why = time.monotonic(), ""
        self.title = title
        self.hand_to(use)
        self._result: tuple[Any, ...] = ()
        self._bar = activity(total=1000, desc=title)
        self._thread = _Thread(_guarded, steps, lambda: self._why == "stopped")
        self._thread.yielded.connect(self._report)
        self._thread.returned.connect(self._keep)
        self._thread.errored.connect(self._fail)
        self._thread.finished.connect(self._end)
        self._thread.start()

    def hand_to(self, use: Callable[[Any], object], blame: Callable[[Exception], object] | None = None) -> None:
        """Give the result of what runs to `use`, and an error to `blame`, in place of whom it was started for."""
        self._use, self._blame = use, blame

    def stop(self) -> None:
        """Ask the pipeline to stop where it next reports; what it has is kept where it keeps things."""
        if self._thread is not None:
            self._why = "stopped"
            self._thread.quit()
            self.stopping.emit()

    def _report(self, progress: Progress) -> None:
        bar, done = self._bar, progress.fraction
        if bar is None:
            return
        passed = time.monotonic() - self._begun
        bar.set_description(progress.stage)  # lets events in: the work may have ended after it
        bar.update(round(1000 * done) - bar.n)
        self.progressed.emit(progress, passed * (1 - done) / done if done > 0.01 else float("nan"))

    def _fail(self, error: Exception) -> None:
        self._why = "failed"
        self.failed.emit(error)
        if self._blame is not None:
            self._blame(error)

    def _keep(self, result: Any) -> None:
        self._result = (result,)

    def _end(self, _: object = None) -> None:
        self._thread, bar, self._bar = None, self._bar, None
        if bar is not None:
            bar.close()
        use, results = self._use, self._result
        self._result = ()
        self.hand_to(lambda _: None)  # so that nothing of it is kept alive
        self.ended.emit(self._why)
        for result in results:
            use(result)  # may start the next piece of work
