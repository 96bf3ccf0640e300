"""Plan: how the objects of one volume are to be found, down to the last tile; a run is resumed by it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_discern import io
from napari_discern.batch.settings import Batch
from napari_discern.errors import BadArgument, OutputExists
from napari_discern.image import Image
from napari_discern.model import Card
from napari_discern.params import Params
from napari_discern.segmentation import Recipe
from napari_discern.tiles import Grid

FILLED = 0.75
"""Share of a tile's length, at least, that whole chunks of the labels take."""


class Plan(Params):
    """What decides on the labels of a volume. Two runs of equal plans give equal labels."""

    recipe: Recipe
    """Model, settings and tiling."""
    label_name: str
    """Name of the label image."""
    by_slice: bool
    """Whether each slice is looked at by itself."""
    frames: tuple[int, ...]
    """Number of time points, and of slices where each is looked at by itself."""
    shape: tuple[int, ...]
    """Spatial shape of a frame in pixels."""
    tile: tuple[int, ...]
    """Size of a tile's core along each axis, in pixels, at most."""
    halo: tuple[int, ...]
    """How far a tile looks beyond its core along each axis, in pixels."""
    chunk: tuple[int, ...]
    """Chunks of the labels; tiles are made of whole ones."""

    @property
    def grid(self) -> Grid:
        """How a frame is cut."""
        return Grid(self.shape, self.tile, self.halo, self.chunk)

    @property
    def count(self) -> int:
        """Number of frames."""
        return int(np.prod(self.frames, dtype=int))

    def place(self, frame: int) -> dict[str, int]:
        """Where a frame lies in the image: its index along t, and along z where slices are looked at."""
        return dict(zip("tz", map(int, np.unravel_index(frame, self.frames)), strict=False))

    def differences(self, other: Plan) -> list[str]:
        """Fields that differ, in words: this one's value, then the other's."""
        mine, theirs = _flat(self.model_dump(mode="json")), _flat(other.model_dump(mode="json"))
        return [
            f"{name}: {mine.get(name)} then, {theirs.get(name)} now"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        ]


def plan(path: Path, recipe: Recipe, card: Card, batch: Batch) -> Plan:
    """Decide how a volume is cut.

    Parameters
    ----------
    path : Path
        The volume.
    recipe, card, batch : Recipe, Card, Batch
        How objects are found, by which model, and how volumes are worked through.

    Raises
    ------
    BadFile
        If the volume cannot be read.
    BadArgument
        If it does not fit the model.
    """
    image = io.read(path)
    ndim, wanted = len(image.spatial_axes), card.architecture.ndim
    if batch.by_slice and ndim == 2:
        raise BadArgument(f"{path} is 2D and has no slices; leave --by-slice out.")
    if ndim - batch.by_slice != wanted:
        advice = "add --by-slice to look at each slice by itself" if ndim > wanted else f"give a model made for {ndim}D"
        raise BadArgument(f"{path} is {ndim}D and model {recipe.model} was made for {wanted}D; {advice}.")
    if image.channels != card.architecture.channels:
        raise BadArgument(
            f"{path} has {image.channels} channel(s) and model {recipe.model} was made for "
            f"{card.architecture.channels}; take another model, or an image with those channels only."
        )
    if recipe.region:
        raise BadArgument("a region is for one image; leave --region out, or use `segment`.")
    shape = image.spatial_shape[batch.by_slice :]
    tile, halo = recipe.cut(card)
    chunk = tuple(_chunk(c, n, t) for c, n, t in zip(_chunks(image)[-wanted:], shape, tile, strict=True))
    whole = tuple(t // c * c for t, c in zip(tile, chunk, strict=True))
    frames = (image.frames, image.size("z")) if batch.by_slice else (image.frames,)
    return Plan(
        recipe=recipe, label_name=batch.label_name, by_slice=batch.by_slice, frames=frames, shape=shape, tile=whole,
        halo=halo, chunk=chunk,
    )  # fmt: skip


def frame_of(image: Image, place: dict[str, int]) -> Image:
    """The part of a volume that is looked at by itself."""
    return image.at(time=place["t"], z=place.get("z"))


def refuse_other(then: Plan, now: Plan, where: Path) -> None:
    """Refuse to go on with what was begun by another plan.

    Raises
    ------
    OutputExists
        With what differs.
    """
    differences = then.differences(now)
    if differences:
        raise OutputExists(
            f"{where}: the unfinished run was another one ({'; '.join(differences)}). Give the same settings to go on, "
            "or --overwrite to begin anew."
        )


def _chunks(image: Image) -> Sequence[int]:
    """Chunks of an image along its spatial axes; its shape where it knows of none."""
    by_axis = dict(zip(image.axes, getattr(image.data, "chunks", image.data.shape), strict=True))
    return [by_axis[axis] for axis in image.spatial_axes]


def _chunk(chunk: int, length: int, tile: int) -> int:
    """The chunk of the labels along an axis: the image's, or as much less as makes whole ones fill a tile."""
    chunk = min(chunk, length)
    chunk = -(-chunk // -(-chunk // tile))
    while chunk < min(length, tile) and tile // chunk * chunk < FILLED * tile:
        chunk = -(-chunk // 2)
    return chunk


def _flat(values: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(values, dict):
        return {name: values}
    return {k: v for key, value in values.items() for k, v in _flat(value, f"{name}.{key}" if name else key).items()}
