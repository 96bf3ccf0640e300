"""Instances: the objects of one image, also where they share pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_discern.errors import BadArgument

if TYPE_CHECKING:
    import pandas as pd

CLASS, CONFIDENCE = "class", "confidence"
"""Columns of the semantic class of an object, a text, and of its probability, 0 to 1."""
CHANCE = "chance of "
"""Begins the columns of the probabilities of single classes, before one is settled on."""
UNKNOWN = -1
"""Label of a pixel of which nothing is known: neither pulled, pushed nor scored."""


@dataclass(frozen=True, eq=False)
class Instances:
    """Objects as label planes in which no object is cut by another.

    Attributes
    ----------
    planes : array of shape (P, \\*S), uint32
        0 is background; an object lies in one plane, whole; ids are 1..N without gaps over all planes.
        Where no two objects share a pixel, P is 1.
    axes : str
        The spatial axes, "yx" or "zyx".
    spacing : tuple of float
        Size of a pixel along each axis.
    unit : str
        Unit of `spacing`.
    measures : mapping of str to array of shape (N,)
        Further columns of `features`, by name, in the order of the ids: scores, margins.
    known : array of shape (\\*S), bool, optional
        Where it is known what is there; elsewhere objects may have been left out. Everywhere by default.
    """

    planes: np.ndarray
    axes: str = ""
    spacing: tuple[float, ...] = ()
    unit: str = "pixel"
    measures: Mapping[str, np.ndarray] = field(default_factory=dict)
    known: np.ndarray | None = None

    def __post_init__(self) -> None:
        ndim = self.planes.ndim - 1
        if ndim not in (2, 3) or self.planes.dtype != np.uint32:
            raise BadArgument(
                f"planes must be uint32 of shape (planes, [z,] y, x), not {self.planes.dtype} {self.planes.shape}; "
                "use Instances.from_labels or Instances.from_masks."
            )
        object.__setattr__(self, "axes", self.axes or "zyx"[3 - ndim :])
        object.__setattr__(self, "spacing", tuple(self.spacing) or (1.0,) * ndim)
        if not len(self.axes) == len(self.spacing) == ndim:
            raise BadArgument(
                f"axes {self.axes!r} and spacing {self.spacing} must have one entry for each dimension of {self.shape}."
            )
        if self.known is not None and (self.known.shape != self.shape or self.known.dtype != bool):
            raise BadArgument(f"known must be bool of shape {self.shape}, not {self.known.dtype} {self.known.shape}.")
        wrong = [name for name, values in self.measures.items() if len(values) != self.n]
        if wrong:
            raise BadArgument(f"measures {wrong} must have a value for each of the {self.n} objects.")

    @classmethod
    def from_labels(cls, labels: np.ndarray, **where: Any) -> Instances:
        """From one flat label image of any integer dtype; ids are made 1..N in their order.

        Raises
        ------
        BadArgument
            If the labels are not integers, negative, or not 2D or 3D.

        Examples
        --------
        >>> Instances.from_labels(np.array([[5, 0], [0, 9]])).labels.tolist()
        [[1, 0], [0, 2]]
        """
        return cls(_renumber(_integers(labels))[None], **where)

    @classmethod
    def from_masks(cls, masks: np.ndarray, **where: Any) -> Instances:
        """From a stack of masks, bool (N, \\*S), which may share pixels.

        Objects are put greedily into as few planes as that takes, in their order; id k is mask k - 1.

        Raises
        ------
        BadArgument
            If the stack is not boolean (or 0 and 1), or a mask is empty; its index is named.
        """
        masks = np.asarray(masks)
        if masks.dtype != bool and not np.isin(masks, (0, 1)).all():
            raise BadArgument(f"masks must be boolean, or 0 and 1, not {masks.dtype} with other values.")
        empty = [k for k, mask in enumerate(masks) if not mask.any()]
        if empty:
            raise BadArgument(f"masks {empty} of {len(masks)} are empty; every mask must cover a pixel. Remove them.")
        planes = np.zeros((1, *masks.shape[1:]), np.uint32)
        for k, mask in enumerate(masks, start=1):
            mask = mask.astype(bool)
            free = next((p for p in range(len(planes)) if not planes[p][mask].any()), None)
            if free is None:
                free = len(planes)
                planes = np.concatenate([planes, np.zeros_like(planes[:1])])
            planes[free][mask] = k
        return cls(planes, **where)

    @classmethod
    def from_planes(cls, planes: np.ndarray, least: int = 1, **where: Any) -> Instances:
        """From label planes, uint32 (P, \\*S), in which an id is one object; ids are made 1..N in their order.

        Objects of fewer than `least` pixels are left out, and so are planes that are not needed.
        """
        areas = np.bincount(planes.ravel())
        kept = areas >= max(1, least)
        kept[:1] = False
        ids = (np.cumsum(kept) * kept).astype(np.uint32)
        return cls(_flatten(ids[planes]), **where)

    @classmethod
    def from_layers(cls, layers: np.ndarray, **where: Any) -> Instances:
        """From label layers, uint32 (L, \\*S), over which an object may be spread, but lies once on a pixel.

        Objects that share pixels come into different planes, as few as a greedy colouring of their graph takes.
        """
        if len(layers) == 1:
            return cls(layers, **where)
        covered = layers > 0
        if not (covered.sum(axis=0) > 1).any():
            return cls(layers.max(axis=0, keepdims=True), **where)
        plane = colour(int(layers.max()), partners(layers)[:, :2]).astype(np.int16)[layers]
        parts = [np.where(covered & (plane == p), layers, 0).max(axis=0) for p in range(int(plane.max()) + 1)]
        return cls(np.stack(parts).astype(np.uint32), **where)

    @classmethod
    def from_painted(cls, layers: np.ndarray, **where: Any) -> Instances:
        """From label layers (L, \\*S) of any integer dtype, as people paint them: an id is one object in all of them.

        Where an object is covered by another, its covered part is painted in the next layer.

        Raises
        ------
        BadArgument
            If the labels are not integers, or negative.
        """
        return cls.from_layers(once_a_pixel(_renumber(_integers(layers))), **where)

    @property
    def n(self) -> int:
        """Number of objects."""
        return int(self.planes.max(initial=0))

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape in pixels."""
        return self.planes.shape[1:]

    @property
    def labels(self) -> np.ndarray:
        """The flat label image, uint32 (\\*S).

        Raises
        ------
        BadArgument
            If objects share pixels, which one label image cannot say.
        """
        if len(self.planes) > 1:
            raise BadArgument(f"objects share pixels ({len(self.planes)} planes); one label image cannot hold them.")
        labels: np.ndarray = self.planes[0]
        return labels

    @property
    def foreground(self) -> np.ndarray:
        """Pixels that belong to any object, bool (\\*S)."""
        return np.asarray((self.planes > 0).any(axis=0))

    @property
    def shared(self) -> np.ndarray:
        """Pixels that belong to several objects, bool (\\*S)."""
        if len(self.planes) == 1:
            return np.zeros(self.shape, bool)
        return np.asarray((self.planes > 0).sum(axis=0) > 1)

    @property
    def classes(self) -> np.ndarray | None:
        """Semantic class of each object, str (N,), "" where it is not known; None where there are no classes."""
        return None if CLASS not in self.measures else np.asarray(self.measures[CLASS], dtype=str)

    def class_numbers(self, names: Sequence[str]) -> np.ndarray:
        """Which of the named classes each object is of, int64 (N,), counted from 1; 0 for none of them."""
        own = [""] * self.n if self.classes is None else self.classes.tolist()
        numbers = {name: k for k, name in enumerate(names, start=1)}
        return np.array([numbers.get(name, 0) for name in own], np.int64)

    @property
    def areas(self) -> np.ndarray:
        """Pixels of each object, int64 (N,), in the order of the ids."""
        return np.bincount(self.planes.ravel(), minlength=self.n + 1)[1:]

    @property
    def coverage(self) -> np.ndarray:
        """Pixels that bear none, one, two... objects, int64 (P + 1,)."""
        if len(self.planes) == 1:  # large images are of one plane, and no copy of them should be made
            inside = int(np.count_nonzero(self.planes))
            return np.array([self.planes.size - inside, inside])
        return np.bincount((self.planes > 0).sum(axis=0).ravel(), minlength=len(self.planes) + 1)

    def masks(self) -> Iterator[tuple[int, tuple[slice, ...], np.ndarray]]:
        """Each object as (id, bounding box, bool mask within the box), in the order of the ids."""
        from scipy import ndimage

        found = {
            index + 1: (plane, box)
            for plane in self.planes
            for index, box in enumerate(ndimage.find_objects(plane.astype(np.int64)))
            if box is not None
        }
        for label in sorted(found):
            plane, box = found[label]
            yield label, box, plane[box] == label

    def crop(self, region: tuple[slice, ...]) -> Instances:
        """The objects inside a box, one slice an axis; ids are made 1..N anew."""
        inside = self.planes[(slice(None), *region)]
        kept = np.unique(inside[inside > 0]).astype(np.int64) - 1
        measures = {name: np.asarray(values)[kept] for name, values in self.measures.items()}
        known = None if self.known is None else self.known[region]
        return replace(self, planes=_flatten(_renumber(inside)), measures=measures, known=known)

    def rimmed(self, width: float) -> Instances:
        """The same with nothing known but the objects and, as background, the rim around them.

        Parameters
        ----------
        width : float
            Of the rim, in pixels of the finest axis.
        """
        from scipy import ndimage

        sampling = np.array(self.spacing) / min(self.spacing)
        known = ndimage.distance_transform_edt(~self.foreground, sampling=sampling) <= width
        return replace(self, known=known if self.n else self.foreground)

    def features(self) -> pd.DataFrame:
        """A row per object: label, plane, area, centroid and box along each axis, touching the border, measures.

        `area` counts pixels (voxels in 3D); `area_units` is the same in `unit` squared (cubed);
        `centroid_y` and alike are in pixels; `overlap_area` counts the pixels shared with other objects, whose ids
        stand in `overlaps_with`, with spaces between.
        """
        import pandas as pd

        shared, others = self._overlaps()
        rows = [[*self._feature_row(*item), shared[item[0]], others[item[0]]] for item in self.masks()]
        return pd.DataFrame(rows, columns=self._feature_names()).assign(**self.measures)

    def _overlaps(self) -> tuple[np.ndarray, list[str]]:
        """By id: pixels that an object shares, and the ids of those that it shares them with."""
        if len(self.planes) == 1:
            return np.zeros(self.n + 1, int), [""] * (self.n + 1)
        area = np.bincount(self.planes[:, self.shared].ravel(), minlength=self.n + 1)
        return area, ["", *names_of_partners(self.n, partners(self.planes))]

    def _feature_names(self) -> list[str]:
        names = ["label", "plane", "area", "area_units"]
        names += [f"{what}_{a}" for what in ("centroid", "min", "max") for a in self.axes]
        return [*names, "touches_border", "overlap_area", "overlaps_with"]

    def _feature_row(self, label: int, box: tuple[slice, ...], mask: np.ndarray) -> list[float]:
        points = np.argwhere(mask) + [s.start for s in box]
        low, high = points.min(axis=0), points.max(axis=0)
        plane = next(p for p, plane in enumerate(self.planes) if plane[tuple(points[0])] == label)
        border = bool((low == 0).any() or (high == np.array(self.shape) - 1).any())
        area = len(points)
        size = area * float(np.prod(self.spacing))
        return [label, plane, area, size, *points.mean(axis=0), *low, *high, border]


def class_names(truths: Sequence[Instances]) -> tuple[str, ...]:
    """The semantic classes that objects are said to be of, sorted."""
    return tuple(sorted({str(name) for t in truths if t.classes is not None for name in t.classes} - {""}))


def painted_classes(planes: np.ndarray, kinds: np.ndarray) -> np.ndarray:
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
    here = (planes > 0) & (kinds > 0)
    names, kind = np.unique(np.broadcast_to(kinds, planes.shape)[here], return_inverse=True)
    pairs, pixels = np.unique(planes[here].astype(np.int64) * max(1, len(names)) + kind, return_counts=True)
    owner, kind = np.divmod(pairs, max(1, len(names)))
    order = np.lexsort((-kind, pixels))  # the last one counts
    found[owner[order] - 1] = names[kind[order]]
    return found


def settle_classes(measures: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
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


def once_a_pixel(layers: np.ndarray) -> np.ndarray:
    """The same label layers (L, \\*S), changed in place so that no object lies twice on a pixel."""
    for upper in range(1, len(layers)):
        layers[upper][(layers[:upper] == layers[upper]).any(axis=0)] = 0
    return layers


def stack_objects(truth: Instances, layers: int) -> np.ndarray:
    """The objects of each pixel, int32 (layers, \\*S), those that there are first; unknown where there are more."""
    planes = truth.planes.astype(np.int32)
    if len(planes) > 1:
        planes = np.take_along_axis(planes, np.argsort(planes == 0, axis=0, kind="stable"), axis=0)
    stacked = planes[:layers]
    if len(planes) > layers:
        stacked = np.where(planes[layers] > 0, UNKNOWN, stacked)
    missing = layers - len(stacked)
    return np.pad(stacked, [(0, missing), *[(0, 0)] * (planes.ndim - 1)])


def partners(layers: np.ndarray) -> np.ndarray:
    """Pairs of ids that share pixels, the smaller first, and how many, int64 (K, 3); layers as of `from_layers`."""
    several = layers[:, (layers > 0).sum(axis=0) > 1].astype(np.int64)
    base = int(layers.max(initial=0)) + 1
    codes = [np.zeros(0, np.int64)]
    for one, other in combinations(several, 2):
        low, high = np.minimum(one, other), np.maximum(one, other)
        codes.append((low * base + high)[low > 0])
    values, counts = np.unique(np.concatenate(codes), return_counts=True)
    return np.stack([values // base, values % base, counts], axis=1)


def names_of_partners(number: int, pairs: np.ndarray, first: int = 0) -> list[str]:
    """For each object 1..number, the ids of those that it shares pixels with, counted from `first`, in a text."""
    others: list[list[int]] = [[] for _ in range(number + 1)]
    for one, other, _ in pairs.tolist():
        others[one].append(other + first)
        others[other].append(one + first)
    return [" ".join(map(str, sorted(ids))) for ids in others[1:]]


def colour(number: int, pairs: np.ndarray) -> np.ndarray:
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


def _integers(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.dtype.kind not in "biu":
        raise BadArgument(f"labels must be integers, not {labels.dtype}; were they saved as an image of intensities?")
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        raise BadArgument(f"labels must not be negative; the smallest is {labels.min()}.")
    return labels.astype(np.uint8) if labels.dtype == bool else labels


def _flatten(planes: np.ndarray) -> np.ndarray:
    """One plane where no two objects share a pixel, else those planes that hold an object."""
    covered = planes > 0
    if (covered.sum(axis=0) > 1).any():
        return planes[covered.reshape(len(planes), -1).any(axis=1)]
    return np.asarray(planes.max(axis=0, keepdims=True))


def _renumber(labels: np.ndarray) -> np.ndarray:
    """The same objects with ids 1..N, in the order of the old ids, as uint32."""
    ids = np.unique(labels)
    ids = ids[ids > 0]
    if len(ids) and ids[-1] < 1 << 24:
        table = np.zeros(int(ids[-1]) + 1, np.uint32)
        table[ids] = np.arange(1, len(ids) + 1, dtype=np.uint32)
        return np.asarray(table[labels])
    dense = np.searchsorted(ids, labels) + 1
    return np.where(labels > 0, dense, 0).astype(np.uint32)
