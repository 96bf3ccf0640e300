"""Bank: what each tile found, kept on disk until all of them are put together.

A tile is a folder with its label planes and what is known of its objects. It is written under another name and then
renamed, so that it is there whole or not at all, whenever the program ends and however many write it.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_discern.instances import Instances, count_pixels, object_sums, partners
from napari_discern.lazy import LazyModule
from napari_discern.tiles.grid import Box, Grid, relative

if TYPE_CHECKING:
    import zarr
else:
    zarr = LazyModule("zarr")

LABELS, OBJECTS = "labels.zarr", "objects.npz"

CHUNK = {2: 256, 3: 64}
"""Side of a chunk of a tile's labels, in pixels; seams are read without the rest of the tile."""
EXTENTS = {"seen", "own", "cut", "overlap"} | {f"{what}_{a}" for what in ("sum", "min", "max") for a in "zyx"}
"""Columns that a bank finds out itself."""
Table: TypeAlias = Mapping[str, NDArray[Any]]
"""Columns of equal length by name, a row an object."""


@dataclass(frozen=True)
class TileObjects:
    """What one tile says of its objects 1..N.

    Attributes
    ----------
    objects : mapping of str to float64 array of shape (N,)
        `seen` and `own`: pixels in the region and in the core. `cut`: whether the object touches a side of the region
        where the image goes on. Of the part in the core, in pixels of the image: `sum_y`, `min_y`, `max_y` and alike,
        and `overlap`, the pixels that it shares. Beside these whatever was measured.
    partners : int64 array of shape (K, 3)
        Pairs of objects that share pixels of the core, and how many.
    failure : str
        Why there is nothing, where the tile could not be done; "" otherwise.
    """

    objects: Table
    partners: NDArray[np.int64]
    failure: str = ""

    @property
    def n(self) -> int:
        """Number of objects."""
        return len(self.objects["seen"])


class Bank:
    """Labels and objects of the tiles of a grid.

    Parameters
    ----------
    folder : Path
        Where they are kept; it must be there.
    grid : Grid
        How the image is cut.
    """

    def __init__(self, folder: Path, grid: Grid) -> None:
        self.folder, self.grid = folder, grid

    def write(self, tile: int, layers: NDArray[np.uint32], measures: Table, failure: str = "") -> None:
        """Keep what was found in the region of a tile. A tile that is there, and did not fail, stays as it is.

        Parameters
        ----------
        layers : uint32 array of shape (L, \\*S)
            Label layers as `find_objects` gives them, ids 1..N, objects of all sizes.
        measures : mapping of str to array of shape (N,)
            Further columns of `TileObjects.objects`.
        failure : str
            Why there is nothing, if the tile could not be done.

        Raises
        ------
        FileNotFoundError
            If the folder of the bank is gone, since the run that it belongs to is over.
        """
        planes = Instances.from_layers(layers).planes
        found = _describe(planes, self.grid, tile)
        temporary = self.folder / f".{tile:06d}.{uuid.uuid4().hex[:12]}"
        temporary.mkdir()
        try:
            chunks = [min(CHUNK[planes.ndim - 1], n) for n in planes.shape[1:]]
            shard = [-(-n // chunk) * chunk for n, chunk in zip(planes.shape[1:], chunks, strict=True)]
            array = zarr.create_array(
                temporary / LABELS,
                shape=planes.shape,
                dtype="uint32",
                chunks=(1, *chunks),
                shards=(len(planes), *shard),
            )
            array[...] = planes
            stated: dict[str, Any] = {f"objects.{name}": v for name, v in {**found.objects, **measures}.items()}
            np.savez(temporary / OBJECTS, partners=found.partners, failure=np.array(failure), **stated)
            self._place(temporary, tile)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def has(self, tile: int) -> bool:
        """Whether a tile is there and did not fail."""
        return self._tile(tile).is_dir() and not self.found(tile).failure

    def read(self, tile: int, box: Box) -> NDArray[np.uint32]:
        """The label planes of a tile in a box of the image, uint32 (P, \\*S)."""
        inside = relative(box, self.grid.region(tile))
        return np.asarray(zarr.open_array(self._tile(tile) / LABELS, mode="r")[(slice(None), *inside)])

    def found(self, tile: int) -> TileObjects:
        """What a tile says of its objects."""
        with np.load(self._tile(tile) / OBJECTS, allow_pickle=False) as stated:
            columns = {name.removeprefix("objects."): stated[name] for name in stated if name.startswith("objects.")}
            return TileObjects(columns, stated["partners"], str(stated["failure"]))

    def _place(self, temporary: Path, tile: int) -> None:
        """Give a tile its name; where another process was faster, its tile stays."""
        if self._tile(tile).is_dir() and not self.has(tile):
            self._tile(tile).rename(temporary.with_suffix(".failed"))
            shutil.rmtree(temporary.with_suffix(".failed"), ignore_errors=True)
        try:
            temporary.rename(self._tile(tile))
        except OSError:
            if not self.has(tile):
                raise

    def _tile(self, tile: int) -> Path:
        return self.folder / f"{tile:06d}"


def _describe(planes: NDArray[np.uint32], grid: Grid, tile: int) -> TileObjects:
    region, core = grid.region(tile), grid.core(tile)
    number = int(planes.max(initial=0))
    axes = "zyx"[4 - planes.ndim :]
    own = planes[(slice(None), *relative(core, region))]
    sums = object_sums(own, number, axes, [part.start for part in core])
    columns: dict[str, NDArray[Any]] = {
        "seen": count_pixels(planes, number)[1:],
        "cut": reaching(planes, region, tuple(slice(0, n) for n in grid.shape))[1:],
        **{name: values for name, values in sums.items() if name != "plane"},
    }
    return TileObjects(columns, partners(own))


def reaching(planes: NDArray[np.uint32], box: Box, beyond: Box) -> NDArray[np.bool_]:
    """By id, whether an object of label planes that lie in a box reaches a side beyond which another box goes on."""
    reach = np.zeros(int(planes.max(initial=0)) + 1, bool)
    for axis, (here, there) in enumerate(zip(box, beyond, strict=True), start=1):
        if there.start < here.start:
            reach[planes.take(0, axis)] = True
        if here.stop < there.stop:
            reach[planes.take(-1, axis)] = True
    reach[0] = False
    return reach
