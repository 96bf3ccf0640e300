"""Estimate: what a run will take, from two tiles done in a process of their own; and tiles that fit in memory."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_discern import io
from napari_discern.batch.crew import threads_each
from napari_discern.batch.plan import Plan, frame_of
from napari_discern.batch.tile import Finder, peak_memory
from napari_discern.errors import OutOfMemory
from napari_discern.lazy import LazyModule
from napari_discern.normalise import Scaling
from napari_discern.segmentation import Patches
from napari_discern.tiles import Bank, sides

if TYPE_CHECKING:
    import zarr
else:
    zarr = LazyModule("zarr")

TRIALS = 2
SMALLEST = 16
"""A tile is not made smaller, in pixels along an axis."""
ROOM = 0.9
"""Share of the memory that tiles are made for; the rest is for what cannot be foreseen."""


@dataclass(frozen=True)
class Trial:
    """What tiles took.

    Attributes
    ----------
    base, peak : int
        Bytes of memory of the process before the first, and at most.
    seconds : float
        Mean time from reading to banking.
    finishing : float
        Mean time that writing the result will take, a tile.
    written : int
        Mean bytes written, a tile.
    """

    base: int
    peak: int
    seconds: float
    finishing: float
    written: int


@dataclass(frozen=True)
class Estimate:
    """What a run will take, on so many workers."""

    plan: Plan
    trial: Trial
    workers: int
    pixel_bytes: int

    @property
    def tiles(self) -> int:
        """Tiles in all frames."""
        return self.plan.count * len(self.plan.grid)

    @property
    def read(self) -> int:
        """Bytes of pixels to be read, halos included."""
        grid = self.plan.grid
        return self.plan.count * sum(math.prod(sides(grid.region(k))) for k in range(len(grid))) * self.pixel_bytes

    @property
    def written(self) -> int:
        """Bytes to be written: tiles while it runs, and the result."""
        return self.tiles * self.trial.written

    @property
    def seconds(self) -> float:
        """Time from the first tile to the last label."""
        return self.tiles * (self.trial.seconds + self.trial.finishing) / min(self.workers, self.tiles)

    @property
    def line(self) -> str:
        """The estimate in a line."""
        from dask.utils import format_bytes

        grid = self.plan.grid
        core, halo = (" x ".join(map(str, lengths)) for lengths in (sides(grid.core(0)), self.plan.halo))
        read, written, peak = (format_bytes(n) for n in (self.read, self.written, self.trial.peak))
        return (
            f"{self.tiles:,} tiles of {core} px with a halo of {halo} px; reads {read}, writes about {written}; {peak} "
            f"of memory a worker, {_duration(self.seconds)} on {self.workers} worker{'s' if self.workers > 1 else ''}"
        )


def estimate(path: Path, plan: Plan, finder: Finder, workers: int) -> Estimate:
    """Do two tiles, in a process of their own, and say what the whole will take. Nothing is left behind.

    Parameters
    ----------
    path : Path
        The volume, or an image that is to be converted to one.
    plan, finder : Plan, Finder
        How it is cut, and what finds objects in a tile.
    workers : int
        How many share the work.

    Raises
    ------
    OutOfMemory
        If a tile is too large.
    """
    image = frame_of(io.read(path), plan.place(0))
    scaling = plan.recipe.normalise(image)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            trial = pool.submit(_try, path, plan, finder, scaling, _typical(plan), threads_each(workers)).result()
        except BrokenProcessPool as error:
            raise OutOfMemory(
                f"{path}: the process that tried a tile of {' x '.join(map(str, plan.tile))} px died, as one does that "
                "takes too much memory. Take a smaller --tile."
            ) from error
    return Estimate(plan, trial, workers, image.channels * np.dtype(image.data.dtype).itemsize)


def fitting_tile(estimated: Estimate, memory: int) -> int | None:
    """The side of a tile with which all workers together stay within so many bytes; None if it is small enough.

    Raises
    ------
    OutOfMemory
        If the smallest tile is too large.
    """
    from dask.utils import format_bytes

    trial, share = estimated.trial, ROOM * memory / estimated.workers
    if trial.peak <= share:
        return None
    plan = estimated.plan
    each = (trial.peak - trial.base) / math.prod(sides(plan.grid.region(_typical(plan)[0])))
    needed = 0.0
    for side in range(max(max(plan.tile) - 1, SMALLEST), SMALLEST - 1, -1):
        size = [min(side + 2 * h, n) for h, n in zip(plan.halo, plan.shape, strict=True)]
        needed = trial.base + each * math.prod(size)
        if needed <= share:
            return side
    raise OutOfMemory(
        f"{format_bytes(memory)} are too little: with the smallest tiles {estimated.workers} worker(s) take "
        f"{format_bytes(round(estimated.workers * needed / ROOM))}. Give more --memory, or fewer --workers."
    )


def _typical(plan: Plan) -> list[int]:
    """Tiles with regions of the largest kind, from the middle of the volume."""
    regions = [plan.grid.region(tile) for tile in range(len(plan.grid))]
    largest = max(math.prod(sides(r)) for r in regions)
    full = [k for k, region in enumerate(regions) if math.prod(sides(region)) == largest]
    return sorted(full, key=lambda k: abs(k - len(regions) / 2))[:TRIALS]


def _try(path: Path, plan: Plan, finder: Finder, scaling: Scaling, tiles: Sequence[int], threads: int) -> Trial:
    image = frame_of(io.read(path), plan.place(0))
    patches, grid = Patches(image, plan.recipe.box(plan.shape), scaling), plan.grid
    corner = tuple(slice(r.start, min(r.stop, r.start + 2 * SMALLEST)) for r in grid.region(tiles[0]))
    finder(patches.read(corner))  # the model is loaded once
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    base, seconds, finishing, written = peak_memory(), 0.0, 0.0, 0
    for tile in tiles:
        with tempfile.TemporaryDirectory(prefix="napari-discern-") as folder:
            bank = Bank(Path(folder), grid)
            begun = time.perf_counter()
            bank.write(tile, *finder(patches.read(grid.region(tile))))
            done = time.perf_counter()
            labels = bank.read(tile, grid.core(tile))[0]
            zarr.create_array(Path(folder) / "result", data=labels, chunks=tuple(map(min, plan.chunk, labels.shape)))
            seconds, finishing = seconds + done - begun, finishing + time.perf_counter() - done
            written += sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    n = len(tiles)
    return Trial(base, peak_memory(), seconds / n, finishing / n, written // n)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
