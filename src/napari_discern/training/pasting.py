"""Pasting: a translucent copy of an object laid over others, so that more pixels are shared than in nature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.normalise import Scaling

RIM = 4
"""Pixels around an object in which its background is looked for."""


def paste(
    image: NDArray[np.float32],
    targets: NDArray[np.int32],
    added: NDArray[np.float32],
    mask: NDArray[np.bool_],
    random: np.random.Generator,
) -> None:
    """Lay an object over a random one of a window, in place, turned at random.

    Parameters
    ----------
    image : float32 array of shape (C, \\*S)
        A normalised window.
    targets : int32 array of shape (L + 1, \\*S)
        Its objects and their number; see `Example.targets`.
    added : float32 array of shape (C, \\*M)
        What the object adds to the pixels, light or shadow; see `lift`.
    mask : bool array of shape (\\*M)
        Its pixels.
    random : np.random.Generator
        Chooses where, and how it is turned.
    """
    turns, flip = int(random.integers(4)), bool(random.integers(2))
    added, mask = (_turned(a, turns, flip) for a in (added * mask, mask))
    inside = np.argwhere(targets[0] > 0)
    middle = inside[random.integers(len(inside))] if len(inside) else [random.integers(n) for n in targets.shape[1:]]
    start = [int(m) - n // 2 for m, n in zip(middle, mask.shape, strict=True)]
    spans = [(max(0, s), min(size, s + n)) for s, n, size in zip(start, mask.shape, targets.shape[1:], strict=True)]
    there = tuple(slice(a, b) for a, b in spans)
    part = tuple(slice(a - s, b - s) for (a, b), s in zip(spans, start, strict=True))
    image[(slice(None), *there)] += added[(slice(None), *part)]
    _own(targets[(slice(None), *there)], mask[part], int(targets[:-1].max()) + 1)


def lift(image: Image, truth: Instances, scaling: Scaling, box: tuple[slice, ...]) -> NDArray[np.float32]:
    """What the pixels of a box are beyond their background, the median of what bears no object around them.

    Returns
    -------
    float32 array of shape (C, \\*box)
    """
    wide = tuple(slice(max(0, b.start - RIM), min(n, b.stop + RIM)) for b, n in zip(box, truth.shape, strict=True))
    pixels = scaling(image.read(wide))
    free = ~(truth.planes[(slice(None), *wide)] > 0).any(axis=0)
    ground = np.median(pixels[:, free] if free.any() else pixels.reshape(len(pixels), -1), axis=1)
    inner = tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, wide, strict=True))
    return np.asarray(pixels[(slice(None), *inner)] - ground.reshape(-1, *[1] * len(box)), np.float32)


def _turned(array: NDArray[Any], turns: int, flip: bool) -> NDArray[Any]:
    turned = np.rot90(array, turns, axes=(-2, -1))
    return turned[..., ::-1] if flip else turned


def _own(targets: NDArray[np.int32], mask: NDArray[np.bool_], label: int) -> None:
    """Give an object the pixels of a mask, beside those that have them; where there is no place left, none is known."""
    *objects, number = targets
    known = mask & (number >= 0)
    for layer, plane in enumerate(objects):
        plane[known & (number == layer)] = label
    full = known & (number >= len(objects))
    targets[:-1, full] = -1
    number[known & ~full] += 1
