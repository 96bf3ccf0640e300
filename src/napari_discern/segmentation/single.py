"""Single: from one image to its objects."""

from __future__ import annotations

import errno
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_discern.clustering import margins
from napari_discern.errors import BadArgument, BadFile
from napari_discern.image import Image
from napari_discern.instances import CHANCE, Instances, settle_classes
from napari_discern.model import Card, Embedded, Model, find_objects
from napari_discern.normalise import Scaling
from napari_discern.progress import Progress, Steps, begun_anew, part_of
from napari_discern.segmentation.recipe import Recipe, check_weights, recipe_for
from napari_discern.tiles import EXTENTS, Bank, Grid, join

T = TypeVar("T")
log = logging.getLogger(__name__)
Measures: TypeAlias = dict[str, np.ndarray]
"""Columns of numbers or words by name, a value an object."""
JOINING = 0.5
"""Time that putting tiles together takes, in tiles; for the bar."""


def segment(image: Image, model: Model, recipe: Recipe | None = None) -> Steps[Instances]:
    """Find the objects of one image.

    The image is normalised once, cut into tiles with a halo, and stitched; the embedding is never whole in
    memory. Where memory runs out smaller tiles are taken, with a warning; `segment_all` gives the recipe as well.

    Parameters
    ----------
    image : Image
        2D or 3D as the model wants it, with its channels; a single time point.
    model : Model
        What finds the objects.
    recipe : Recipe, optional
        Settings and tiling; the model's own by default.

    Returns
    -------
    Instances
        Ids 1..N, with the image's axes and spacing.

    Raises
    ------
    BadArgument
        If the image does not fit the model, or the recipe was made with other weights.
    OutOfMemory
        If even the smallest tiles are too large for the device.

    Examples
    --------
    >>> from napari_discern.synthetic import Cells
    >>> image, truth = Cells(size=96)(0)
    >>> run(segment(image, load_model("cells", device="cpu"))).shape
    (96, 96)
    """
    recipe = recipe or recipe_for(model, model.card.name)
    return (yield from in_smaller_tiles(lambda tried: find_in_image(image, model, tried), recipe, model.card))[0]


def find_in_image(image: Image, model: Model, recipe: Recipe) -> Steps[Instances]:
    """The objects of one image by this very recipe; otherwise as `segment`, which it raises the same errors as."""
    check_weights(recipe.weights_sha256, model.card)
    model = set_up(model, recipe)
    model.check(image.channels, len(image.spatial_axes))
    _warn_of_spacing(image, model)
    patches = Patches.of(image, recipe)
    if recipe.whole(model.card, patches.shape):
        found = yield from _whole(patches, model, recipe)
    else:
        found = yield from _tiled(patches, model, recipe, *recipe.cut(model.card))
    return replace(found, axes=image.spatial_axes, spacing=image.spacing, unit=image.unit)


def in_smaller_tiles(make: Callable[[Recipe], Steps[T]], recipe: Recipe, card: Card) -> Steps[tuple[T, Recipe]]:
    """What a pipeline makes by a recipe, with tiles half as large where memory runs out; and by which it was.

    Parameters
    ----------
    make : function
        Gives the pipeline of a recipe.
    recipe, card : Recipe, Card
        What is tried first, and the model's card, which says how large its tiles are.
    """
    return begun_anew(make, recipe, recipe.smaller(card), "tiles of {0.tile} px")


def set_up(model: Model, recipe: Recipe) -> Model:
    """The model as a recipe asks for: for objects of a size, and with so many bits."""
    return replace(model.for_objects(recipe.object_size), precision=recipe.precision)


def embed(image: Image, model: Model, recipe: Recipe) -> Embedded:
    """The embedding of the recipe's region, which must fit in one tile; to look at, and to cluster as one likes.

    Parameters
    ----------
    image : Image
        A single time point, as the model wants it.
    model, recipe : Model, Recipe
        What looks at it, and at which region and size of objects.

    Raises
    ------
    BadArgument
        If the image does not fit the model, or the region is larger than a tile.
    OutOfMemory
        If the region is too large for the device.
    """
    model.check(image.channels, len(image.spatial_axes))
    patches = Patches.of(image, recipe)
    if not recipe.in_one_tile(model.card, patches.shape):
        raise BadArgument(
            f"{' x '.join(map(str, patches.shape))} pixels are more than a tile holds; look at a smaller region."
        )
    return set_up(model, recipe).embed(patches.read())


def measure(embedded: Embedded, layers: NDArray[np.uint32]) -> Measures:
    """Columns of the objects' table that the model gives: score, spread and gap (see `Margins`), chances of classes.

    Parameters
    ----------
    layers : uint32 array of shape (L, \\*S)
        As `find_objects` gives them.
    """
    found = margins(embedded.embedding, layers if embedded.layers > 1 else layers[0])
    return {"score": found.score, "spread": found.spread, "gap": found.gap, **_chances(embedded, layers)}


def _chances(embedded: Embedded, layers: NDArray[np.uint32]) -> Measures:
    """Of each object the mean probability of each semantic class over its pixels, being an object's at all."""
    if not embedded.classes:
        return {}
    labels = layers[0].ravel()
    number = np.bincount(labels)[1:]
    each = embedded.probability[1:].flatten(1).double().cpu().numpy()
    each /= each.sum(axis=0).clip(1e-9)
    sums = (np.bincount(labels, chance, len(number) + 1)[1:] for chance in each)
    return {f"{CHANCE}{name}": total / number for name, total in zip(embedded.classes, sums, strict=True)}


@dataclass(frozen=True)
class Patches:
    """Normalised parts of the region of an image; normalised as the whole image is."""

    image: Image
    box: tuple[slice, ...]
    scaling: Scaling

    @classmethod
    def of(cls, image: Image, recipe: Recipe) -> Patches:
        """Those that a recipe asks for; a sample of the image is read to normalise it."""
        return cls(image, recipe.box(image.spatial_shape), recipe.normalise(image))

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of the region in pixels."""
        return tuple(b.stop - b.start for b in self.box)

    def read(self, part: Sequence[slice] | None = None) -> NDArray[np.float32]:
        """A part of the region, or all of it, float32 (C, *S)."""
        part = part or [slice(0, n) for n in self.shape]
        place = [slice(b.start + p.start, b.start + p.stop) for b, p in zip(self.box, part, strict=True)]
        return self.scaling(self.image.read(place))


def _whole(patches: Patches, model: Model, recipe: Recipe) -> Steps[Instances]:
    """The objects of a region that fits in one tile."""
    labels, measures = yield from part_of(find_in_patch(patches.read(), model, recipe), "segment", 0, 1, 1)
    return Instances.from_layers(labels, measures=settle_classes(measures))


def _tiled(
    patches: Patches, model: Model, recipe: Recipe, tile: tuple[int, ...], halo: tuple[int, ...]
) -> Steps[Instances]:
    """The objects of a larger region, tile by tile, put together; small objects are left out of the whole."""
    with _scratch() as folder:
        bank = Bank(folder, Grid(patches.shape, tile, halo))
        steps = len(bank.grid) + JOINING
        for number in range(len(bank.grid)):
            finding = find_in_patch(patches.read(bank.grid.region(number)), model, all_sizes(recipe))
            bank.write(number, *(yield from part_of(finding, "segment", number, 1, steps)))
        joined = yield from part_of(join(bank, recipe.min_size), "segment", len(bank.grid), JOINING, steps)
        objects = joined.objects
        measured = {name: values for name, values in objects.items() if name not in EXTENTS}
        return Instances(joined.labels(), measures=settle_classes(measured))


def find_in_patch(
    patch: NDArray[np.float32], model: Model, recipe: Recipe
) -> Steps[tuple[NDArray[np.uint32], Measures]]:
    """Label layers of a normalised patch, and what the embedding says of their objects.

    Parameters
    ----------
    patch : float32 array of shape (C, \\*S)
        Intensities, normalised.
    model, recipe : Model, Recipe
        What finds the objects, set up as the recipe asks for (see `set_up`), and how.

    Returns
    -------
    uint32 array of shape (L, \\*S), dict of arrays of shape (N,)
        Ids 1..N over all layers.
    """
    yield Progress("embed", 0, 1)
    embedded = model.embed(patch)
    yield Progress("cluster", 0.5, 1)
    layers = find_objects(embedded, recipe)
    measures = measure(embedded, layers)
    yield Progress("cluster", 1, 1)
    return layers, measures


def all_sizes(recipe: Recipe) -> Recipe:
    """The same recipe that leaves out no small objects: in a tile they may be parts of larger ones."""
    return recipe.model_copy(update={"min_size": 0})


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
