"""Events: what happened at the seams of a volume and to its tiles, as columns, since there can be millions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

SUSPICIOUS = ("apart", "conflict", "cut", "failed")
"""What should be looked at: an object that the next tile does not know, or sees differently, or that no tile saw
whole; and tiles that could not be done."""
WORDS = {
    "joined": "joined across tiles",
    "apart": "left apart",
    "conflict": "in conflict",
    "cut": "larger than the halo",
    "failed": "tiles failed",
}
KINDS = tuple(WORDS)  # as of seams, and then more
DIGITS = 2
"""Digits of a place, in pixels, that are told."""


class Event(NamedTuple):
    """Something that happened at a place.

    Attributes
    ----------
    kind : str
        "joined", "apart", "conflict", "cut" or "failed".
    place : tuple of float
        Where, in pixels of the image, an entry an axis of the labels.
    label, other : int
        The object, and the one it is about besides; 0 where there is none.
    text : str
        More in words.
    """

    kind: str
    place: tuple[float, ...]
    label: int = 0
    other: int = 0
    text: str = ""


@dataclass(frozen=True, eq=False)
class Events(Sequence[Event]):
    """Many of them as columns, since a large volume has millions; a row is an `Event`.

    Attributes
    ----------
    kind : uint8 array of shape (K,)
        Index in `WORDS`.
    place : float32 array of shape (K, axes)
    label, other : int64 array of shape (K,)
    texts : mapping of int to str
        By row, where there is one.
    """

    kind: np.ndarray
    place: np.ndarray
    label: np.ndarray
    other: np.ndarray
    texts: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Sequence[Event], axes: int) -> Events:
        """Events as columns."""
        texts = {row: event.text for row, event in enumerate(events) if event.text}
        kind = np.array([KINDS.index(event.kind) for event in events], np.uint8)
        place = np.array([event.place for event in events], np.float32).reshape(-1, axes)
        label, other = (np.array([getattr(event, name) for event in events], np.int64) for name in ("label", "other"))
        return cls(kind, place, label, other, texts)

    @classmethod
    def chained(cls, tables: Sequence[Events], axes: int) -> Events:
        """Several of them, one after another."""
        every = (cls.of((), axes), *tables)
        kind, place, label, other = (
            np.concatenate([getattr(table, name) for table in every]) for name in ("kind", "place", "label", "other")
        )
        starts = np.cumsum([0, *map(len, every)]).tolist()
        texts = {start + row: text for start, t in zip(starts, every, strict=False) for row, text in t.texts.items()}
        return cls(kind, place, label, other, texts)

    def taken(self, rows: NDArray[np.integer[Any]]) -> Events:
        """Some of the rows, by index."""
        texts = {at: self.texts[row] for at, row in enumerate(rows.tolist()) if row in self.texts} if self.texts else {}
        return Events(self.kind[rows], self.place[rows], self.label[rows], self.other[rows], texts)

    def are(self, kinds: Sequence[str]) -> NDArray[np.bool_]:
        """Which rows are of one of these kinds, bool (K,)."""
        return np.isin(self.kind, [KINDS.index(kind) for kind in kinds])

    @property
    def once(self) -> Events:
        """Each kind of event once an object, or pair of objects: the first of them."""
        order = np.lexsort((self.other, self.label, self.kind))  # stable
        new = np.ones(len(order), bool)
        new[1:] = False
        for column in (self.kind, self.label, self.other):
            new[1:] |= np.diff(column[order]) != 0
        return self.taken(np.sort(order[new]))

    def __len__(self) -> int:
        return len(self.kind)

    @overload
    def __getitem__(self, row: int) -> Event: ...
    @overload
    def __getitem__(self, row: slice) -> Events: ...
    def __getitem__(self, row: int | slice) -> Event | Events:
        if isinstance(row, slice):
            return self.taken(np.arange(len(self))[row])
        place = tuple(round(along, DIGITS) for along in self.place[row].tolist())
        text = self.texts.get(range(len(self))[row], "")
        return Event(KINDS[self.kind[row]], place, int(self.label[row]), int(self.other[row]), text)
