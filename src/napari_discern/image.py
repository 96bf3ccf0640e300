"""Image: an array that knows its axes and its spacing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from napari_discern.errors import BadArgument

SPATIAL = "zyx"
KNOWN_AXES = "tczyxs"


class ArrayLike(Protocol):
    """What an image may hold: NumPy, zarr and dask arrays all fit. Sliced, never read whole by itself."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""

    @property
    def dtype(self) -> Any:
        """Type of a pixel."""

    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels with named axes and spacing.

    Attributes
    ----------
    data : array of any real dtype
        NumPy, zarr or dask array; only the parts asked for are read.
    axes : str
        One letter a dimension, from "tczyxs": time, channel, z, y, x, and s for the samples of an RGB image.
    spacing : tuple of float
        Size of a pixel along each spatial axis, in the order of `spatial_axes`. Ones by default.
    unit : str
        Unit of `spacing`; "pixel" where nothing is known.
    name : str
        The stem that results are named after.
    time : int, optional
        The time point that `read` reads; a series without one cannot be read, only split (`split_frames`).

    Examples
    --------
    >>> image = Image(np.zeros((3, 40, 50), np.uint8), "cyx", spacing=(0.5, 0.5), unit="micrometer")
    >>> image.channels, image.spatial_shape
    (3, (40, 50))
    """

    data: ArrayLike
    axes: str
    spacing: tuple[float, ...] = ()
    unit: str = "pixel"
    name: str = "image"
    time: int | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.data.shape)
        if len(self.axes) != len(shape):
            raise BadArgument(
                f"{self.name}: axes {self.axes!r} name {len(self.axes)} dimensions, but the array has shape {shape}. "
                "Give one letter a dimension."
            )
        if len(set(self.axes)) != len(self.axes) or not set(self.axes) <= set(KNOWN_AXES):
            raise BadArgument(f"{self.name}: axes {self.axes!r} must be different letters out of {KNOWN_AXES!r}.")
        if not {"y", "x"} <= set(self.axes) or {"c", "s"} <= set(self.axes):
            raise BadArgument(f"{self.name}: axes {self.axes!r} need y and x, and one channel axis (c or s) at most.")
        if np.dtype(self.data.dtype).kind not in "biuf":
            raise BadArgument(f"{self.name}: pixels of type {self.data.dtype} are not real numbers.")
        if 0 in shape:
            raise BadArgument(f"{self.name}: shape {shape} has an axis of length 0; there is nothing to read.")
        spacing = tuple(float(s) for s in self.spacing) or (1.0,) * len(self.spatial_axes)
        if len(spacing) != len(self.spatial_axes) or not all(np.isfinite(s) and s > 0 for s in spacing):
            raise BadArgument(
                f"{self.name}: spacing {spacing} must give one positive number for each of {self.spatial_axes!r}."
            )
        object.__setattr__(self, "spacing", spacing)
        if self.time is not None and not 0 <= self.time < self.frames:
            raise BadArgument(f"{self.name}: there is no time point {self.time}; it has {self.frames}, counted from 0.")

    @classmethod
    def wrap(cls, data: Image | ArrayLike, axes: str | None = None, name: str = "image") -> Image:
        """Take an `Image` as it is, or an array with axes guessed from its dimensions.

        2D is "yx"; 3D is "yxs" where the last axis has 3 or 4 entries and the others more, else "zyx";
        4D is "czyx".
        """
        if isinstance(data, Image):
            return data
        shape = tuple(data.shape)
        rgb = len(shape) == 3 and shape[-1] in (3, 4) and min(shape[:2]) > 4
        guess = {2: "yx", 3: "yxs" if rgb else "zyx", 4: "czyx"}
        return cls(data, axes or guess.get(len(shape), ""), name=name)

    @property
    def spatial_axes(self) -> str:
        """The spatial axes present, in the order z, y, x."""
        return "".join(a for a in SPATIAL if a in self.axes)

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Size in pixels along `spatial_axes`."""
        return tuple(self.size(a) for a in self.spatial_axes)

    @property
    def channels(self) -> int:
        """Number of channels; 1 where there is no channel axis."""
        return self.size("c") * self.size("s")

    @property
    def is_rgb(self) -> bool:
        """Whether the channels are red, green, blue (and perhaps opacity)."""
        return self.size("s") in (3, 4)

    @property
    def frames(self) -> int:
        """Number of time points; 1 where there is no time axis."""
        return self.size("t")

    def size(self, axis: str) -> int:
        """Length of an axis; 1 where it is absent."""
        return int(self.data.shape[self.axes.index(axis)]) if axis in self.axes else 1

    def read(self, region: Sequence[slice] | None = None) -> np.ndarray:
        """Read a region of the time point `time` as a channel-first array.

        Parameters
        ----------
        region : sequence of slice, optional
            One slice for each of `spatial_axes`; all of it by default.

        Returns
        -------
        array of shape (C, \\*S), dtype of the image

        Raises
        ------
        BadArgument
            If there are several time points and none was chosen.
        """
        if self.time is None and self.frames > 1:
            raise BadArgument(
                f"{self.name} has {self.frames} time points; choose one (`time=`), or take one after another "
                "(`split_frames()`)."
            )
        region = tuple(region) if region is not None else (slice(None),) * len(self.spatial_axes)
        places: dict[str, Any] = {"t": self.time or 0, **dict(zip(self.spatial_axes, region, strict=True))}
        patch = np.asarray(self.data[tuple(places.get(a, slice(None)) for a in self.axes)])
        left = [a for a in self.axes if a != "t"]
        order = [a for a in ("c", "s", *SPATIAL) if a in left]
        patch = patch.transpose([left.index(a) for a in order])
        return patch if {"c", "s"} & set(left) else patch[None]

    def split_frames(self) -> Iterator[Image]:
        """One view a time point, named after this image where there are several. Nothing is read."""
        for time in range(self.frames):
            name = f"{self.name}_t{time:04d}" if self.frames > 1 else self.name
            yield replace(self, time=time, name=name)
