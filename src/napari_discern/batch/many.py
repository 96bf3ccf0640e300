"""Many: volumes one after another; what is wrong with one does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_discern.batch.crew import crew_for
from napari_discern.batch.estimate import Estimate
from napari_discern.batch.inputs import Source, sources
from napari_discern.batch.report import VolumeReport
from napari_discern.batch.task import Task
from napari_discern.errors import DiscernError
from napari_discern.progress import Progress, Steps, part_of


@dataclass(frozen=True, kw_only=True)
class VolumeDone(Progress):
    """Progress, when a volume has been done, with what became of it.

    Attributes
    ----------
    result : VolumeReport, Estimate or DiscernError
        Of a volume that was labelled, that was tried, or that could not be done.
    """

    source: Source
    result: VolumeReport | Estimate | DiscernError

    @property
    def report(self) -> VolumeReport | None:
        """The report, of a volume that was labelled."""
        return self.result if isinstance(self.result, VolumeReport) else None


def label_all(task: Task, inputs: Sequence[str], out: Path | None = None) -> Steps[list[VolumeDone]]:
    """Label volumes one after another, with `VolumeDone` at the end of each; closed, it leaves what is done.

    Parameters
    ----------
    task : Task
        What is to be done with each.
    inputs, out : sequence of str, Path or None
        Which volumes, and where others are converted to; as `sources` takes them.

    Raises
    ------
    BadFile, BadArgument
        If nothing is found, or the workers cannot be had.
    """
    images = sources(inputs, out)
    with crew_for(task.batch) as crew:
        return (yield from _each(images, lambda source: task.label(source, crew)))


def estimate_all(task: Task, inputs: Sequence[str], out: Path | None = None) -> Steps[list[VolumeDone]]:
    """Say what labelling will take, from two tiles of each volume; otherwise as `label_all`.

    Parameters
    ----------
    task : Task
        What is to be done.
    inputs, out : sequence of str, Path or None
        As `sources` takes them.
    """

    def tried(source: Source) -> Steps[Estimate]:
        yield Progress("try two tiles", 0, 1)
        return task.estimate(source)

    return (yield from _each(sources(inputs, out), tried))


def _each(images: Sequence[Source], do: Callable[[Source], Steps[VolumeReport | Estimate]]) -> Steps[list[VolumeDone]]:
    """Do something with each volume."""
    done: list[VolumeDone] = []
    for k, source in enumerate(images):
        result: VolumeReport | Estimate | DiscernError
        name = source.path.name
        try:
            result = yield from part_of(do(source), name, k, 1, len(images))
        except DiscernError as error:
            result = error
        done.append(VolumeDone(name, k + 1, len(images), source=source, result=result))
        yield done[-1]
    return done
