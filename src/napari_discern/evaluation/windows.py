"""Windows: parts of labelled images that a model is looked at on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.normalise import Scaling

Labelled: TypeAlias = Sequence[tuple[Image, Instances]]
SIDES: Mapping[int, int] = MappingProxyType({2: 512, 3: 96})
"""Pixels along each axis of a window, at most, by its dimensions."""


@dataclass(frozen=True)
class Window:
    """A part of a labelled image to score a model on: normalised pixels float32 (C, \\*S), and its true objects."""

    patch: np.ndarray
    truth: Instances


def cut_window(image: Image, truth: Instances, scaling: Scaling, side: Mapping[int, int] = SIDES) -> Window:
    """The middle of an image, `side` pixels along each axis by its dimensions, or all of a smaller one.

    Where not all is known, a part around an object.

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


def require_one_size(image: Image, truth: Instances) -> None:
    """Refuse labels of another size than their image.

    Raises
    ------
    BadArgument
        If they differ.
    """
    if image.spatial_shape != truth.shape:
        raise BadArgument(
            f"{image.name}: the image is {image.spatial_shape} and its labels are {truth.shape} pixels along "
            f"{image.spatial_axes}; they must be of one size."
        )
