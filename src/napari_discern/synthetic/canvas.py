"""Canvas: objects laid one over another, and the truth that goes with the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_discern.instances import Instances

Box = tuple[slice, ...]


class Canvas:
    """A picture on which objects are laid in turn, later ones on top.

    An opaque object hides what lies under it, in the picture and in the truth. A translucent one lets it
    shine through, and both own the pixels that they share.

    Parameters
    ----------
    background : array of shape (*S, C), float
        The picture before any object, with a channel axis.

    Attributes
    ----------
    image : array of shape (*S, C), float64
        The picture so far.
    """

    def __init__(self, background: NDArray[np.float64]) -> None:
        self.image = np.array(background, np.float64)
        self._planes = np.zeros((1, *self.image.shape[:-1]), np.uint32)
        self._laid = 0

    def lay(self, box: Box, cover: NDArray[np.float64], colour: ArrayLike, opacity: float = 1.0) -> None:
        """Lay an object on top.

        Parameters
        ----------
        box : tuple of slice
            Where it lies, one slice a spatial axis.
        cover : array of the shape of the box, float
            Share of each pixel that the object covers, 0 to 1. It owns the pixels covered by half or more.
        colour : array that broadcasts to (*box, C)
            Its colour in each pixel.
        opacity : float
            1 hides what lies below; less lets it shine through.
        """
        under = self.image[box]
        under += (opacity * cover)[..., None] * (np.asarray(colour) - under)
        self._laid += 1
        self._own((slice(None), *box), cover >= 0.5, hides=opacity >= 1.0)

    def shade(self, box: Box, shadow: NDArray[np.float64]) -> None:
        """Darken the picture below an object: `shadow` is the share of light taken away, 0 to 1."""
        self.image[box] *= (1.0 - shadow)[..., None]

    def instances(self, least_visible: int = 1, **where: Any) -> Instances:
        """The truth: each object as far as it can be seen, ids in the order of laying.

        Objects of which fewer than `least_visible` pixels can be seen are left out.
        """
        laid = Instances.from_planes(self._planes, least_visible)
        return Instances.from_layers(laid.planes, **where)

    def _own(self, box: Box, mask: np.ndarray, hides: bool) -> None:
        if hides:
            self._planes[box][:, mask] = 0
        free = [not plane[mask].any() for plane in self._planes[box]]
        if not any(free):
            self._planes = np.concatenate([self._planes, np.zeros_like(self._planes[:1])])
            free.append(True)
        self._planes[free.index(True)][box[1:]][mask] = self._laid


def box_around(low: ArrayLike, high: ArrayLike, shape: tuple[int, ...]) -> Box:
    """The pixels between two corners, cut off at the border of the picture; may be empty."""
    start = np.clip(np.floor(low), 0, shape).astype(int)
    stop = np.clip(np.ceil(high) + 1, start, shape).astype(int)
    return tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))


def offsets(box: Box, centre: ArrayLike) -> list[NDArray[np.float64]]:
    """Distance of each pixel of a box to a point, along each axis; arrays that broadcast to the box."""
    grid = np.ogrid[box]
    return [axis - float(c) for axis, c in zip(grid, np.asarray(centre), strict=True)]
