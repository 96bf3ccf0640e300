"""Tile: what is done for one tile of a volume, in whichever process."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_discern import io
from napari_discern.batch.memory import now_and_then
from napari_discern.batch.output import Target
from napari_discern.batch.plan import frame_of
from napari_discern.batch.workplace import Workplace, writing
from napari_discern.errors import BadFile, DiscernError, OutOfMemory, TileFailed
from napari_discern.model import Model, zoo
from napari_discern.progress import run
from napari_discern.segmentation import Measures, Patches, Recipe, all_sizes, check_weights, find_in_patch, set_up
from napari_discern.tiles import Compared, compare, lay


class Finder(Protocol):
    """Finds the objects of a normalised patch (C, \\*S): label layers, uint32 (L, \\*S), ids 1..N, and measures."""

    def __call__(self, patch: NDArray[np.float32]) -> tuple[NDArray[np.uint32], Measures]:
        """Label layers and measures of a patch, objects of all sizes."""


@dataclass(frozen=True)
class ModelFinder:
    """Finds objects with the model of a recipe, which each process loads once."""

    recipe: Recipe

    def __call__(self, patch: NDArray[np.float32]) -> tuple[NDArray[np.uint32], Measures]:
        """Label layers and measures of a patch, objects of all sizes."""
        return run(find_in_patch(patch, _model(self.recipe), all_sizes(self.recipe)))


@dataclass(frozen=True)
class TileWork:
    """One tile to be done: which, and how."""

    workplace: Workplace
    frame: int
    tile: int
    finder: Finder


@dataclass(frozen=True)
class TileDone:
    """A tile that is done, and why there is nothing in it if it could not be.

    Attributes
    ----------
    failure : str
        What was wrong; "" where nothing was.
    is_too_large : bool
        Whether it was memory that ran out.
    """

    frame: int
    tile: int
    failure: str = ""
    is_too_large: bool = False


def do_tile(work: TileWork) -> TileDone:
    """Find the objects of a tile and bank them. What is wrong with its pixels, or its size, is told, not raised.

    Raises
    ------
    TileFailed
        If anything else goes wrong, which would in other tiles as well.
    """
    workplace = work.workplace
    bank = workplace.bank(work.frame)
    region = bank.grid.region(work.tile)
    try:
        patch = _patches(workplace, workplace.run, work.frame).read(region)
    except BadFile as error:
        return TileDone(work.frame, work.tile, str(error))
    try:
        layers, measures = work.finder(patch)
    except OutOfMemory as error:
        return TileDone(work.frame, work.tile, str(error), is_too_large=True)
    except DiscernError:
        raise
    except Exception as error:  # from whichever library
        raise TileFailed(
            f"{workplace.volume}: a tile of {' x '.join(map(str, patch.shape[1:]))} px could not be done "
            f"({type(error).__name__}: {error}). What is done is kept; go on with --resume."
        ) from error
    with writing(workplace.volume):
        bank.write(work.tile, layers, measures)
    now_and_then(work.tile)
    return TileDone(work.frame, work.tile)


@dataclass(frozen=True)
class SeamWork:
    """One tile to be compared with its neighbours."""

    workplace: Workplace
    frame: int
    tile: int


def compare_tile(work: SeamWork) -> Compared:
    """Which objects of a tile are those of its neighbours."""
    compared = work.tile, compare(work.workplace.bank(work.frame), work.tile)
    now_and_then(work.tile)
    return compared


@dataclass(frozen=True)
class FillWork:
    """One tile of the result to be written.

    Attributes
    ----------
    ids : int64 array
        The id in the volume of each id of the tile; 0 for what is left out.
    planes : int32 array
        The plane of each id of the tile.
    """

    workplace: Workplace
    target: Target
    frame: int
    tile: int
    ids: NDArray[np.int64]
    planes: NDArray[np.int32]


def fill_tile(work: FillWork) -> int:
    """Write the labels of a tile's core to the result; the number of the tile."""
    bank = work.workplace.bank(work.frame)
    core = bank.grid.core(work.tile)
    arrays = work.target.arrays()
    planes = lay(bank.read(work.tile, core), work.ids, work.planes, len(arrays))
    with writing(work.workplace.volume):
        for array, labels in zip(arrays, planes, strict=True):
            array[work.target.place(work.workplace.plan.place(work.frame), core)] = labels.astype(array.dtype)
    now_and_then(work.tile)
    return work.tile


def peak_memory() -> int:
    """The most memory that this process has had so far, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # where getrusage would tell of the process that this one was begun by
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@lru_cache(maxsize=4)
def _patches(workplace: Workplace, run: str, frame: int) -> Patches:
    """What is read from a frame; `run` tells one run from another."""
    plan = workplace.plan
    image = frame_of(io.read(workplace.volume), plan.place(frame))
    return Patches(image, plan.recipe.box(plan.shape), workplace.scaling(frame))


@lru_cache(maxsize=2)
def _model(recipe: Recipe) -> Model:
    model = zoo.load_model(recipe.model, _own_device(recipe.device))
    check_weights(recipe.weights_sha256, model.card)
    return set_up(model, recipe)


def _own_device(device: str) -> str:
    """For a worker among several GPUs one of its own, if none was asked for."""
    if device != "auto" or "distributed" not in sys.modules:
        return device
    import torch
    from distributed import get_worker

    try:
        number = int(get_worker().name)
    except ValueError:  # no worker, or one with a name that is no number
        return device
    count = torch.cuda.device_count()
    return f"cuda:{number % count}" if count > 1 else device
