"""Segmentation: from an image to its objects."""

from __future__ import annotations

import errno
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from napari_discern.clustering import margins
from napari_discern.errors import BadArgument, BadFile
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.model import Embedded, Model, drop_small, find_objects
from napari_discern.progress import Progress, Steps
from napari_discern.recipe import Recipe
from napari_discern.tiles import Mosaic, Patchwork, Tile

log = logging.getLogger(__name__)
Measures: TypeAlias = dict[str, np.ndarray]


def segment(image: Image, model: Model, recipe: Recipe | None = None) -> Steps[Instances]:
    """Find the objects of one image.

    The image is normalised once, cut into tiles with a halo, and stitched; the embedding is never whole in
    memory.

    Parameters
    ----------
    image : Image
        2D or 3D as the model wants it, with its channels; a single time point.
    model : Model
        What finds the objects.
    recipe : Recipe, optional
        Settings and tiling; the model's own by default.

    Yields
    ------
    Progress
        Two a tile: embedded, and clustered.

    Returns
    -------
    Instances
        Ids 1..N, with the image's axes and spacing.

    Raises
    ------
    BadArgument
        If the image does not fit the model, or the recipe was made with other weights.
    OutOfMemory
        If a tile is too large for the device.
    """
    recipe = recipe or recipe_for(model, model.card.name)
    if recipe.weights_sha256 not in ("", model.card.weights_sha256):
        raise BadArgument(
            f"the recipe was made with other weights than those of model {model.card.name!r}; the labels would differ. "
            "Load the model that it was made with, or empty its weights_sha256."
        )
    model = replace(model, precision=recipe.precision)
    model.check(image.channels, len(image.spatial_axes))
    _warn_of_spacing(image, model)
    patches, tile = _Patches(image, recipe), recipe.cut(model.card)
    if patches.fit(*tile):
        found = yield from _whole(patches, model, recipe)
    elif model.card.architecture.layers > 1:
        found = yield from _pieced(patches, model, recipe, *tile)
    else:
        found = yield from _tiled(patches, model, recipe, *tile)
    return replace(found, axes=image.spatial_axes, spacing=image.spacing, unit=image.unit)


def embed(image: Image, model: Model, recipe: Recipe) -> Embedded:
    """The embedding of the recipe's region, which must fit in one tile; to look at, and to cluster as one likes.

    Raises
    ------
    BadArgument
        If the image does not fit the model, or the region is larger than a tile.
    OutOfMemory
        If the region is too large for the device.
    """
    model.check(image.channels, len(image.spatial_axes))
    patches, tile = _Patches(image, recipe), recipe.cut(model.card)
    if not patches.fit(*tile):
        raise BadArgument(
            f"{' x '.join(map(str, patches.shape))} pixels are more than a tile holds; look at a smaller region."
        )
    return replace(model, precision=recipe.precision).embed(patches.read())


def measure(embedded: Embedded, layers: np.ndarray) -> Measures:
    """Columns of the objects' table that the embedding gives: score, spread and gap; see `Margins`.

    Parameters
    ----------
    layers : uint32 array of shape (L, \\*S)
        As `find_objects` gives them.
    """
    found = margins(embedded.embedding, layers if embedded.layers > 1 else layers[0])
    return {"score": found.score, "spread": found.spread, "gap": found.gap}


class _Patches:
    """Normalised parts of the region of an image; normalised as the whole image is."""

    def __init__(self, image: Image, recipe: Recipe) -> None:
        self.image, self.box = image, recipe.box(image.spatial_shape)
        self.scaling = recipe.normalise(image)
        self.shape = tuple(b.stop - b.start for b in self.box)

    def fit(self, tile: Sequence[int], halo: Sequence[int]) -> bool:
        """Whether the region fits in one tile with its halo."""
        return all(n <= t + 2 * h for n, t, h in zip(self.shape, tile, halo, strict=True))

    def read(self, part: Sequence[slice] | None = None) -> np.ndarray:
        """A part of the region, or all of it, float32 (C, *S)."""
        part = part or [slice(0, n) for n in self.shape]
        place = [slice(b.start + p.start, b.start + p.stop) for b, p in zip(self.box, part, strict=True)]
        return self.scaling(self.image.read(place))


def _whole(patches: _Patches, model: Model, recipe: Recipe) -> Steps[Instances]:
    """The objects of a region that fits in one tile."""
    yield Progress("segment", 0, 1)
    embedded = model.embed(patches.read())
    yield Progress("segment", 0.5, 1)
    labels = find_objects(embedded, recipe)
    found = Instances.from_layers(labels, measures=measure(embedded, labels))
    yield Progress("segment", 1, 1)
    return found


def _tiled(
    patches: _Patches, model: Model, recipe: Recipe, tile: Sequence[int], halo: Sequence[int]
) -> Steps[Instances]:
    """The objects of a larger region, tile by tile, stitched; small objects are left out of the whole."""
    with _scratch() as folder:
        mosaic, census = Mosaic(folder, patches.shape, tile, halo), _Census()

        def keep(part: Tile, layers: np.ndarray, values: Measures) -> None:
            census.add(part.region, layers[0], values)
            part.write(layers[0])

        yield from _each(mosaic, patches, model, recipe, keep)
        labels = drop_small(mosaic.read(), recipe.min_size, in_place=True)
        return Instances(labels[None], measures=census.measures(labels))


def _pieced(
    patches: _Patches, model: Model, recipe: Recipe, tile: Sequence[int], halo: Sequence[int]
) -> Steps[Instances]:
    """The same for objects that may share pixels."""
    patchwork, every = Patchwork(patches.shape, tile, halo), []

    def keep(part: Tile, layers: np.ndarray, values: Measures) -> None:
        every.append(values)
        part.write(layers)

    yield from _each(patchwork, patches, model, recipe, keep)
    found, owner = patchwork.read(recipe.min_size)
    weights = np.array([p.mask.sum() for p in patchwork.pieces], float)
    return replace(found, measures=_combined(owner, weights, every, found.n))


def _each(
    tiles: Mosaic | Patchwork,
    patches: _Patches,
    model: Model,
    recipe: Recipe,
    keep: Callable[[Tile, np.ndarray, Measures], None],
) -> Steps[None]:
    """Hand the label layers of each tile to `keep`, objects of all sizes, with what the embedding says of them."""
    all_sizes = recipe.model_copy(update={"min_size": 0})
    yield Progress("segment", 0, len(tiles))
    for done, part in enumerate(tiles.tiles(), start=1):
        embedded = model.embed(patches.read(part.region))
        yield Progress("segment", done - 0.5, len(tiles))
        layers = find_objects(embedded, all_sizes)
        keep(part, layers, measure(embedded, layers))
        yield Progress("segment", done, len(tiles))


def _warn_of_spacing(image: Image, model: Model) -> None:
    """Say where voxels have other proportions than those the model knows."""
    known = np.array(model.card.architecture.spacing or (1.0,) * len(image.spacing))
    here = np.array(image.spacing)
    if not np.allclose(here / here.min(), known / known.min(), rtol=0.1):
        log.warning(
            "%s: pixels of %s %s, but model %r was trained on the proportions %s; what it finds may be wrong.",
            image.name, " x ".join(f"{s:g}" for s in here), image.unit, model.card.name,
            " : ".join(f"{s:g}" for s in known / known.min()),
        )  # fmt: skip


class _Census:
    """Measures of the objects in each tile, put together once it is known which of them are one."""

    def __init__(self) -> None:
        self.places: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.values: list[Measures] = []

    def add(self, region: Sequence[slice], labels: np.ndarray, values: Measures) -> None:
        """Note what a tile says of its objects, each with the pixel that lies furthest inside the tile."""
        inside = np.flatnonzero(labels)
        owner = labels.ravel()[inside]
        depth = np.full(labels.shape, np.iinfo(np.int32).max, np.int32)
        for axis, n in enumerate(labels.shape):
            along = np.minimum(np.arange(n), np.arange(n)[::-1]).astype(np.int32)
            np.minimum(depth, along.reshape([-1 if a == axis else 1 for a in range(labels.ndim)]), out=depth)
        order = np.lexsort((-depth.ravel()[inside], owner))
        first = np.unique(owner[order], return_index=True)[1]
        local = np.stack(np.unravel_index(inside[order][first], labels.shape), axis=1)
        self.places.append(local + [r.start for r in region])
        self.weights.append(np.bincount(owner, minlength=len(local) + 1)[1:])
        self.values.append(values)

    def measures(self, labels: np.ndarray) -> Measures:
        """The measures of the objects of the whole image: means over their tiles by pixels, of gaps the least."""
        places, weights = np.concatenate(self.places), np.concatenate(self.weights)
        owner = labels[tuple(places.T)].astype(np.int64)
        return _combined(owner, weights, self.values, int(labels.max(initial=0)))


def _combined(owner: np.ndarray, weights: np.ndarray, values: Sequence[Measures], number: int) -> Measures:
    """Measures of so many objects from those of their parts: means by weight, of gaps the least.

    `owner` is the id of the object that a part belongs to, 0 where it was left out.
    """
    known = owner > 0
    owner, weights = owner[known] - 1, weights[known]
    total = np.maximum(np.bincount(owner, weights, number), 1)
    columns = {name: np.concatenate([v[name] for v in values])[known] for name in ("score", "spread", "gap")}
    means = {
        name: (np.bincount(owner, weights * columns[name], number) / total).astype(np.float32)
        for name in ("score", "spread")
    }
    gap = np.full(number, np.inf, np.float32)
    np.minimum.at(gap, owner, columns["gap"])
    return {**means, "gap": gap}


@contextmanager
def _scratch() -> Iterator[Path]:
    """A temporary folder, removed again whatever happens; a full disk is said to be one."""
    try:
        with tempfile.TemporaryDirectory(prefix="napari-discern-") as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise BadFile(
            f"the disk of {tempfile.gettempdir()} is full, where tiles are kept until they are stitched. Make room "
            "there, or set TMPDIR to a folder on another disk."
        ) from error


def recipe_for(model: Model, name: str, **changes: object) -> Recipe:
    """The recipe of a model's own settings, with its weights pinned; `changes` replace single fields."""
    from napari_discern import __version__

    pinned = {
        "model": name,
        "weights_sha256": model.card.weights_sha256,
        "version": __version__,
        "precision": model.precision,
    }
    return Recipe.from_dict({**model.card.settings.model_dump(), **pinned, **changes}, "the recipe")
