"""Segmentation: from an image to its objects."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from napari_discern.errors import BadArgument, BadFile
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.model import Model, find_objects
from napari_discern.normalise import Scaling
from napari_discern.progress import Progress, Steps
from napari_discern.recipe import Recipe
from napari_discern.tiles import Mosaic


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
        One a tile.

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
    model.check(image.channels, len(image.spatial_axes))
    scaling = recipe.normalise(image)
    tile, halo = recipe.cut(model.card)
    if all(n <= t + 2 * h for n, t, h in zip(image.spatial_shape, tile, halo, strict=True)):
        labels = yield from _whole(image, model, recipe, scaling)
    else:
        labels = yield from _tiled(image, model, recipe, scaling, tile, halo)
    return Instances(labels[None], image.spatial_axes, image.spacing, image.unit)


def _whole(image: Image, model: Model, recipe: Recipe, scaling: Scaling) -> Steps[np.ndarray]:
    """The labels of an image that fits in one tile."""
    yield Progress("segment", 0, 1)
    labels = find_objects(model.embed(scaling(image.read())), recipe)
    yield Progress("segment", 1, 1)
    return labels


def _tiled(
    image: Image, model: Model, recipe: Recipe, scaling: Scaling, tile: Sequence[int], halo: Sequence[int]
) -> Steps[np.ndarray]:
    """The labels of a larger image, tile by tile, stitched."""
    with _scratch() as folder:
        mosaic = Mosaic(folder, image.spatial_shape, tile, halo)
        yield Progress("segment", 0, len(mosaic))
        for done, part in enumerate(mosaic.tiles(), start=1):
            part.write(find_objects(model.embed(scaling(image.read(part.region))), recipe))
            yield Progress("segment", done, len(mosaic))
        return mosaic.read()


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

    pinned = {"model": name, "weights_sha256": model.card.weights_sha256, "version": __version__}
    return Recipe.from_dict({**model.card.settings.model_dump(), **pinned, **changes}, "the recipe")
