"""Image: an array that knows its axes and its spacing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_discern.errors import BadArgument

SPATIAL = "zyx"
KNOWN_AXES = "tczyxs"
Key: TypeAlias = Any
"""What NumPy slices by: integers, slices of a positive or negative step, an ellipsis, or a tuple of these."""


class ArrayLike(Protocol):
    """What an image may hold: NumPy, zarr and dask arrays all fit. Sliced, never read whole by itself."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""

    @property
    def dtype(self) -> Any:
        """Type of a pixel."""

    def __getitem__(self, key: Key, /) -> Any: ...


class ArrayView:
    """A part of an array, or of another view; nothing is read before it is sliced.

    Parameters
    ----------
    data : array
        NumPy, zarr or dask array.
    place : sequence of int or slice
        What is in view, an axis after another: an index, which leaves the axis out, or a slice of step 1. Axes that are
        not named are in view whole.
    """

    def __init__(self, data: ArrayLike, place: Sequence[int | slice] = ()) -> None:
        axes = [range(int(n)) for n in data.shape]
        self._data = data
        self._place = [*(axis[part] for axis, part in zip(axes, place, strict=False)), *axes[len(place) :]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis in view."""
        return tuple(len(part) for part in self._place if isinstance(part, range))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""
        kind: np.dtype[Any] = np.dtype(self._data.dtype)
        return kind

    def __getitem__(self, key: Key, /) -> Any:
        keys = iter(_an_axis_each(key, len(self.shape)))
        parts = [part if isinstance(part, int) else part[next(keys)] for part in self._place]
        return self._data[tuple(part if isinstance(part, int) else _as_slice(part) for part in parts)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all of it."""
        return np.asarray(self[...], dtype=dtype)


class _Stack:
    """Arrays of one shape as one array, (C, \\*S), each read only where asked for."""

    def __init__(self, arrays: Sequence[ArrayLike]) -> None:
        self._arrays = tuple(arrays)
        self.shape = (len(arrays), *arrays[0].shape)
        self.dtype = np.result_type(*(array.dtype for array in arrays))

    def __getitem__(self, key: Key, /) -> NDArray[Any]:
        first, *rest = _an_axis_each(key, len(self.shape))
        if isinstance(first, slice):
            return np.stack([np.asarray(array[tuple(rest)], self.dtype) for array in self._arrays[first]])
        return np.asarray(self._arrays[first][tuple(rest)], self.dtype)


def _an_axis_each(key: Key, ndim: int) -> list[int | slice]:
    """What is asked for along each axis: an ellipsis, or the end, stands for all of those that are not named."""
    parts = list(key) if isinstance(key, tuple) else [key]
    gap = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    named = sum(part is not Ellipsis for part in parts)
    if named > ndim:
        raise IndexError(f"too many indices: {named} for {ndim} axes.")
    parts[gap : gap + 1] = [slice(None)] * (ndim - named)
    return parts


def _as_slice(part: range) -> slice:
    return slice(part.start, part.stop if part.stop >= 0 else None, part.step)


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

    @classmethod
    def stack(cls, images: Sequence[Image]) -> Image:
        """Images as the channels of one, which has axes, spacing and name of the first; nothing is read.

        Raises
        ------
        BadArgument
            If there is none, or they differ in axes or shape.
        """
        if len({(image.axes, tuple(image.data.shape), image.time) for image in images}) != 1:
            said = ", ".join(f"{image.axes!r} {tuple(image.data.shape)}" for image in images) or "nothing"
            raise BadArgument(f"only images of the same axes and shape can be the channels of one, not {said}.")
        return replace(images[0], data=_Stack([image.data for image in images]), axes="c" + images[0].axes)

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

    def crop(self, region: Sequence[slice]) -> Image:
        """The part inside a box; nothing is read.

        Parameters
        ----------
        region : sequence of slice
            One slice of step 1 for each of `spatial_axes`.

        Raises
        ------
        BadArgument
            If nothing of the image is inside, or a slice leaves out pixels between others.
        """
        if any(part.step not in (None, 1) for part in region):
            raise BadArgument(f"{self.name}: a box has no gaps; take slices of step 1, not {list(region)}.")
        return replace(self, data=ArrayView(self.data, self._keys(dict(zip(self.spatial_axes, region, strict=True)))))

    def at(self, *, time: int | None = None, z: int | None = None) -> Image:
        """The image at an index along axes, which are left out; nothing is read.

        Parameters
        ----------
        time, z : int, optional
            Counted from 0. An image without the axis is its own index 0.

        Raises
        ------
        BadArgument
            If there is no such index.
        """
        places = {axis: index for axis, index in (("t", time), ("z", z)) if index is not None}
        for axis, index in places.items():
            if not 0 <= index < self.size(axis):
                what = "time point" if axis == "t" else "slice"
                raise BadArgument(f"{self.name}: there is no {what} {index}; it has {self.size(axis)}, counted from 0.")
        return replace(
            self,
            data=ArrayView(self.data, self._keys(places)),
            axes="".join(axis for axis in self.axes if axis not in places),
            spacing=tuple(s for axis, s in zip(self.spatial_axes, self.spacing, strict=True) if axis not in places),
            time=None if "t" in places else self.time,
        )

    def read(self, region: Sequence[slice] | None = None) -> NDArray[Any]:
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
        places: dict[str, int | slice] = {"t": self.time or 0, **dict(zip(self.spatial_axes, region, strict=True))}
        patch = np.asarray(self.data[tuple(self._keys(places))])
        left = [a for a in self.axes if a != "t"]
        order = [a for a in ("c", "s", *SPATIAL) if a in left]
        patch = patch.transpose([left.index(a) for a in order])
        return patch if {"c", "s"} & set(left) else patch[None]

    def split_frames(self) -> Iterator[Image]:
        """One view a time point, named after this image where there are several. Nothing is read."""
        for time in range(self.frames):
            name = f"{self.name}_t{time:04d}" if self.frames > 1 else self.name
            yield replace(self.at(time=time), name=name)

    def _keys(self, places: Mapping[str, int | slice]) -> list[int | slice]:
        """What is asked for along each axis: all of those that are not named."""
        return [places.get(axis, slice(None)) for axis in self.axes]
