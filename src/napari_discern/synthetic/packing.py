"""Packing: roundish bodies that share the room without hiding one another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_discern.synthetic.canvas import Box

TRIES = 4000


@dataclass(frozen=True, eq=False)
class Packed:
    """Which body owns which pixel.

    Attributes
    ----------
    labels : array of shape (*S), uint32
        The owner of each pixel, counted from 1; 0 where none reaches.
    depth : array of shape (*S), float64
        0 at the border of the owner's area, be it free or shared, growing inwards; 0 outside.
    """

    labels: NDArray[np.uint32]
    depth: NDArray[np.float64]


def pack(shape: tuple[int, ...], bodies: Iterable[tuple[Box, NDArray[np.float64]]]) -> Packed:
    """Give each pixel to the body that reaches it first; where bodies touch, the border lies halfway.

    Parameters
    ----------
    bodies : iterable of (box, reach)
        `reach` is 0 at a body's centre, 1 at its rim and more beyond; the box holds the body whole.
    """
    labels = np.zeros(shape, np.uint32)
    first, second = np.full(shape, np.inf), np.full(shape, np.inf)
    for label, (box, reach) in enumerate(bodies, start=1):
        nearer = reach < first[box]
        second[box] = np.minimum(second[box], np.maximum(reach, first[box]))
        first[box] = np.where(nearer, reach, first[box])
        labels[box][nearer & (reach < 1.0)] = label
    owned = labels > 0
    depth = np.zeros(shape)
    depth[owned] = np.minimum(1.0 - first[owned], second[owned] - first[owned])
    return Packed(labels, depth)


def scatter(
    rng: np.random.Generator, radii: NDArray[np.float64], extent: NDArray[np.float64], nearness: float, crowding: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Places for round bodies, none closer to another than they may come.

    Parameters
    ----------
    radii : array of shape (N,), float
        Radius of each body, in the unit of `extent`.
    extent : array of shape (D,), float
        Size of the room along each axis.
    nearness : float
        Least distance of two centres, as a share of the sum of their radii; below 1 they press on each other.
    crowding : float
        Probability that a body is put against the others rather than anywhere free, 0 to 1.

    Returns
    -------
    centres : array of shape (M, D), float64
        Places of those that found room, M <= N.
    placed : array of shape (M,), int64
        Which bodies those are.
    """
    places = rng.uniform(0.0, 1.0, (TRIES, len(extent))) * extent
    room = np.full(TRIES, np.inf)
    centres, placed = [], []
    for index, radius in enumerate(radii):
        free = np.flatnonzero(room >= nearness * radius)
        crowd = rng.uniform() < crowding
        if len(free) == 0:
            continue
        chosen = places[free[np.argmin(room[free])] if crowd else free[0]]
        room = np.minimum(room, np.sqrt(((places - chosen) ** 2).sum(axis=1)) - nearness * radius)
        centres.append(chosen)
        placed.append(index)
    return np.array(centres).reshape(-1, len(extent)), np.array(placed, int)
