"""Lesson: pairs of an image and a Labels layer, or of files, that a model is to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_discern import io
from napari_discern.errors import BadArgument
from napari_discern.gui.layers.labels import classes_of, painted_on
from napari_discern.gui.layers.planes import Planes
from napari_discern.gui.layers.review import RECIPE, Review
from napari_discern.gui.layers.source import LayerSource, pixels
from napari_discern.image import Image
from napari_discern.instances import Instances, class_names
from napari_discern.model import Card

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels


MOST_CHANNELS = 5
"""A longer axis that the labels do not have is taken for slices or time points."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """Images with labels of one origin.

    Attributes
    ----------
    name : str
        What it is called in the list.
    pairs : list of (Image, Instances)
        Only those in which something is labelled.
    alone : list of str
        Files of which there is no image, or no labels.
    partial : bool
        Whether the labels say themselves what is known beside them, as what was checked of a result does.
    """

    name: str
    pairs: list[tuple[Image, Instances]]
    alone: list[str] = field(default_factory=list)
    partial: bool = False

    @property
    def objects(self) -> int:
        """Number of labelled objects."""
        return sum(truth.n for _, truth in self.pairs)

    @property
    def shared(self) -> float:
        """Share of the labelled pixels that bear several objects, 0 to 1."""
        counts = [truth.coverage for _, truth in self.pairs]
        return sum(int(c[2:].sum()) for c in counts) / max(1, sum(int(c[1:].sum()) for c in counts))

    @property
    def labelled(self) -> float:
        """Share of the pixels that bear a label, 0 to 1."""
        covered = sum(int(truth.foreground.sum()) for _, truth in self.pairs)
        return covered / max(1, sum(int(truth.planes[0].size) for _, truth in self.pairs))


def from_layers(
    image: ImageLayer,
    labels: Labels,
    ndim: int,
    background: Labels | None = None,
    together: Sequence[ImageLayer] = (),
    behind: Sequence[Labels] = (),
    classes: Labels | None = None,
) -> Lesson:
    """The images of a layer in which something is labelled; each slice or time point by itself.

    Parameters
    ----------
    image, labels : napari layers
        Of one shape, or the labels of a part of the image. Of a result only what was accepted, corrected or added
        counts; the rest is unknown, and what was deleted is background.
    ndim : int
        Dimensions of the model.
    background, classes : napari Labels layers, optional
        Painted where there is no object for sure; and with the number of each object's class.
    together, behind : sequences of napari layers
        Layers selected beside the image, its channels if of its shape; and all that objects sharing pixels are in.

    Raises
    ------
    BadArgument
        If the layers do not lie on the same pixels, or nothing is labelled; what to do is said.
    """
    planes = _painted(labels, behind)
    painted, checked = planes[0], _checked(labels, planes)
    source = LayerSource.of(image, ndim, _channels(image, painted, together), together)
    box = _box(source, image, labels, painted.shape)
    planes, empty = checked or (planes, np.zeros(painted.shape, bool))
    sure = empty if background is None else empty | (_beside(background, labels, painted) > 0)
    truths = _truths(source, labels, planes, sure)
    if classes is not None:
        kinds = _beside(classes, labels, painted)
        truths = {p: replace(t, measures=painted_on(classes, t, kinds[p])) for p, t in truths.items()}
    pairs = [(source.image(place).crop(box), truth) for place, truth in truths.items()]
    return Lesson(f"{image.name} / {labels.name}", pairs, partial=checked is not None)


def _truths(
    source: LayerSource, labels: Labels, planes: Sequence[np.ndarray], sure: np.ndarray
) -> dict[tuple[int, ...], Instances]:
    """The objects at each place where some are painted; `sure` is where there is none for sure."""
    truths = {}
    for place in np.ndindex(*planes[0].shape[: -len(source.spatial_shape)]):
        here = np.stack([plane[place] for plane in planes])
        if here.any():
            known = (here > 0).any(axis=0) | sure[place]
            image = source.image(place)
            where = {"spacing": image.spacing, "unit": image.unit, "measures": classes_of(labels, here)}
            truths[place] = Instances.from_painted(here, known=known, **where)
    if not truths:
        raise BadArgument(
            f"nothing is labelled on layer {labels.name!r}. Paint a few objects, or correct a result, first."
        )
    return truths


def from_folders(images: str, labels: str) -> Lesson:
    """The images of a folder with the labels of another, matched by name; what has no partner is named."""
    alone: list[Path] = []
    pairs = [pair.read() for pair in io.pair(images, labels, alone)]
    return Lesson(f"{images} / {labels}", pairs, [path.name for path in alone])


def dense(pairs: Sequence[tuple[Image, Instances]]) -> list[tuple[Image, Instances]]:
    """The same lessons, of which everything that bears no label is background."""
    return [(image, replace(truth, known=None)) for image, truth in pairs]


def words_of_classes(data: Sequence[tuple[Image, Instances]], card: Card | None) -> str:
    """Which classes will be learnt from lessons, and which the model to start from does not know."""
    named = class_names([truth for _, truth in data])
    if card is None:
        return f" Classes: {', '.join(named)}." if len(named) > 1 else ""
    new = [name for name in named if name not in card.classes]
    if len(named) < 2 or not new:
        return ""
    return f" ⚠ {card.name} does not know the classes {', '.join(new)}: to learn them, start from nothing."


def _painted(labels: Labels, behind: Sequence[Labels]) -> list[np.ndarray]:
    """The arrays of a layer's planes, which must lie on one another."""
    planes = [_array(layer) for layer in behind or Planes.of(labels).layers]
    apart = any(not np.allclose(layer.translate, labels.translate) for layer in behind)
    if apart or any(plane.shape != planes[0].shape for plane in planes):
        raise BadArgument(
            f"layers selected with {labels.name!r} lie elsewhere or have other shapes; select its planes."
        )
    if any(plane.dtype.kind not in "iu" for plane in planes):
        raise BadArgument(
            f"layer {labels.name!r} holds {planes[0].dtype}, not whole numbers. Convert it to labels first."
        )
    return planes


def _checked(labels: Labels, planes: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray] | None:
    """Of a result only what a person has accepted, corrected or added, and where a person has deleted an object.

    None for layers that are no result: all that is painted there is a person's.
    """
    front = Planes.of(labels).front
    if RECIPE not in front.metadata:
        return None
    said = Review.of(front)
    known = said.known(front, Planes.of(labels).ids())
    if not known:
        raise BadArgument(
            f"no object of {labels.name!r} was checked yet. Accept (A) or correct some in Segment, or accept all that "
            "are left (Shift-A)."
        )
    kept = [np.where(np.isin(plane, list(known)), plane, 0) for plane in planes]
    empty = np.zeros(planes[0].shape, bool)
    for where in said.deleted:
        empty[where] = True
    return kept, empty & ~np.any([plane > 0 for plane in planes], axis=0)  # where nothing was painted since


def _channels(image: ImageLayer, painted: np.ndarray, together: Sequence[ImageLayer]) -> int:
    """How many channels an image has: its layers, or an axis in front that its labels do not have."""
    if len(together) > 1:
        return len(together)
    data = pixels(image)
    in_front = not image.rgb and len(data.shape) == painted.ndim + 1 and data.shape[0] <= MOST_CHANNELS
    return int(data.shape[0]) if in_front else 1


def _beside(layer: Labels, labels: Labels, painted: np.ndarray) -> np.ndarray:
    """The array of a layer that is painted on the pixels of the labels."""
    array = _array(layer)
    if array.shape != painted.shape:
        raise BadArgument(f"layer {layer.name!r} has another shape than {labels.name!r}; make it of the same size.")
    return array


def _array(layer: Any) -> np.ndarray:
    return np.asarray(pixels(layer))


def _box(source: LayerSource, image: ImageLayer, labels: Labels, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Where the labels lie on the pixels of the image."""
    ndim = len(source.spatial_shape)
    scale, other = (np.asarray(layer.scale, float)[-ndim:] for layer in (image, labels))
    if not np.allclose(scale, other, rtol=1e-3):
        raise BadArgument(
            f"layers {image.name!r} and {labels.name!r} have pixels of different size ({scale} and {other}); "
            "give them the same scale."
        )
    offset = (np.asarray(labels.translate)[-ndim:] - np.asarray(image.translate)[-ndim:]) / scale
    start = np.round(offset).astype(int)
    stop = start + shape[-ndim:]
    lead = shape[: len(shape) - ndim]
    if (start < 0).any() or (stop > source.spatial_shape).any() or lead != source.lead:
        raise BadArgument(
            f"labels {labels.name!r} of shape {shape} do not lie on image {image.name!r} of shape "
            f"{(*source.lead, *source.spatial_shape)}; both must be of the same pixels."
        )
    return tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
