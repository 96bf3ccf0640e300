"""Tile: what is done for one tile of a volume, in whichever process."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np

from napari_discern import io, zoo
from napari_discern.batch.output import Target
from napari_discern.batch.plan import frame_of
from napari_discern.batch.workplace import Workplace, writing
from napari_discern.errors import DiscernError
from napari_discern.model import Model
from napari_discern.progress import run
from napari_discern.recipe import Recipe
from napari_discern.segmentation import Measures, Patches, all_sizes, find_in_patch


class Finder(Protocol):
    """Finds the objects of a normalised patch (C, \\*S): label layers, uint32 (L, \\*S), ids 1..N, and measures."""

    def __call__(self, patch: np.ndarray) -> tuple[np.ndarray, Measures]:
        """Label layers and measures of a patch, objects of all sizes."""


@dataclass(frozen=True)
class ModelFinder:
    """Finds objects with the model of a recipe, which each process loads once."""

    recipe: Recipe

    def __call__(self, patch: np.ndarray) -> tuple[np.ndarray, Measures]:
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
    """What became of a tile: its objects, or why there are none."""

    frame: int
    tile: int
    objects: int
    seconds: float
    peak: int
    failure: str = ""


def do_tile(work: TileWork) -> TileDone:
    """Find the objects of a tile and bank them. What is wrong with its pixels is told, not raised."""
    begun = time.perf_counter()
    bank = work.workplace.bank(work.frame)
    try:
        patch = _patches(work.workplace, work.workplace.begun, work.frame).read(bank.grid.regions[work.tile])
        layers, measures = work.finder(patch)
    except DiscernError as error:
        return TileDone(work.frame, work.tile, 0, time.perf_counter() - begun, peak_memory(), str(error))
    with writing(work.workplace.volume):
        bank.write(work.tile, layers, measures)
    return TileDone(work.frame, work.tile, int(layers.max(initial=0)), time.perf_counter() - begun, peak_memory())


@dataclass(frozen=True)
class FillWork:
    """One tile of the result to be written.

    Attributes
    ----------
    ids : int64 array
        The id in the volume of each id of the tile; 0 for what is left out.
    planes : int array
        The plane of each id of the tile.
    """

    workplace: Workplace
    target: Target
    frame: int
    tile: int
    ids: np.ndarray
    planes: np.ndarray


def fill_tile(work: FillWork) -> int:
    """Write the labels of a tile's core to the result; the number of bytes that they take."""
    bank = work.workplace.bank(work.frame)
    core = bank.grid.cores[work.tile]
    found = bank.read(work.tile, core)
    with writing(work.workplace.volume):
        for plane, array in enumerate(work.target.arrays()):
            chosen = np.where(work.planes == plane, work.ids, 0).astype(array.dtype)
            labels = chosen[found].max(axis=0)
            array[work.target.place(work.workplace.plan.place(work.frame), core)] = labels
    return int(found.nbytes)


def peak_memory() -> int:
    """The most memory that this process has had so far, in bytes."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@lru_cache(maxsize=4)
def _patches(workplace: Workplace, begun: int, frame: int) -> Patches:
    """What is read from a frame; `begun` tells one run from another."""
    plan = workplace.plan
    image = frame_of(io.read(workplace.volume), plan.place(frame))
    return Patches(image, plan.recipe.box(plan.shape), workplace.scaling(frame))


@lru_cache(maxsize=2)
def _model(recipe: Recipe) -> Model:
    return replace(zoo.load_model(recipe.model, recipe.device), precision=recipe.precision)
