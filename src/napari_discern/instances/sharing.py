"""Sharing: which objects lie on one another, on how many pixels, and what follows for their planes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations, product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Labels: TypeAlias = NDArray[np.integer[Any]]


def several(layers: Labels) -> NDArray[np.bool_]:
    """Where label layers (L, \\*S) hold more than one object, bool (\\*S)."""
    one: NDArray[np.bool_] = layers[0] > 0
    more = np.zeros_like(one)
    for layer in layers[1:]:
        more |= one & (layer > 0)
        one |= layer > 0
    return more


def count_pairs(one: Labels, other: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which ids of two sets of label planes lie on one another, and on how many pixels.

    Parameters
    ----------
    one, other : integer array of shape (P, \\*S) and (Q, \\*S)
        Each plane of the one is laid over each of the other; 0 is background.

    Returns
    -------
    pairs : int64 array of shape (K, 2)
        Id of the one and of the other, sorted.
    pixels : int64 array of shape (K,)
        How many pixels they have in common.
    """
    return _counted(product(map(np.ravel, one), map(np.ravel, other)))


def partners(layers: Labels) -> NDArray[np.int64]:
    """Pairs of ids that share pixels, the smaller first, and how many, int64 (K, 3); layers as of `from_layers`."""
    shared = layers[:, several(layers)]
    pairs, pixels = _counted((np.minimum(a, b), np.maximum(a, b)) for a, b in combinations(shared, 2))
    return np.column_stack([pairs, pixels])


def names_of_partners(number: int, pairs: NDArray[np.int64], first: int = 0) -> list[str]:
    """For each object 1..number, the ids of those that it shares pixels with, counted from `first`, in a text.

    Parameters
    ----------
    number, first : int
        How many objects there are, and what is added to their ids.
    pairs : int64 array of shape (K, 3)
        As `partners` gives them.
    """
    others: list[list[int]] = [[] for _ in range(number + 1)]
    for one, other, _ in pairs.tolist():
        others[one].append(other + first)
        others[other].append(one + first)
    return [" ".join(map(str, sorted(ids))) for ids in others[1:]]


def colour(number: int, pairs: NDArray[np.int64]) -> NDArray[np.int32]:
    """A plane for each id 0..number, int32, so that no two of a pair have one; those of many partners come first."""
    others: defaultdict[int, list[int]] = defaultdict(list)
    for one, other in pairs.tolist():
        others[one].append(other)
        others[other].append(one)
    planes: dict[int, int] = {}
    for label in sorted(others, key=lambda i: (-len(others[i]), i)):
        taken = {planes[other] for other in others[label] if other in planes}
        planes[label] = next(p for p in range(len(taken) + 1) if p not in taken)
    plane = np.zeros(number + 1, np.int32)
    plane[list(planes)] = list(planes.values())
    return plane


def _counted(laid: Iterable[tuple[Labels, Labels]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What `count_pairs` says of flat arrays that lie on one another.

    Pairs hardly change from pixel to pixel, so runs are counted rather than pixels.
    """
    runs = [np.zeros((3, 0), np.int64)]
    for a, b in laid:
        starts = _starts(a, b)
        both = (a[starts] > 0) & (b[starts] > 0)
        lengths = np.diff(starts, append=a.size)[both]
        runs.append(np.array([a[starts[both]], b[starts[both]], lengths], np.int64))
    one, other, pixels = np.concatenate(runs, axis=1)
    base = int(other.max(initial=0)) + 1
    fits = (int(one.max(initial=0)) + 1) * base <= np.iinfo(np.int64).max
    order = np.argsort(one * base + other) if fits else np.lexsort((other, one))
    one, other = one[order], other[order]
    first = _starts(one, other)
    return np.stack([one[first], other[first]], axis=1), np.add.reduceat(pixels[order], first)


def _starts(one: Labels, other: Labels) -> NDArray[np.intp]:
    """Where in two flat arrays another pair begins."""
    changed = np.ones(len(one), bool)
    changed[1:] = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    return np.flatnonzero(changed)
