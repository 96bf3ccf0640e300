"""Instances: objects as label planes, and what they are in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_discern.errors import BadArgument
from napari_discern.instances import planes as made
from napari_discern.instances.sharing import Labels, names_of_partners, partners, several
from napari_discern.instances.table import count_pixels, object_sums, object_table

if TYPE_CHECKING:
    import pandas as pd

CLASS = "class"
"""Column of the semantic class of an object, a text."""
UNKNOWN = -1
"""Label of a pixel of which nothing is known: neither pulled, pushed nor scored."""


@dataclass(frozen=True, eq=False)
class Instances:
    """Objects as label planes in which no object is cut by another.

    Attributes
    ----------
    planes : array of shape (P, \\*S), uint32
        0 is background; an object lies in one plane, whole; ids are 1..N over all planes, one where none share pixels.
    axes : str
        The spatial axes, "yx" or "zyx".
    spacing, unit : tuple of float, str
        Size of a pixel along each axis, and its unit.
    measures : mapping of str to array of shape (N,)
        Further columns of `features`: scores, margins.
    known : array of shape (\\*S), bool, optional
        Where it is known what is there, everywhere by default; elsewhere objects may have been left out.
    """

    planes: NDArray[np.uint32]
    axes: str = ""
    spacing: tuple[float, ...] = ()
    unit: str = "pixel"
    measures: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    known: NDArray[np.bool_] | None = None

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
        if wrong := [name for name, values in self.measures.items() if len(values) != self.n]:
            raise BadArgument(f"measures {wrong} must have a value for each of the {self.n} objects.")

    @classmethod
    def from_labels(cls, labels: Labels, **where: Any) -> Instances:
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
        return cls(made.renumbered(made.integers(labels))[None], **where)

    @classmethod
    def from_masks(cls, masks: NDArray[Any], **where: Any) -> Instances:
        """From a stack of masks, bool (N, \\*S), which may share pixels.

        Objects are put greedily into as few planes as that takes, in their order; id k is mask k - 1.

        Raises
        ------
        BadArgument
            If the stack is not boolean (or 0 and 1), or a mask is empty; its index is named.
        """
        return cls(made.of_masks(masks), **where)

    @classmethod
    def from_planes(cls, planes: NDArray[np.uint32], least: int = 1, **where: Any) -> Instances:
        """From label planes, uint32 (P, \\*S), in which an id is one object; ids are made 1..N in their order.

        Objects of fewer than `least` pixels are left out, and so are planes that are not needed.
        """
        return cls(made.flattened(made.drop_small(planes, least)), **where)

    @classmethod
    def from_layers(cls, layers: NDArray[np.uint32], **where: Any) -> Instances:
        """From label layers, uint32 (L, \\*S), over which an object may be spread, but lies once on a pixel.

        Objects that share pixels come into different planes, as few as a greedy colouring of their graph takes.
        """
        return cls(made.of_layers(layers), **where)

    @classmethod
    def from_painted(cls, layers: Labels, **where: Any) -> Instances:
        """From label layers (L, \\*S) of any integer dtype, as people paint them: an id is one object in all of them.

        Where an object is covered by another, its covered part is painted in the next layer.

        Raises
        ------
        BadArgument
            If the labels are not integers, or negative.
        """
        return cls.from_layers(made.once_a_pixel(made.renumbered(made.integers(layers))), **where)

    @property
    def n(self) -> int:
        """Number of objects."""
        return int(self.planes.max(initial=0))

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape in pixels."""
        return self.planes.shape[1:]

    @property
    def labels(self) -> NDArray[np.uint32]:
        """The flat label image, uint32 (\\*S).

        Raises
        ------
        BadArgument
            If objects share pixels, which one label image cannot say.
        """
        if len(self.planes) > 1:
            raise BadArgument(f"objects share pixels ({len(self.planes)} planes); one label image cannot hold them.")
        return np.asarray(self.planes[0])

    @property
    def foreground(self) -> NDArray[np.bool_]:
        """Pixels that belong to any object, bool (\\*S)."""
        return np.asarray((self.planes > 0).any(axis=0))

    @property
    def shared(self) -> NDArray[np.bool_]:
        """Pixels that belong to several objects, bool (\\*S)."""
        return several(self.planes)

    @property
    def classes(self) -> NDArray[np.str_] | None:
        """Semantic class of each object, str (N,), "" where it is not known; None where there are no classes."""
        return None if CLASS not in self.measures else np.asarray(self.measures[CLASS], dtype=str)

    def class_numbers(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Which of the named classes each object is of, int64 (N,), counted from 1; 0 for none of them."""
        own = [""] * self.n if self.classes is None else self.classes.tolist()
        numbers = {name: k for k, name in enumerate(names, start=1)}
        return np.array([numbers.get(name, 0) for name in own], np.int64)

    @property
    def areas(self) -> NDArray[np.int64]:
        """Pixels of each object, int64 (N,), in the order of the ids."""
        return count_pixels(self.planes, self.n)[1:]

    @property
    def coverage(self) -> NDArray[np.int64]:
        """Pixels that bear none, one, two... objects, int64 (P + 1,)."""
        if len(self.planes) == 1:  # large images are of one plane, and no copy of them should be made
            inside = int(np.count_nonzero(self.planes))
            return np.array([self.planes.size - inside, inside])
        return count_pixels((self.planes > 0).sum(axis=0, dtype=np.uint32), len(self.planes))

    def masks(self) -> Iterator[tuple[int, tuple[slice, ...], NDArray[np.bool_]]]:
        """Each object as (id, bounding box, bool mask within the box), in the order of the ids."""
        sums = object_sums(self.planes, self.n, self.axes)
        low, high = (np.stack([sums[f"{end}_{a}"] for a in self.axes], axis=1) for end in ("min", "max"))
        for k in np.flatnonzero(sums["own"]).tolist():
            box = tuple(slice(a, b + 1) for a, b in zip(low[k].tolist(), high[k].tolist(), strict=True))
            yield k + 1, box, self.planes[sums["plane"][k]][box] == k + 1

    def crop(self, region: tuple[slice, ...]) -> Instances:
        """The objects inside a box, one slice an axis; ids are made 1..N anew."""
        inside = self.planes[(slice(None), *region)]
        kept = np.unique(inside[inside > 0]).astype(np.int64) - 1
        measures = {name: np.asarray(values)[kept] for name, values in self.measures.items()}
        known = None if self.known is None else self.known[region]
        return replace(self, planes=made.flattened(made.renumbered(inside)), measures=measures, known=known)

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
        n, sharing = self.n, len(self.planes) > 1
        sums = object_sums(self.planes, n, self.axes)
        others = names_of_partners(n, partners(self.planes)) if sharing else ""
        table = object_table(sums, self.axes, self.shape, self.spacing, overlaps_with=others)
        return table[sums["own"] > 0].reset_index(drop=True).assign(**self.measures)


def stack_objects(truth: Instances, layers: int) -> NDArray[np.int32]:
    """The objects of each pixel, int32 (layers, \\*S), those that there are first; unknown where there are more."""
    planes = truth.planes.astype(np.int32)
    if len(planes) > 1:
        planes = np.take_along_axis(planes, np.argsort(planes == 0, axis=0, kind="stable"), axis=0)
    stacked = planes[:layers]
    if len(planes) > layers:
        stacked = np.where(planes[layers] > 0, UNKNOWN, stacked)
    missing = layers - len(stacked)
    return np.pad(stacked, [(0, missing), *[(0, 0)] * (planes.ndim - 1)])
