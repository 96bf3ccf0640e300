"""Progress: what a pipeline yields, and where it can be stopped.

A pipeline is a generator. Each `Progress` that it yields is the report *and* the place to stop: closing the
generator there ends the work and runs its clean-up. Its result is the generator's return value.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

from napari_discern.errors import OutOfMemory

log = logging.getLogger(__name__)
S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pipeline has come.

    Attributes
    ----------
    stage : str
        What is being done, in a word or two ("embed", "train").
    done, total : float
        Amount done and amount in all, in the same unit. `total` is 0 where it cannot be known.
    values : mapping of str to float
        Figures worth showing beside the bar (losses, scores), by name.
    peek : callable, optional
        Gives the result as it would be now, where a pipeline can tell; to be called before the pipeline goes on.
    warning : str
        What is amiss while the work goes on; "" where nothing is.
    """

    stage: str
    done: float
    total: float
    values: Mapping[str, float] = field(default_factory=dict)
    peek: Callable[[], Any] | None = field(default=None, compare=False)
    warning: str = ""

    @property
    def fraction(self) -> float:
        """Share done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0


Steps: TypeAlias = Generator[Progress, None, T]
"""A pipeline: yields `Progress`, returns its result."""


def passed_on(steps: Steps[T], change: Callable[[Progress], Progress | None]) -> Steps[T]:
    """The same pipeline with its reports changed, or where `change` gives None left out; closed with this one."""
    try:
        while True:
            progress = change(next(steps))
            if progress is not None:
                yield progress
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        steps.close()


def part_of(steps: Steps[T], stage: str, begin: float, width: float, total: float) -> Steps[T]:
    """The same pipeline, whose progress is a part of a larger one: from `begin` on, `width` of `total`.

    Parameters
    ----------
    steps : generator of Progress
        The pipeline.
    stage : str
        What the part is called.
    begin, width, total : float
        Where it begins and how much it is, of how much.
    """
    return passed_on(steps, lambda p: replace(p, stage=stage, done=begin + width * p.fraction, total=total))


def begun_anew(make: Callable[[S], Steps[T]], first: S, smaller: Iterator[S], words: str) -> Steps[tuple[T, S]]:
    """What a pipeline makes of `first`, or where memory runs out of the next smaller thing; and of which it was.

    Parameters
    ----------
    make : function
        Gives the pipeline; `OutOfMemory` from it says that nothing is lost if it is begun anew.
    first, smaller : object, iterator of such
        What to make it of, and what instead, one after another.
    words : str
        How what is tried instead is called in the warning, with its attributes ("tiles of {0.tile} px").

    Raises
    ------
    OutOfMemory
        If there is nothing smaller.
    """
    tried = first
    while True:
        try:
            return (yield from make(tried)), tried
        except OutOfMemory:
            following = next(smaller, None)
            if following is None:
                raise
        tried = following
        warning = f"memory ran out; begun anew with {words.format(tried)}."
        log.warning(warning)
        yield Progress("begin anew", 0, 0, warning=warning)


def run(steps: Steps[T], report: Callable[[Progress], object] | None = None) -> T:
    """Run a pipeline to its end and return its result.

    Parameters
    ----------
    steps : generator of Progress
        What a pipeline function returned.
    report : callable, optional
        Called with each `Progress`. If it raises, the pipeline is closed and the error passed on.

    Examples
    --------
    >>> def steps():
    ...     yield Progress("count", 1, 2)
    ...     return "done"
    >>> run(steps(), lambda progress: print(progress.stage, progress.fraction))
    count 0.5
    'done'
    """
    try:
        while True:
            progress = next(steps)
            if report is not None:
                report(progress)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        steps.close()
