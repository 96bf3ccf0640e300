"""Report: what a run over a volume found, and what happened at its seams."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_discern.batch.plan import Plan
from napari_discern.instances import names_of_partners, settle_classes
from napari_discern.tiles import EXTENTS, Joined

if TYPE_CHECKING:
    import pandas as pd

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


@dataclass(frozen=True)
class Event:
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
    events : tuple of Event
        What happened at seams, and to tiles that could not be done.
    seconds : float
        How long it took.
    """

    volume: Path
    label_name: str
    axes: str
    objects: int
    tiles: int
    events: tuple[Event, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    def count(self, kind: str) -> int:
        """How many events of a kind there are."""
        return sum(event.kind == kind for event in self.events)

    @property
    def suspicious(self) -> list[Event]:
        """What should be looked at."""
        return [event for event in self.events if event.kind in SUSPICIOUS]

    @property
    def line(self) -> str:
        """The report in a line."""
        words = [f"{self.count(kind):,} {word}" for kind, word in WORDS.items() if self.count(kind)]
        return ", ".join(
            [
                f"{self.objects:,} objects in {self.tiles:,} tile{'' if self.tiles == 1 else 's'}",
                *words,
                f"{len(self.suspicious):,} to check",
            ]
        )

    def to_json(self) -> str:
        """The report as JSON, but for how long it took."""
        stated: dict[str, Any] = {
            "volume": self.volume.name, "label_name": self.label_name, "objects": self.objects, "tiles": self.tiles,
            "counts": {kind: self.count(kind) for kind in WORDS}, "axes": list(self.axes),
            "events": [asdict(event) for event in self.events],
        }  # fmt: skip
        return json.dumps(stated, indent=1)

    @classmethod
    def from_json(cls, text: str, volume: Path) -> Report:
        """The report of a run that has ended."""
        stated = json.loads(text)
        events = tuple(Event(**{**event, "place": tuple(event["place"])}) for event in stated["events"])
        axes = "".join(stated["axes"])
        return cls(volume, stated["label_name"], axes, stated["objects"], stated["tiles"], events)

    def table(self) -> pd.DataFrame:
        """A row an event; napari opens such a table as points."""
        import pandas as pd

        places = np.array([event.place for event in self.events]).reshape(-1, len(self.axes))
        columns: dict[str, Any] = {"index": np.arange(len(places))}
        columns |= {f"axis-{k}": places[:, k] for k in range(len(self.axes))}
        columns |= {name: [getattr(e, name) for e in self.events] for name in ("kind", "label", "other", "text")}
        return pd.DataFrame(columns)


def events_of(joined: Joined, place: Sequence[int], first: int) -> list[Event]:
    """What happened in one frame: at its seams, and objects that no tile saw whole.

    Parameters
    ----------
    place : sequence of int
        Index of the frame along the axes before its own.
    first : int
        What ids of this frame are counted from.
    """
    events = []
    for seam in sorted(joined.seams, key=lambda seam: seam.kind == "joined"):  # what is sound comes last
        label, other = seam.one[1], seam.other[1]
        events.append(
            Event(seam.kind, (*place, *seam.place), label + first, other + first if other not in (0, label) else 0)
        )
    objects = joined.objects
    axes = [name[4:] for name in objects if name.startswith("sum_")]
    for k in np.flatnonzero(objects.get("cut", np.zeros(0))):
        middle = [objects[f"sum_{a}"][k] / objects["own"][k] for a in sorted(axes, key="zyx".index)]
        events.append(Event("cut", (*place, *map(float, middle)), int(k) + 1 + first, text="no tile saw all of it"))
    return _once(events)


def _once(events: list[Event]) -> list[Event]:
    """Each kind of event once an object, or pair of objects."""
    seen: dict[tuple[str, int, int], Event] = {}
    for event in events:
        seen.setdefault((event.kind, event.label, event.other), event)
    return list(seen.values())


def table_of(joined: Joined, plan: Plan, place: dict[str, int], first: int, spacing: Sequence[float]) -> pd.DataFrame:
    """A row an object of one frame, with the columns of `Instances.features`."""
    import pandas as pd

    objects = joined.objects
    axes = "zyx"[-len(plan.shape) :]
    number = joined.n
    columns: dict[str, Any] = {"label": np.arange(1, number + 1) + first}
    columns |= {axis: np.full(number, index) for axis, index in place.items()} if plan.count > 1 else {}
    own = objects.get("own", np.zeros(number))
    columns["plane"] = joined.plane[1:]
    columns["area"] = own.astype(np.int64)
    columns["area_units"] = own * float(np.prod(spacing))
    columns |= {f"centroid_{a}": objects[f"sum_{a}"] / own for a in axes}
    columns |= {f"{end}_{a}": objects[f"{end}_{a}"].astype(np.int64) for end in ("min", "max") for a in axes}
    touching = [
        (objects[f"min_{a}"] == 0) | (objects[f"max_{a}"] == n - 1) for a, n in zip(axes, plan.shape, strict=True)
    ]
    columns["touches_border"] = np.any(touching, axis=0)
    columns["overlap_area"] = objects["overlap"].astype(np.int64)
    columns["overlaps_with"] = names_of_partners(joined.n, joined.partners, first)
    columns["seen_whole"] = objects["cut"] == 0
    columns |= settle_classes({name: values for name, values in objects.items() if name not in EXTENTS})
    return pd.DataFrame(columns)
