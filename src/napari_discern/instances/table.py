"""Table: what is known of each object, from one pass over its pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_discern.instances.sharing import Labels, several

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 1 << 22
"""Pixels that are looked at at a time, at least a row; an index takes eight bytes a pixel."""
Sums: TypeAlias = Mapping[str, NDArray[Any]]


def count_pixels(labels: Labels, number: int) -> NDArray[np.int64]:
    """Pixels of each id 0..number, int64."""
    flat, counts = labels.reshape(-1), np.zeros(number + 1, np.int64)
    for start in range(0, flat.size, BLOCK):
        counts += np.bincount(flat[start : start + BLOCK], minlength=number + 1)
    return counts


def object_sums(
    planes: NDArray[np.uint32], number: int, axes: str, start: Sequence[int] = (0, 0, 0)
) -> dict[str, NDArray[np.int64]]:
    """What the pixels of each object add up to.

    Parameters
    ----------
    planes : uint32 array of shape (P, \\*S)
        Label planes as of `Instances`, or a part of such.
    number : int
        Objects, of which some may have no pixels here.
    axes : str
        Names of the spatial axes.
    start : sequence of int
        What coordinates are counted from along each axis.

    Returns
    -------
    dict of str to int64 array of shape (number,)
        `own`, its pixels; `overlap`, those of them that it shares; `plane`, the one it lies in; `sum_y`, `min_y`,
        `max_y` and alike. Of an object without pixels the bounds say nothing.
    """
    sums = {name: np.zeros(number + 1, np.int64) for name in ("own", "plane", *(f"sum_{a}" for a in axes))}
    sums |= {f"min_{a}": np.full(number + 1, np.iinfo(np.int64).max) for a in axes}
    sums |= {f"max_{a}": np.full(number + 1, -1) for a in axes}
    rows = planes.reshape(-1, planes.shape[-1])
    step = max(1, BLOCK // rows.shape[1])
    for before in range(0, len(rows), step):
        ids, row, column, length = _runs(rows[before : before + step])
        sums["plane"][ids], *place = np.unravel_index(row + before, planes.shape[:-1])
        np.add.at(sums["own"], ids, length)
        for axis, where, first in zip(axes, (*place, column), start, strict=False):
            low = where + first
            high = low + length - 1 if where is column else low
            np.add.at(sums[f"sum_{axis}"], ids, (low + high) * length // 2)
            np.minimum.at(sums[f"min_{axis}"], ids, low)
            np.maximum.at(sums[f"max_{axis}"], ids, high)
    sums["overlap"] = count_pixels(planes[:, several(planes)] if len(planes) > 1 else planes[:0], number)
    return {name: values[1:] for name, values in sums.items()}


def object_table(
    sums: Sums, axes: str, shape: Sequence[int], spacing: Sequence[float], first: int = 1, **more: Any
) -> pd.DataFrame:
    """A row per object, as `Instances.features` has it.

    Parameters
    ----------
    sums : mapping of str to array of shape (N,)
        Columns as of `object_sums`, over all of the image.
    axes, shape, spacing : str, sequence of int, sequence of float
        Of the image: names of the spatial axes, pixels along each, and size of a pixel.
    first : int
        Id of the first object; the others follow.
    **more : array of shape (N,), list or value
        Further columns, or what is to stand in `overlaps_with`.
    """
    import pandas as pd

    own, ends = sums["own"], [f"{end}_{a}" for end in ("min", "max") for a in axes]
    low, high = (np.stack([sums[f"{end}_{a}"] for a in axes]) for end in ("min", "max"))
    last = np.array(shape)[:, None] - 1
    columns = {
        "label": np.arange(first, first + len(own)),
        "plane": sums["plane"],
        "area": own.astype(np.int64),
        "area_units": own * float(np.prod(spacing)),
        **{f"centroid_{a}": sums[f"sum_{a}"] / np.maximum(own, 1) for a in axes},
        **{name: sums[name].astype(np.int64) for name in ends},
        "touches_border": ((low == 0) | (high == last)).any(axis=0),
        "overlap_area": sums["overlap"].astype(np.int64),
        "overlaps_with": "",
    }
    return pd.DataFrame({**columns, **more})


def _runs(rows: NDArray[np.uint32]) -> tuple[NDArray[np.intp], ...]:
    """Runs of pixels of one object: its id, their row, first column, and number."""
    changed = np.ones(rows.shape, bool)
    np.not_equal(rows[:, 1:], rows[:, :-1], out=changed[:, 1:])
    starts = np.flatnonzero(changed)
    ids, length = rows.reshape(-1)[starts], np.diff(starts, append=rows.size)
    inside = ids > 0
    return ids[inside].astype(np.intp), *np.divmod(starts[inside], rows.shape[1]), length[inside]
