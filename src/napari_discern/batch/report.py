"""Report: what a run over a volume found, and what happened at its seams."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_discern.batch.events import DIGITS, KINDS, SUSPICIOUS, WORDS, Event, Events
from napari_discern.batch.plan import Plan
from napari_discern.instances import names_of_partners, object_table, settle_classes
from napari_discern.tiles import EXTENTS, Joined

if TYPE_CHECKING:
    import pandas as pd

PART = 20_000
"""Rows that are put together at a time."""


@dataclass(frozen=True)
class VolumeReport:
    """What became of a volume.

    Attributes
    ----------
    volume : Path
        The OME-Zarr image.
    label_name : str
        Where the objects are.
    axes : str
        Axes of the places.
    objects, tiles : int
        How many there are.
    events : Events
        What happened at seams, and to tiles that could not be done.
    seconds : float
        How long it took.
    """

    volume: Path
    label_name: str
    axes: str
    objects: int
    tiles: int
    events: Events
    seconds: float = field(default=0.0, compare=False)

    def count(self, *kinds: str) -> int:
        """How many events of some kinds there are."""
        return int(np.count_nonzero(self.events.are(kinds)))

    @property
    def suspicious(self) -> list[Event]:
        """What should be looked at."""
        return list(self.events.taken(np.flatnonzero(self.events.are(SUSPICIOUS))))

    @property
    def line(self) -> str:
        """The report in a line."""
        words = [f"{self.count(kind):,} {word}" for kind, word in WORDS.items() if self.count(kind)]
        return ", ".join(
            [
                f"{self.objects:,} objects in {self.tiles:,} tile{'' if self.tiles == 1 else 's'}",
                *words,
                f"{self.count(*SUSPICIOUS):,} to check",
            ]
        )

    def json(self) -> Iterator[str]:
        """The report as JSON in parts, but for how long it took."""
        stated: dict[str, Any] = {
            "volume": self.volume.name, "label_name": self.label_name, "objects": self.objects, "tiles": self.tiles,
            "counts": {kind: self.count(kind) for kind in WORDS}, "axes": list(self.axes),
        }  # fmt: skip
        yield json.dumps(stated, indent=1).removesuffix("\n}") + ',\n "events": ['
        for row, event in enumerate(self.events):
            yield (",\n  " if row else "\n  ") + json.dumps(event._asdict())
        yield "\n ]\n}\n"

    @classmethod
    def from_json(cls, text: str, volume: Path) -> VolumeReport:
        """The report of a run that has ended."""
        stated = json.loads(text)
        axes = "".join(stated["axes"])
        events = Events.of([Event(**event) for event in stated["events"]], len(axes))
        return cls(volume, stated["label_name"], axes, stated["objects"], stated["tiles"], events)

    def tables(self) -> Iterator[pd.DataFrame]:
        """A row an event, in parts, the first of which there always is; napari opens such a table as points."""
        import pandas as pd

        for start in range(0, max(1, len(self.events)), PART):
            part = self.events[start : start + PART]
            columns: dict[str, Any] = {"index": np.arange(start, start + len(part))}
            columns |= {f"axis-{k}": part.place[:, k].astype(float).round(DIGITS) for k in range(len(self.axes))}
            columns |= {"kind": np.array(KINDS)[part.kind], "label": part.label, "other": part.other}
            yield pd.DataFrame({**columns, "text": [part.texts.get(row, "") for row in range(len(part))]})


def events_at_seams(joined: Joined, place: Sequence[int], first: int) -> Events:
    """What happened at the seams of one frame.

    Parameters
    ----------
    place : sequence of int
        Index of the frame along the axes before its own.
    first : int
        What ids of this frame are counted from.
    """
    seams = joined.seams
    order = np.argsort(seams.kind == 0, kind="stable")  # what is sound comes last
    label, other = seams.ids[order].T
    there = (other != 0) & (other != label)
    where = np.empty((len(seams), len(place) + seams.place.shape[1]), np.float32)
    where[:, : len(place)], where[:, len(place) :] = place, seams.place[order]
    return Events(seams.kind[order], where, label + first, np.where(there, other + first, 0)).once


def objects_of(
    joined: Joined, plan: Plan, place: dict[str, int], first: int, spacing: Sequence[float]
) -> Iterator[tuple[pd.DataFrame, list[Event]]]:
    """The objects of one frame in parts: a row each, and those that no tile saw whole.

    The columns are those of `Instances.features`. Of what is known of objects only a part is in memory at a time.
    """
    axes, leading = "zyx"[-len(plan.shape) :], list(place.values()) if plan.count > 1 else []
    partners = names_of_partners(joined.n, joined.partners, first) if len(joined.partners) else None
    for before in range(0, max(1, joined.n), PART):
        part = slice(before, min(joined.n, before + PART))
        objects = joined.objects_in(part.start, part.stop)
        measures = settle_classes({name: values for name, values in objects.items() if name not in EXTENTS})
        table = object_table(
            {**objects, "plane": joined.plane[1:][part]}, axes, plan.shape, spacing, before + 1 + first,
            overlaps_with="" if partners is None else partners[part], seen_whole=objects["cut"] == 0, **measures,
        )  # fmt: skip
        for k, (axis, index) in enumerate(place.items() if leading else ()):
            table.insert(1 + k, axis, np.full(len(table), index))
        middles = table[[f"centroid_{a}" for a in axes]].to_numpy()
        cut = [(k, (*leading, *middles[k].tolist())) for k in np.flatnonzero(objects["cut"]).tolist()]
        yield table, [Event("cut", at, before + 1 + first + k, text="no tile saw all of it") for k, at in cut]
