"""Classes: the semantic class of each object, as people paint it and as models say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_discern.instances.instances import CLASS, Instances
from napari_discern.instances.sharing import Labels, count_pairs

CONFIDENCE = "confidence"
"""Column of the probability, 0 to 1, of the class of an object."""
CHANCE = "chance of "
"""Begins the columns of the probabilities of single classes, before one is settled on."""


def class_names(truths: Sequence[Instances]) -> tuple[str, ...]:
    """The semantic classes that objects are said to be of, sorted."""
    return tuple(sorted({str(name) for t in truths if t.classes is not None for name in t.classes} - {""}))


def painted_classes(planes: NDArray[np.uint32], kinds: Labels) -> Labels:
    """The class that each object is painted with for the most part, by the number of its pixels that are.

    Parameters
    ----------
    planes : unsigned integer array of shape (P, \\*S)
        Objects 1..N.
    kinds : integer array of shape (\\*S)
        Class of each pixel; 0 is none, and is not counted.

    Returns
    -------
    integer array of shape (N,)
        Of two with as many pixels the lower; 0 for objects on none.
    """
    found = np.zeros(int(planes.max(initial=0)), kinds.dtype)
    pairs, pixels = count_pairs(planes, kinds[None])
    owner, kind = pairs[np.lexsort((-pairs[:, 1], pixels))].T  # the last one counts
    found[owner - 1] = kind
    return found


def settle_classes(measures: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The same columns, with the likeliest class of each object and its probability in place of those of all classes.

    Columns named `CHANCE` and a class hold the probability of that class, float (N,).
    """
    chances = {name.removeprefix(CHANCE): values for name, values in measures.items() if name.startswith(CHANCE)}
    settled = {name: values for name, values in measures.items() if not name.startswith(CHANCE)}
    if chances:
        every = np.stack(list(chances.values()))
        settled[CLASS] = np.array(list(chances))[every.argmax(axis=0)]
        settled[CONFIDENCE] = every.max(axis=0)
    return settled
