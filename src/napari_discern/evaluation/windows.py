"""Windows: parts of labelled images that a model is looked at on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.metrics import Score, score
from napari_discern.model import Model, find_objects
from napari_discern.normalise import Scaling
from napari_discern.progress import Progress, Steps

Labelled: TypeAlias = Sequence[tuple[Image, Instances]]
SIDES: Mapping[int, int] = MappingProxyType({2: 512, 3: 96})
"""Pixels along each axis of a window, at most, by its dimensions."""


@dataclass(frozen=True)
class Window:
    """A part of a labelled image to score a model on: normalised pixels float32 (C, \\*S), and its true objects."""

    patch: NDArray[np.float32]
    truth: Instances


def cut_window(image: Image, truth: Instances, scaling: Scaling, side: Mapping[int, int] = SIDES) -> Window:
    """The middle of an image or, where not all is known, a part around an object.

    Parameters
    ----------
    image : Image
    truth : Instances
        Its objects.
    scaling : Scaling
        Its normalisation.
    side : mapping of int to int
        Pixels along each axis by the dimensions of the image, of which all is taken where it is smaller.

    Raises
    ------
    BadArgument
        If the labels are of another size than the image.
    """
    require_one_size(image, truth)
    shape = image.spatial_shape
    sides, middle = [min(n, side[len(shape)]) for n in shape], [n // 2 for n in shape]
    if truth.known is not None and truth.n:
        inside = np.flatnonzero(truth.foreground)
        middle = [int(i) for i in np.unravel_index(inside[len(inside) // 2], shape)]
    start = [int(np.clip(m - s // 2, 0, n - s)) for m, s, n in zip(middle, sides, shape, strict=True)]
    region = tuple(slice(a, a + s) for a, s in zip(start, sides, strict=True))
    return Window(scaling(image.read(region)), truth.crop(region))


def named_windows(model: Model, data: Labelled) -> Iterator[tuple[str, Window]]:
    """The window of each image as a model wants it, and a name that no other has."""
    names: set[str] = set()
    for number, (image, truth) in enumerate(data, start=1):
        names.add(name := distinct(image.name, names, number))
        yield name, cut_window(image, truth, model.card.settings.normalise(image))


def distinct(name: str, others: Collection[str], number: int) -> str:
    """The name of an image, with its number where others have it too."""
    return f"{name} ({number})" if name in others else name


def score_window(model: Model, window: Window) -> tuple[Instances, Score]:
    """What a model finds in a window with its present settings, and what that scores."""
    found = Instances.from_layers(find_objects(model.embed(window.patch), model.card.settings))
    return found, score(found, window.truth)


def score_windows(model: Model, data: Labelled) -> Steps[tuple[dict[str, Score], tuple[str, Window, Instances] | None]]:
    """What a model makes of the windows of images.

    Parameters
    ----------
    model : Model
    data : sequence of (Image, Instances)
        Labelled images.

    Yields
    ------
    Progress
        Before each window.

    Returns
    -------
    dict of str to Score
        By image, the lowest S(0.5) first.
    (str, Window, Instances) or None
        Name and window of the first of these, and what was found there; None where there are no images.
    """
    windows, worst = named_windows(model, data), None
    scores: dict[str, Score] = {}
    for done in range(len(data)):
        yield Progress("score", done, len(data))
        name, window = next(windows)
        found, scores[name] = score_window(model, window)
        if min(scores.values(), key=_worth) is scores[name]:
            worst = name, window, found
    return dict(sorted(scores.items(), key=lambda item: _worth(item[1]))), worst


def _worth(one: Score) -> tuple[float, float]:
    return one.S[0.5], one.S_mean


def require_one_size(image: Image, truth: Instances) -> None:
    """Refuse labels of another size than their image, as `BadArgument`."""
    if image.spatial_shape != truth.shape:
        raise BadArgument(
            f"{image.name}: the image is {image.spatial_shape} and its labels are {truth.shape} pixels along "
            f"{image.spatial_axes}; they must be of one size."
        )
