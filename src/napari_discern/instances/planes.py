"""Planes: label planes 1..N made of labels, masks and painted layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_discern.errors import BadArgument
from napari_discern.instances.sharing import Labels, colour, partners, several
from napari_discern.instances.table import BLOCK, count_pixels


def integers(labels: ArrayLike) -> Labels:
    """Labels as they are, if they can be such."""
    array = np.asarray(labels)
    if array.dtype.kind not in "biu":
        raise BadArgument(f"labels must be integers, not {array.dtype}; were they saved as an image of intensities?")
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        raise BadArgument(f"labels must not be negative; the smallest is {array.min()}.")
    return array.astype(np.uint8) if array.dtype == bool else array


def renumbered(labels: Labels) -> NDArray[np.uint32]:
    """The same objects with ids 1..N, in the order of the old ids."""
    ids = np.unique(labels)
    ids = ids[ids > 0]
    if len(ids) and ids[-1] < 1 << 24:
        table = np.zeros(int(ids[-1]) + 1, np.uint32)
        table[ids] = np.arange(1, len(ids) + 1, dtype=np.uint32)
        return _looked_up(table, labels)
    dense = np.searchsorted(ids, labels) + 1
    return np.where(labels > 0, dense, 0).astype(np.uint32)


def drop_small(planes: NDArray[np.uint32], least: int) -> NDArray[np.uint32]:
    """Only the objects of at least so many pixels, ids 1..N in their order."""
    kept = count_pixels(planes, int(planes.max(initial=0))) >= max(1, least)
    kept[0] = False
    return _looked_up((np.cumsum(kept) * kept).astype(np.uint32), planes)


def flattened(planes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """One plane where no two objects share a pixel, else those planes that hold an object."""
    if several(planes).any():
        return planes[planes.any(axis=tuple(range(1, planes.ndim)))]
    return np.asarray(planes.max(axis=0, keepdims=True))


def of_masks(masks: ArrayLike) -> NDArray[np.uint32]:
    """Masks (N, \\*S) in as few planes as it takes if each is put into the first one that is free."""
    masks = np.asarray(masks)
    if masks.dtype != bool and not np.isin(masks, (0, 1)).all():
        raise BadArgument(f"masks must be boolean, or 0 and 1, not {masks.dtype} with other values.")
    empty = [k for k, mask in enumerate(masks) if not mask.any()]
    if empty:
        raise BadArgument(f"masks {empty} of {len(masks)} are empty; every mask must cover a pixel. Remove them.")
    planes = np.zeros((1, *masks.shape[1:]), np.uint32)
    for k, mask in enumerate(masks.astype(bool, copy=False), start=1):
        free = next((p for p in range(len(planes)) if not planes[p][mask].any()), None)
        if free is None:
            free = len(planes)
            planes = np.concatenate([planes, np.zeros_like(planes[:1])])
        planes[free][mask] = k
    return planes


def of_layers(layers: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Label layers (L, \\*S), over which an object may be spread, with each object in one plane."""
    if len(layers) == 1:
        return layers
    if not several(layers).any():
        return np.asarray(layers.max(axis=0, keepdims=True))
    plane = colour(int(layers.max()), partners(layers)[:, :2]).astype(np.int16)[layers]
    return np.stack([np.where(plane == p, layers, 0).max(axis=0) for p in range(int(plane.max()) + 1)])


def once_a_pixel(layers: NDArray[Any]) -> NDArray[Any]:
    """The same label layers (L, \\*S), changed in place so that no object lies twice on a pixel."""
    for upper in range(1, len(layers)):
        layers[upper][(layers[:upper] == layers[upper]).any(axis=0)] = 0
    return layers


def _looked_up(ids: NDArray[np.uint32], labels: Labels) -> NDArray[np.uint32]:
    """The new id of each label, a part of the image after another: an index takes eight bytes a pixel."""
    flat, found = labels.reshape(-1), np.empty(labels.size, np.uint32)
    for start in range(0, flat.size, BLOCK):
        found[start : start + BLOCK] = ids[flat[start : start + BLOCK]]
    return found.reshape(labels.shape)
