"""Volume: the pipeline from one OME-Zarr image to its labels, in memory that does not grow with it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from napari_discern import io
from napari_discern.batch.crew import Crew
from napari_discern.batch.events import Event, Events
from napari_discern.batch.memory import give_back
from napari_discern.batch.output import Target, create, finish, publish, refuse_finished
from napari_discern.batch.plan import Plan, frame_of
from napari_discern.batch.report import VolumeReport, events_at_seams, objects_of
from napari_discern.batch.settings import Batch
from napari_discern.batch.tile import FillWork, Finder, SeamWork, TileDone, TileWork, compare_tile, do_tile, fill_tile
from napari_discern.batch.workplace import Workplace, writing
from napari_discern.errors import BadFile, OutOfMemory, TileFailed
from napari_discern.image import Image
from napari_discern.normalise import SAMPLE, Scaling
from napari_discern.progress import Progress, Steps, part_of
from napari_discern.tiles import Joined, join, sides

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
SEAMS = "seams.json"
JOIN, FILL, PYRAMID = 0.05, 0.03, 0.02
"""Shares of the bar that joining, writing and the smaller levels take."""
LITTLE = 0.1
"""Share of the tiles that may be done in vain: where memory runs out later a run is not begun anew."""


@dataclass(frozen=True)
class Job:
    """A volume to be done.

    Attributes
    ----------
    volume : Path
        The OME-Zarr image.
    plan : Plan
        How.
    finder : callable
        What finds the objects of a patch.
    batch : Batch
        Where, and what becomes of tiles that could not be done.
    resume, overwrite : bool
        Whether to go on with an unfinished run; whether to replace a finished one.
    """

    volume: Path
    plan: Plan
    finder: Finder
    batch: Batch = field(default_factory=Batch)
    resume: bool = False
    overwrite: bool = False

    @property
    def workplace(self) -> Workplace:
        """Where the run keeps what it has."""
        return Workplace(self.volume, self.plan.label_name)


def label_volume(job: Job, crew: Crew) -> Steps[VolumeReport]:
    """Find the objects of a volume and write them into it as a label image.

    Yields
    ------
    Progress
        One a tile, and one a part of what follows. Closed, or killed, it leaves what is done for `resume`.

    Raises
    ------
    OutputExists
        If the label image, or an unfinished run, is there and may not be replaced or gone on with; if one is at work.
    BadFile
        If the volume cannot be written to, or tiles could not be done.
    OutOfMemory
        If tiles are too large and hardly one was done; nothing of the run is left then.
    TileFailed
        If tiles are too large, or fail for a reason that others would fail for as well. What is done stays.
    """
    begun, workplace = time.perf_counter(), job.workplace
    with writing(job.volume), workplace.locked():
        done = _done_before(job)
        if done is not None:
            return done
        refuse_finished(workplace, 1, job.overwrite)
        resumed = workplace.begin(job.plan, job.resume, job.overwrite)
        _note(workplace, f"{'resumed' if resumed else 'begun'}: {len(job.plan.grid)} tiles, {job.plan.count} frame(s)")
        yield from _settled(job)
        _refuse_gaps(job, (yield from _tiles(job, crew, resumed)))
        give_back()
        frames: list[Joined] = []
        for frame in range(job.plan.count):
            frames.append((yield from _joined_frame(workplace, frame, job.plan, crew)))
            give_back()
        report = yield from _published(job, frames, crew)
        workplace.remove()
    return replace(report, seconds=time.perf_counter() - begun)


def _done_before(job: Job) -> VolumeReport | None:
    """The report of a run that has ended, where the task is to go on with it."""
    seams = job.volume / "labels" / job.plan.label_name / SEAMS
    if not job.resume or job.workplace.exists or not seams.is_file():
        return None
    log.warning("%s: %r is done already.", job.volume, job.plan.label_name)
    return VolumeReport.from_json(seams.read_text(encoding="utf-8"), job.volume)


def _settled(job: Job) -> Steps[None]:
    """Settle how each time point is normalised, before its tiles are read by several processes."""
    image, plan = io.read(job.volume), job.plan
    for time_point in range(plan.frames[0]):
        yield Progress("normalise", 0, 1)
        view = frame_of(image, {"t": time_point})
        job.workplace.settle(time_point, lambda view=view: _normalised(view, plan))  # type: ignore[misc]


def _normalised(image: Image, plan: Plan) -> Scaling:
    """How an image is normalised; where a part of it cannot be read, from the tiles that can."""
    try:
        return plan.recipe.normalise(image)
    except BadFile as error:
        parts: list[np.ndarray] = []
        leading = (slice(None),) * (len(image.spatial_axes) - len(plan.shape))  # slices are normalised together
        for tile in range(len(plan.grid)):
            with suppress(BadFile):
                parts.append(image.read((*leading, *plan.grid.core(tile))).reshape(image.channels, -1))
            if sum(part.shape[1] for part in parts) >= SAMPLE:
                break
        if not parts:
            raise error
        return plan.recipe.normalise(Image(np.concatenate(parts, axis=1)[:, None], "cyx", name=image.name))


def _tiles(job: Job, crew: Crew, resumed: bool) -> Steps[list[TileDone]]:
    """Do all tiles that are not done; which of them could not be.

    The largest come first: where memory runs out it does so before much is done. Those at hand are waited for then.
    """
    workplace, plan = job.workplace, job.plan
    grid = plan.grid
    largest_first = sorted(range(len(grid)), key=lambda tile: -math.prod(sides(grid.region(tile))))
    todo = [
        TileWork(workplace, frame, tile, job.finder)
        for frame in range(plan.count)
        for bank in [workplace.bank(frame)]
        for tile in largest_first
        if not bank.has(tile)
    ]
    total = plan.count * len(grid)
    done, failed, too_large = total - len(todo), list[TileDone](), list[tuple[str, int]]()
    end = total / (1 - JOIN - FILL - PYRAMID)
    yield Progress("tiles", done, end)
    with closing(crew.each(do_tile, takewhile(lambda _: not too_large, todo))) as results:
        for result in results:
            if result is not None and result.is_too_large:
                too_large.append((result.failure, done))
            elif result is not None:
                done += 1
                if result.failure:
                    failed.append(result)
                    _note(workplace, f"tile {result.tile} of frame {result.frame} failed: {result.failure}")
            yield Progress("tiles", done, end, {"tiles": done, "of": total})
    if too_large:
        _give_up(workplace, *too_large[0], resumed)
    return sorted(failed, key=lambda tile: (tile.frame, tile.tile))


def _give_up(workplace: Workplace, why: str, done: int, resumed: bool) -> NoReturn:
    """Stop where memory ran out. A run that was just begun is removed, for one with smaller tiles; else it is kept."""
    total = workplace.plan.count * len(workplace.plan.grid)
    if not resumed and done <= LITTLE * total:
        workplace.remove()
        raise OutOfMemory(f"{workplace.volume}: {why}")
    _note(workplace, f"memory ran out: {why}")
    raise TileFailed(
        f"{workplace.volume}: memory ran out after {done} of {total} tiles. These are kept: go on with --resume where "
        f"there is more memory, or with fewer --workers; or begin anew with --overwrite and a smaller --tile. ({why})"
    )


def _refuse_gaps(job: Job, failed: Sequence[TileDone]) -> None:
    """Stop where tiles could not be done; with `allow_gaps`, bank them as empty."""
    if failed and not job.batch.allow_gaps:
        raise BadFile(
            f"{job.volume}: {len(failed)} of {job.plan.count * len(job.plan.grid)} tiles could not be done; first: "
            f"{failed[0].failure} The others are done and kept: mend it and go on with --resume, or finish without "
            "these tiles with --resume --allow-gaps."
        )
    for tile in failed:
        bank = job.workplace.bank(tile.frame)
        bank.write(tile.tile, np.zeros((1, *sides(bank.grid.region(tile.tile))), np.uint32), {}, tile.failure)


def _joined_frame(workplace: Workplace, frame: int, plan: Plan, crew: Crew) -> Steps[Joined]:
    width = JOIN / plan.count
    work = (SeamWork(workplace, frame, tile) for tile in range(len(plan.grid)))
    with closing(crew.each(compare_tile, work)) as compared:
        steps = join(workplace.bank(frame), plan.recipe.min_size, compared)
        return (yield from part_of(steps, "join", 1 - JOIN - FILL - PYRAMID + frame * width, width, 1))


def _published(job: Job, frames: Sequence[Joined], crew: Crew) -> Steps[VolumeReport]:
    """Write all tiles, the table, the smaller levels and the report, and move them into the volume."""
    workplace, planes = job.workplace, max(found.planes for found in frames)
    refuse_finished(workplace, planes, job.overwrite)
    yield from _filled(workplace, frames, planes, crew)
    give_back()
    cut: list[Event] = []
    finishing = finish(workplace, planes, _objects(job, frames, cut))
    yield from part_of(finishing, "pyramid", 1 - PYRAMID, PYRAMID, 1)
    report = _report(job, frames, cut)
    _note(workplace, report.line)
    publish(workplace, planes, job.overwrite, _extras(workplace, report))
    return report


def _filled(workplace: Workplace, frames: Sequence[Joined], planes: int, crew: Crew) -> Steps[None]:
    """Write all tiles to the result."""
    target = create(workplace, planes, sum(found.n for found in frames))
    done, total = 0, workplace.plan.count * len(workplace.plan.grid)
    with closing(crew.each(fill_tile, _fillings(workplace, target, frames))) as results:
        for result in results:
            done += result is not None
            yield Progress("write", 1 - FILL - PYRAMID + FILL * done / total, 1)


def _fillings(workplace: Workplace, target: Target, frames: Sequence[Joined]) -> Iterator[FillWork]:
    for frame, (found, first) in enumerate(zip(frames, _firsts(frames), strict=True)):
        for tile, ids in enumerate(found.ids):
            planes = found.plane[ids]
            yield FillWork(workplace, target, frame, tile, np.where(ids > 0, ids.astype(np.int64) + first, 0), planes)


def _firsts(frames: Sequence[Joined]) -> list[int]:
    """What the ids of each frame are counted from, so that all ids of a volume are different."""
    return [0, *np.cumsum([found.n for found in frames])[:-1].tolist()]


def _report(job: Job, frames: Sequence[Joined], cut: Sequence[Event]) -> VolumeReport:
    plan, grid = job.plan, job.plan.grid
    axes = ("tz"[: len(plan.frames)] if plan.count > 1 else "") + "zyx"[-len(plan.shape) :]
    events = [Events.of(cut, len(axes))]
    for frame, (found, first) in enumerate(zip(frames, _firsts(frames), strict=True)):
        leading = list(plan.place(frame).values()) if plan.count > 1 else []
        events.append(events_at_seams(found, leading, first))
        middles = {tile: [(core.start + core.stop - 1) / 2 for core in grid.core(tile)] for tile in found.failures}
        failed = [Event("failed", (*leading, *middles[tile]), text=why) for tile, why in found.failures.items()]
        events.append(Events.of(failed, len(axes)))
    objects = sum(found.n for found in frames)
    every = Events.chained(events, len(axes))
    return VolumeReport(job.volume, plan.label_name, axes, objects, plan.count * len(grid), every)


def _objects(job: Job, frames: Sequence[Joined], cut: list[Event]) -> Iterator[pd.DataFrame]:
    """The table of all objects in parts; those that no tile saw whole are put into `cut`."""
    spacing = frame_of(io.read(job.volume), job.plan.place(0)).spacing
    for frame, (found, first) in enumerate(zip(frames, _firsts(frames), strict=True)):
        for table, unseen in objects_of(found, job.plan, job.plan.place(frame), first, spacing):
            cut += unseen
            yield table


def _extras(workplace: Workplace, report: VolumeReport) -> list[Path]:
    """Files that go beside the labels: recipe, report, log."""
    recipe, seams, points = (workplace.path / name for name in ("recipe.toml", SEAMS, "seams.csv"))
    recipe.write_text(workplace.plan.recipe.to_toml(), encoding="utf-8")
    with seams.open("w", encoding="utf-8") as file:
        file.writelines(report.json())
    for number, table in enumerate(report.tables()):
        table.to_csv(points, index=False, mode="a" if number else "w", header=not number)
    return [recipe, seams, points, workplace.log]


def _note(workplace: Workplace, text: str) -> None:
    with workplace.log.open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {text}\n")
