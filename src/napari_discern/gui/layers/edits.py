"""Edits: objects of Labels layers are merged, split, deleted and accepted, each step of which can be undone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_discern.errors import BadArgument
from napari_discern.gui.layers.planes import Pixels, Planes
from napari_discern.gui.layers.review import ACCEPTED, Review

if TYPE_CHECKING:
    from napari.layers import Labels
    from pandas import DataFrame


@dataclass
class Step:
    """One step of correcting, so that it can be taken back.

    Attributes
    ----------
    before : Review
        What was noted before.
    table : pandas DataFrame
        The table of the objects before.
    painted : list of (layer, pixels, their labels before, the label they got)
    """

    before: Review
    table: DataFrame
    painted: list[tuple[Labels, Pixels, np.ndarray, int]] = field(default_factory=list)


class ObjectEdits:
    """What a person does to the objects of one result, and says of them.

    Parameters
    ----------
    planes : Planes
        The layers of the result.
    noted : callable
        Called with the front layer whenever something was said of its objects.
    """

    def __init__(self, planes: Planes, noted: Callable[[Labels], object] = lambda _: None) -> None:
        self.planes, self._noted = planes, noted
        self._steps: list[Step] = []
        self._locked: dict[int, tuple[Labels, Pixels]] = {}
        self._lock()

    @property
    def review(self) -> Review:
        """What was said of the objects so far."""
        return Review.of(self.planes.front)

    @property
    def accepted(self) -> frozenset[int]:
        """Ids of the objects that were accepted."""
        return self.review.accepted

    def order(self) -> list[int]:
        """All ids, the lowest score first; those without one last.

        Raises
        ------
        BadArgument
            If the result has no scores.
        """
        front = self.planes.front
        ids = self.planes.ids()
        if set(front.features.get("index", ())) != ids:
            retable(self.planes)  # something was painted, or taken back with napari's own undo
        if "score" not in front.features:
            raise BadArgument(f"layer {front.name!r} has no scores; find its objects first (Segment).")
        return [int(i) for i in front.features.sort_values("score")["index"] if i in ids]

    def merge(self, one: int, other: int) -> None:
        """Make the pixels of the second object those of the first.

        Raises
        ------
        BadArgument
            If it is the same object, one is locked, or a third lies between the two in every plane.
        """
        self.refuse_locked(one, other)
        if one == other:
            raise BadArgument("that is the same object; click the one that it belongs with.")
        (here, mine), (there, theirs) = self.planes.find(one), self.planes.find(other)
        both = tuple(np.concatenate(pair) for pair in zip(mine, theirs, strict=True))
        fits = here if there is here else self.planes.room(both, (one, other))
        if fits is None:
            raise BadArgument("another object lies between the two in every plane; delete or move that one first.")
        gone = [(layer, where, 0) for layer, where in ((here, mine), (there, theirs)) if layer is not fits]
        self._paint([*gone, (fits, both, one)], corrected={one}, gone={other})

    def split(self, label: int, start: np.ndarray, end: np.ndarray, axes: tuple[int, int] = (-2, -1)) -> int:
        """Give the part of an object on one side of a line a new id, and return it.

        Parameters
        ----------
        label : int
            The object.
        start, end : float arrays of shape (D,)
            The ends of the line, in pixels.
        axes : pair of int
            The two axes in which it is a line; along all others the cut goes straight through.

        Raises
        ------
        BadArgument
            If the object is locked, or the line does not cross it.
        """
        self.refuse_locked(label)
        layer, where = self.planes.find(label)
        (y0, x0), (y1, x1) = start[list(axes)], end[list(axes)]
        y, x = (where[a] for a in axes)
        side = (y1 - y0) * (x - x0) - (x1 - x0) * (y - y0) > 0
        if side.all() or not side.any():
            raise BadArgument("the line does not cross the object; draw it from one side to the other.")
        part = side if side.sum() <= len(side) / 2 else ~side
        new = self.planes.top + 1
        self._paint([(layer, tuple(w[part] for w in where), new)], corrected={label, new})
        return new

    def reshape(self, label: int, where: Pixels) -> int:
        """Give an object these pixels, and no others, but for those of other objects; return its id.

        Raises
        ------
        BadArgument
            If the object is locked, or all the pixels are others'.
        """
        self.refuse_locked(label)
        layer, before = self.planes.find(label)
        free = np.isin(np.asarray(layer.data)[where], [0, label])
        if not free.any():
            raise BadArgument("other objects have all of its pixels; delete those first.")
        self._paint([(layer, before, 0), (layer, tuple(w[free] for w in where), label)], corrected={label})
        return label

    def delete(self, label: int) -> None:
        """Take an object away; its pixels are noted as background.

        Raises
        ------
        BadArgument
            If it is locked.
        """
        self.refuse_locked(label)
        layer, where = self.planes.find(label)
        self._paint([(layer, where, 0)], gone={label}, deleted=(where,))

    def toggle(self, labels: Collection[int]) -> None:
        """Accept objects, or take that back of those that were accepted."""
        before, table = self.review, self.planes.front.features
        self._steps.append(Step(before, table))
        self._say(replace(before, accepted=before.accepted ^ frozenset(labels)), table)

    def undo(self) -> None:
        """Take back the last step, where nothing was painted over it since.

        Raises
        ------
        BadArgument
            If there is none.
        """
        if not self._steps:
            raise BadArgument("there is nothing to take back here; Ctrl-Z takes back what was painted.")
        step = self._steps.pop()
        self._locked = {}
        for layer, where, old, new in reversed(step.painted):
            still = np.asarray(layer.data)[where] == new
            layer.data_setitem(tuple(w[still] for w in where), old[still])
        self._say(step.before, step.table)

    def refuse_locked(self, *labels: int) -> None:
        """Raise BadArgument if one of these objects was accepted."""
        for label in labels:
            if label in self.accepted:
                raise BadArgument(f"object {label} was accepted and is locked; choose it and press A to unlock it.")

    def guard(self) -> set[int]:
        """Take back what was painted over an accepted object or onto it, and return the ids of those it was."""
        spoilt = set()
        for label, (layer, where) in self._locked.items():
            if not (layer.data[where] == label).all():
                layer.data[where] = label
                spoilt.add(label)
        chosen = self.planes.front.selected_label if self.planes.layers else 0
        if chosen in self._locked and _cut_back(self.planes, chosen, *self._locked[chosen]):
            spoilt.add(chosen)
        for layer in self.planes.layers if spoilt else ():
            layer.refresh()
        return spoilt

    def _paint(
        self,
        changes: Sequence[tuple[Labels, Pixels, int]],
        corrected: Collection[int] = (),
        gone: Collection[int] = (),
        deleted: tuple[Pixels, ...] = (),
    ) -> None:
        """Change labels as one step, and note which objects were corrected, are gone, or never were."""
        before = self.review
        step = Step(before, self.planes.front.features)
        for layer, where, value in changes:
            old = np.asarray(layer.data)[where].copy()
            if (old != value).any():  # napari notes nothing of what changes nothing
                step.painted.append((layer, where, old, value))
                layer.data_setitem(where, value)
        self._steps.append(step)
        said = replace(
            before, corrected=before.corrected - set(gone) | set(corrected), deleted=before.deleted + deleted
        )
        self._say(said, _table(self.planes, corrected))

    def _say(self, review: Review, table: DataFrame) -> None:
        """Note what was said of the objects, and show it in their table."""
        review.note(self.planes.front)
        _show(self.planes, table)
        self._lock()
        self._noted(self.planes.front)

    def _lock(self) -> None:
        """Know where the accepted objects are, to keep them as they are."""
        accepted = self.accepted
        kept = {i: where for i, where in self._locked.items() if i in accepted}
        fresh = accepted - kept.keys()
        self._locked = kept | (self.planes.find_all(fresh) if fresh else {})


def retable(planes: Planes) -> None:
    """Bring the table of a result to the objects that are there: those gone leave it, new ones come with their area."""
    _show(planes, _table(planes))


def _cut_back(planes: Planes, label: int, there: Labels, where: Pixels) -> bool:
    """Take an object's label from all but these pixels of one layer; whether there were others."""
    grown = False
    for layer in planes.layers:
        more = np.asarray(layer.data) == label
        if layer is there:
            more[where] = False
        if more.any():
            layer.data[more], grown = 0, True
    return grown


def _table(planes: Planes, changed: Collection[int] = ()) -> DataFrame:
    """The table of the objects that are there, with the areas of those that are new or changed."""
    import pandas as pd

    table = planes.front.features
    if "index" not in table:
        return table
    ids = planes.ids()
    kept = table[table["index"].isin(ids)].copy()
    new = sorted(ids - set(kept["index"]))
    areas = {i: len(planes.find(i)[1][0]) for i in {*new, *changed} & ids} if "area" in table else {}
    for label, area in areas.items():
        kept.loc[kept["index"] == label, "area"] = area
    rows = pd.DataFrame({"index": new, **({"area": [areas[i] for i in new]} if areas else {})})
    return pd.concat([kept, rows], ignore_index=True) if new else kept


def _show(planes: Planes, table: DataFrame) -> None:
    """Give all layers this table, with a column that says which objects are accepted."""
    if "index" in table:
        table = table.assign(**{ACCEPTED: table["index"].isin(Review.of(planes.front).accepted)})
    for layer in planes.layers:
        layer.features = table
