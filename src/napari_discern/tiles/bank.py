"""Bank: what each tile found, kept on disk until all of them are put together.

A tile's labels are an array of a zarr group; what is known of its objects is in the attributes of that array, which
are written last. So a tile is there whole or not at all, whenever the program ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_discern.instances import Instances, partners
from napari_discern.tiles.grid import Box, Grid, relative

if TYPE_CHECKING:
    import zarr

CHUNK = {2: 256, 3: 64}
"""Side of a chunk of a tile's labels, in pixels; seams are read without the rest of the tile."""
Table = Mapping[str, np.ndarray]
"""Columns of equal length by name, a row an object."""


@dataclass(frozen=True)
class Found:
    """What one tile says of its objects 1..N.

    Attributes
    ----------
    objects : mapping of str to float64 array of shape (N,)
        `seen` and `own`: pixels in the region and in the core. `cut`: whether the object touches a side of the region
        where the image goes on. Of the part in the core, in pixels of the image: `sum_y`, `min_y`, `max_y` and alike,
        and `overlap`, the pixels that it shares. Beside these whatever was measured.
    partners : int array of shape (K, 2)
        Pairs of objects that share pixels of the core.
    """

    objects: Table
    partners: np.ndarray

    @property
    def n(self) -> int:
        """Number of objects."""
        return len(self.objects["seen"])


class Bank:
    """Labels and objects of the tiles of a grid.

    Parameters
    ----------
    group : zarr.Group
        Where they are kept.
    grid : Grid
        How the image is cut.
    """

    def __init__(self, group: zarr.Group, grid: Grid) -> None:
        self.group, self.grid = group, grid

    def write(self, tile: int, layers: np.ndarray, measures: Table) -> None:
        """Keep what was found in the region of a tile; what was there before is replaced.

        Parameters
        ----------
        layers : uint32 array of shape (L, \\*S)
            Label layers as `find_objects` gives them, ids 1..N, objects of all sizes.
        measures : mapping of str to array of shape (N,)
            Further columns of `Found.objects`.
        """
        planes = Instances.from_layers(layers).planes
        found = _describe(planes, self.grid, tile)
        chunks = [min(CHUNK[planes.ndim - 1], n) for n in planes.shape[1:]]
        array = self.group.create_array(
            _name(tile),
            shape=planes.shape,
            dtype="uint32",
            chunks=(1, *chunks),
            overwrite=True,
            **_shards(self.group, planes.shape, chunks),
        )
        array[...] = planes
        columns = {name: _plain(values) for name, values in {**found.objects, **measures}.items()}
        array.attrs.update({"objects": columns, "partners": found.partners.tolist()})

    def has(self, tile: int) -> bool:
        """Whether a tile is there, whole."""
        try:
            return "objects" in self.group[_name(tile)].attrs
        except KeyError:
            return False

    def read(self, tile: int, box: Box) -> np.ndarray:
        """The label planes of a tile in a box of the image, uint32 (P, \\*S)."""
        inside = relative(box, self.grid.regions[tile])
        return np.asarray(self._array(tile)[(slice(None), *inside)])

    def found(self, tile: int) -> Found:
        """What a tile says of its objects."""
        stated = self._array(tile).attrs
        objects: Any = stated["objects"]
        columns = {name: np.array([np.inf if v is None else v for v in values]) for name, values in objects.items()}
        return Found(columns, np.array(stated["partners"], int).reshape(-1, 2))

    def _array(self, tile: int) -> Any:
        return self.group[_name(tile)]


def _name(tile: int) -> str:
    return f"{tile:06d}"


def _shards(group: zarr.Group, shape: tuple[int, ...], chunks: list[int]) -> dict[str, Any]:
    """One file a tile, where the format knows how."""
    if group.metadata.zarr_format == 2:
        return {}
    return {"shards": (shape[0], *(-(-n // chunk) * chunk for n, chunk in zip(shape[1:], chunks, strict=True)))}


def _plain(values: np.ndarray) -> list[float | None]:
    """Numbers as JSON knows them; it has no infinity."""
    return [float(v) if np.isfinite(v) else None for v in np.asarray(values, float)]


def _describe(planes: np.ndarray, grid: Grid, tile: int) -> Found:
    region, core = grid.regions[tile], grid.cores[tile]
    number = int(planes.max(initial=0))
    axes = "zyx"[4 - planes.ndim :]
    own = planes[(slice(None), *relative(core, region))]
    columns: dict[str, np.ndarray] = {
        "seen": np.bincount(planes.ravel(), minlength=number + 1)[1:],
        "cut": _cut(planes, region, grid.shape, number)[1:],
        **_extents(own, core, axes, number),
    }
    covered = (own > 0).sum(axis=0) > 1 if len(own) > 1 else np.zeros(own.shape[1:], bool)
    columns["overlap"] = np.bincount(own[:, covered].ravel(), minlength=number + 1)[1:]
    pairs = partners(own) if len(own) > 1 else np.zeros((0, 2), int)
    return Found(columns, pairs)


def _extents(own: np.ndarray, core: Box, axes: str, number: int) -> dict[str, np.ndarray]:
    """Pixels, sums of coordinates, and bounds of each object in a core."""
    places = np.nonzero(own)
    ids = own[places].astype(np.int64)
    columns = {"own": np.bincount(ids, minlength=number + 1)[1:]}
    for axis, along, part in zip(axes, places[1:], core, strict=True):
        line = np.zeros((number + 1, part.stop - part.start), bool)
        line[ids, along] = True
        columns[f"sum_{axis}"] = np.bincount(ids, along + part.start, minlength=number + 1)[1:]
        columns[f"min_{axis}"] = (line.argmax(axis=1) + part.start)[1:]
        columns[f"max_{axis}"] = (part.stop - 1 - line[:, ::-1].argmax(axis=1))[1:]
    return columns


def _cut(planes: np.ndarray, region: Box, shape: tuple[int, ...], number: int) -> np.ndarray:
    """By id, whether an object touches a side of the region where the image goes on."""
    cut = np.zeros(number + 1, bool)
    for axis, (part, n) in enumerate(zip(region, shape, strict=True), start=1):
        if part.start > 0:
            cut[planes.take(0, axis)] = True
        if part.stop < n:
            cut[planes.take(-1, axis)] = True
    return cut
