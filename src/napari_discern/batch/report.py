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
from napari_discern.instances import names_of_partners, settle_classes
from napari_discern.tiles import EXTENTS, Joined, Table

if TYPE_CHECKING:
    import pandas as pd

PART = 20_000
"""Rows that are put together at a time."""


@dataclass(frozen=True)
class Report:
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
    def from_json(cls, text: str, volume: Path) -> Report:
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
    partners = names_of_partners(joined.n, joined.partners, first) if len(joined.partners) else None
    leading = list(place.values()) if plan.count > 1 else []
    for before in range(0, max(1, joined.n), PART):
        part = range(before, min(joined.n, before + PART))
        objects = joined.objects_in(part.start, part.stop)
        table = _table(objects, joined.plane[part.start + 1 : part.stop + 1], plan, place, spacing)
        table.insert(0, "label", np.arange(len(part)) + part.start + 1 + first)
        table["overlaps_with"] = "" if partners is None else partners[part.start : part.stop]
        middles = table[[f"centroid_{a}" for a in "zyx"[-len(plan.shape) :]]].to_numpy()
        yield (
            table,
            [
                Event(
                    "cut", (*leading, *middles[k].tolist()), int(table["label"].iloc[k]), text="no tile saw all of it"
                )
                for k in np.flatnonzero(objects["cut"])
            ],
        )


def _table(
    objects: Table, plane: np.ndarray, plan: Plan, place: dict[str, int], spacing: Sequence[float]
) -> pd.DataFrame:
    """What is known of some objects, in the form in which it is given out."""
    import pandas as pd

    axes, number, own = "zyx"[-len(plan.shape) :], len(plane), objects["own"]
    columns: dict[str, Any] = {axis: np.full(number, i) for axis, i in place.items()} if plan.count > 1 else {}
    columns |= {"plane": plane, "area": own.astype(np.int64), "area_units": own * float(np.prod(spacing))}
    columns |= {f"centroid_{a}": objects[f"sum_{a}"] / own for a in axes}
    columns |= {f"{end}_{a}": objects[f"{end}_{a}"].astype(np.int64) for end in ("min", "max") for a in axes}
    touching = [
        (objects[f"min_{a}"] == 0) | (objects[f"max_{a}"] == n - 1) for a, n in zip(axes, plan.shape, strict=True)
    ]
    columns["touches_border"] = np.any(touching, axis=0)
    columns["overlap_area"] = objects["overlap"].astype(np.int64)
    columns |= {"overlaps_with": "", "seen_whole": objects["cut"] == 0}
    columns |= settle_classes({name: values for name, values in objects.items() if name not in EXTENTS})
    return pd.DataFrame(columns)
