"""Source: what an image layer is as images for a model, and where on it things are."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from napari_discern.errors import BadArgument
from napari_discern.image import Image

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

Extent: TypeAlias = Literal["whole image", "field of view", "current slice"]
"""Which part of an image is looked at."""


@dataclass(frozen=True)
class View:
    """Some planes or volumes of a larger array, read only where asked for.

    Attributes
    ----------
    data : array
        NumPy, dask or zarr array.
    lead : tuple of int
        Place along the leading axes, which the view does not have.
    """

    data: Any
    lead: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis that is left."""
        return tuple(int(n) for n in self.data.shape[len(self.lead) :])

    @property
    def dtype(self) -> Any:
        """Type of a pixel."""
        return self.data.dtype

    def __getitem__(self, key: Any, /) -> Any:
        return self.data[(*self.lead, *(key if isinstance(key, tuple) else (key,)))]


@dataclass(frozen=True)
class Channels:
    """Views of one shape as the channels of one array, (C, *S), read only where asked for."""

    views: tuple[View, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, and length of each other axis."""
        return (len(self.views), *self.views[0].shape)

    @property
    def dtype(self) -> Any:
        """Type that holds the pixels of all."""
        return np.result_type(*(view.dtype for view in self.views))

    def __getitem__(self, key: Any, /) -> np.ndarray:
        return np.stack([np.asarray(view[key[1:]], self.dtype) for view in self.views[key[0]]])


@dataclass(frozen=True)
class LayerSource:
    """An image layer as a model wants it: images of its dimensions, one for each place along the other axes.

    Attributes
    ----------
    layer : napari Image layer
    axes : str
        Axes of each single image, "yx", "zyx", "cyx", "yxs" and alike.
    lead : tuple of int
        Lengths of the leading axes, along which images follow one another: time, or slices for a 2D model.
    together : tuple of napari Image layers
        Where each channel has a layer of its own, all of them; else empty.
    """

    layer: ImageLayer
    axes: str
    lead: tuple[int, ...]
    together: tuple[ImageLayer, ...] = ()

    @classmethod
    def of(cls, layer: ImageLayer, ndim: int, channels: int = 1, together: Sequence[ImageLayer] = ()) -> LayerSource:
        """Read a layer for a model of so many dimensions and channels.

        Parameters
        ----------
        together : sequence of napari Image layers
            Layers that are selected beside it: as many as the model has channels, and of its shape, they are those.

        Raises
        ------
        BadArgument
            If the layer has too few dimensions.
        """
        data = pixels(layer)
        dims = len(data.shape) - bool(layer.rgb)
        split = len(together) == channels > 1 and _alike(layer, together)
        colours = not layer.rgb and not split and channels > 1 and data.shape[: dims - ndim][-1:] == (channels,)
        inner = ndim + colours
        if dims < inner:
            raise BadArgument(
                f"layer {layer.name!r} has {dims} dimensions, but the model looks at {ndim}D images. "
                f"Choose a {ndim}D image, or a model for {dims}D ones."
            )
        axes = "c" * (colours or split) + "zyx"[3 - ndim :] + "s" * bool(layer.rgb)
        return cls(layer, axes, tuple(int(n) for n in data.shape[: dims - inner]), tuple(together) if split else ())

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Size in pixels of each image."""
        return self.image((0,) * len(self.lead)).spatial_shape

    def places(self) -> Iterator[tuple[int, ...]]:
        """Every place along the leading axes, in order."""
        return itertools.product(*map(range, self.lead))

    def image(self, place: Sequence[int]) -> Image:
        """The image at a place, with the layer's spacing; nothing is read yet."""
        ndim = sum(a in "zyx" for a in self.axes)
        scale = tuple(abs(float(s)) or 1.0 for s in self.layer.scale[-ndim:])
        unit = str(self.layer.units[-1]) if getattr(self.layer, "units", None) else "pixel"
        views = tuple(View(pixels(layer), tuple(place)) for layer in self.together or (self.layer,))
        return Image(Channels(views) if self.together else views[0], self.axes, scale, unit, self.layer.name)

    def current(self, viewer: ViewerModel) -> tuple[int, ...]:
        """The place that the viewer shows."""
        point = self.layer.world_to_data(viewer.dims.point)
        return tuple(int(np.clip(round(p), 0, n - 1)) for p, n in zip(point, self.lead, strict=False))

    def visible(self, viewer: ViewerModel) -> tuple[slice, ...]:
        """The part of the image that the canvas shows, a slice a spatial axis; all of the axes that it hides."""
        shape = self.spatial_shape
        low, high = _corners(self.layer)[:, -len(shape) :]
        shown = set(viewer.dims.displayed[-len(shape) :])
        first = viewer.dims.ndim - len(shape)
        box = []
        for axis, (a, b, n) in enumerate(zip(low, high, shape, strict=True)):
            inside = axis + first in shown
            start, stop = (int(np.clip(a, 0, n)), int(np.clip(b + 1, 0, n))) if inside else (0, n)
            box.append(slice(start, stop))
        if any(b.start >= b.stop for b in box):
            raise BadArgument(f"nothing of layer {self.layer.name!r} is in view; move back to it (Home).")
        return tuple(box)


def pixels(layer: ImageLayer) -> Any:
    """The array of a layer, of a multiscale one the finest."""
    return layer.data[0] if layer.multiscale else layer.data


def selected_with(viewer: ViewerModel, layer: Any) -> list[Any]:
    """The layers of its kind that are selected in the list with a layer, from bottom to top; none if it is not."""
    chosen = [other for other in viewer.layers if other in viewer.layers.selection and type(other) is type(layer)]
    return chosen if layer in chosen else []


def region_text(box: Sequence[slice]) -> str:
    """A box as the recipe writes it."""
    return ",".join(f"{b.start}:{b.stop}" for b in box)


def place_of(layer: ImageLayer, start: Sequence[int], ndim: int) -> dict[str, Any]:
    """Scale and translation of a layer of so many axes that lies on another's pixels, from the pixel `start` on."""
    scale = np.asarray(layer.scale)[-ndim:]
    translate = np.asarray(layer.translate)[-ndim:].astype(float)
    translate[-len(start) :] += np.array(start) * scale[-len(start) :]
    return {"scale": scale, "translate": translate}


def fly_to(viewer: ViewerModel, layer: Labels, place: Sequence[float] | np.ndarray) -> None:
    """Show a place of a layer, in its pixels, in the middle of the canvas."""
    world = np.asarray(layer.data_to_world(place))
    for axis in viewer.dims.not_displayed:
        viewer.dims.set_point(axis, world[axis - viewer.dims.ndim])
    viewer.scene.camera.center = tuple(world[-3:])


def _alike(layer: ImageLayer, others: Sequence[ImageLayer]) -> bool:
    """Whether each of the layers can be a channel of one image."""
    return layer in others and all(not o.rgb and pixels(o).shape == pixels(layer).shape for o in others)


def _corners(layer: ImageLayer) -> np.ndarray:
    """First and last pixel of what is shown of a layer, int (2, D); of a multiscale one at its finest level."""
    corners = np.asarray(layer.corner_pixels)
    if layer.multiscale:
        corners = corners * layer.downsample_factors[layer.data_level]
    return np.asarray(corners[:, : layer.ndim]).astype(int)
