"""Console: results on stdout; bars, warnings and errors on stderr."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeVar

from tqdm import tqdm

from napari_discern.progress import Progress, Steps
from napari_discern.progress import run as run_to_end

T = TypeVar("T")
BAR = "{desc} {percentage:3.0f} %|{bar}| {elapsed}, {remaining} left{postfix}"
TERMINAL, FILE = 0.2, 10.0
"""Seconds between two states of a bar, on a terminal and in a log file."""


def say(text: str) -> None:
    """Write a line to stdout, above the bar where one is shown."""
    _write(text, sys.stdout)


def note(text: str) -> None:
    """Write a line to stderr, above the bar where one is shown."""
    _write(text, sys.stderr)


def blame(path: Path, error: Exception) -> None:
    """Say what went wrong with a file, which is named if the error does not name it itself."""
    note(f"error: {error}" if path.name in str(error) else f"error: {path}: {error}")


def _write(text: str, stream: TextIO) -> None:
    with tqdm.external_write_mode(file=stream):
        stream.write(text + "\n")
        stream.flush()


def watch(steps: Steps[T], tell: Callable[[Progress], object] | None = None) -> T:
    """Run a pipeline to its end behind a bar with the time left, and return its result; `tell` gets each report.

    Ctrl-C stops it where it next yields, so that it can clean up and keep what it has; a second one at once.
    """
    interval = TERMINAL if sys.stderr.isatty() else FILE
    bar = tqdm(total=1.0, bar_format=BAR, leave=False, mininterval=interval, miniters=0, file=sys.stderr)
    with bar, _put_off() as interrupt:

        def report(progress: Progress) -> None:
            if tell is not None:
                tell(progress)
            interrupt()
            _move(bar, progress)

        return run_to_end(steps, report)


@contextmanager
def _put_off() -> Iterator[Callable[[], None]]:
    """Put Ctrl-C off until the function given is called; a second one is not put off."""
    asked = threading.Event()

    def ask(*_: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        note("stopping as soon as this step is done; Ctrl-C again stops at once.")

    def interrupt() -> None:
        if asked.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only there can Ctrl-C be had
        yield interrupt
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
    interrupt()


def _move(bar: tqdm[None], progress: Progress) -> None:
    """Bring the bar up to date; it starts anew where the pipeline does."""
    bar.set_description_str(progress.stage, refresh=False)
    if progress.fraction < bar.n:
        bar.reset()
    bar.set_postfix_str(", ".join(f"{k} {v:.4g}" for k, v in progress.values.items()), refresh=False)
    bar.update(progress.fraction - bar.n)


class _Messages(logging.Handler):
    """Shows what the package logs: warnings by that word, notes as they are."""

    def emit(self, record: logging.LogRecord) -> None:
        word = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
        note(word + record.getMessage())


@contextmanager
def messages(level: int = logging.WARNING) -> Iterator[None]:
    """Show what the package logs, from `level` on, while the block runs."""
    logger, handler = logging.getLogger("napari_discern"), _Messages()
    before = logger.level
    logger.setLevel(level)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@contextmanager
def notes() -> Iterator[None]:
    """Show notes as well as warnings while the block runs; inside `messages`."""
    logger = logging.getLogger("napari_discern")
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
