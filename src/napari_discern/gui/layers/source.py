"""Layers: what a napari layer is as an image or as objects, and objects as a layer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from napari_discern.errors import BadArgument
from napari_discern.gui.layers.planes import Planes
from napari_discern.image import ArrayView, Image
from napari_discern.instances import CLASS, Instances, painted_classes
from napari_discern.model import Tone

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

Where: TypeAlias = Literal["whole image", "field of view", "current slice"]
AID = "napari_discern_aid"
"""Key in the metadata of layers that are only to look at, such as a preview; they are not offered to work on."""
RECIPE = "napari_discern"
"""Key of a result layer's metadata under which stands how it was made."""


@dataclass(frozen=True)
class Source:
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
    def of(cls, layer: ImageLayer, ndim: int, channels: int = 1, together: Sequence[ImageLayer] = ()) -> Source:
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
        axes = self.axes.removeprefix("c") if self.together else self.axes
        layers = self.together or (self.layer,)
        images = [Image(ArrayView(pixels(layer), place), axes, scale, unit, self.layer.name) for layer in layers]
        return Image.stack(images) if self.together else images[0]

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


def read_labels(layer: Labels, place: Sequence[int] = (), viewer: ViewerModel | None = None) -> Instances:
    """The objects of a Labels layer and its further planes, those in the viewer; ids are made 1..N in their order.

    Raises
    ------
    BadArgument
        If the layer is not 2D or 3D at that place, or holds no integers.
    """
    if viewer is not None:
        Planes.of(layer).leave(viewer)
    planes = np.stack([np.asarray(pixels(one)[tuple(place)]) for one in Planes.of(layer).layers])
    spacing = tuple(abs(float(s)) or 1.0 for s in layer.scale[1 - planes.ndim :])
    return Instances.from_painted(planes, spacing=spacing, measures=classes_of(layer, planes))


def classes_of(layer: Labels, planes: np.ndarray) -> dict[str, np.ndarray]:
    """The column `class` of the layer's features for the objects of its label planes, "" where it has none."""
    named = names_of_classes(layer)
    if named is None:
        return {}
    ids = np.unique(planes[planes > 0])
    return {CLASS: np.array([named.get(label, "") for label in ids.tolist()], dtype=str)}


def names_of_classes(layer: Labels) -> dict[int, str] | None:
    """The class of each id as the column `class` of a layer's features has it; None where there is no such column.

    Rows belong to ids by the column `index`, or else by their place, as napari has it.
    """
    features = layer.features
    if CLASS not in features:
        return None
    index = features["index"] if "index" in features else range(len(features))
    return dict(zip(index, features[CLASS].fillna("").astype(str).str.strip(), strict=True))


def painted_on(layer: Labels, objects: Instances, kinds: np.ndarray) -> dict[str, np.ndarray]:
    """The classes of objects on which a layer is painted, (*S): the names in its features, or else its numbers."""
    named = names_of_classes(layer) or {}
    numbers = painted_classes(objects.planes, kinds)
    return {CLASS: np.array([named.get(k, "") or str(k) if k else "" for k in numbers.tolist()], dtype=str)}


class Look(NamedTuple):
    """What the images of a layer look like.

    Attributes
    ----------
    ndim, channels : int
    tone : "bright on dark" or "dark on bright"
        How objects likely stand out.
    words : str
        All that, to read.
    """

    ndim: int
    channels: int
    tone: Tone
    words: str


def guess(layer: ImageLayer) -> Look:
    """What the images in a layer look like."""
    data = pixels(layer)
    dims = len(data.shape) - bool(layer.rgb)
    ndim = 3 if dims >= 3 and min(data.shape[dims - 3 : dims]) > 4 and not _named(layer, dims - 3, "t") else 2
    channels = int(data.shape[-1]) if layer.rgb else 1
    colour = {1: "one channel", 3: "RGB", 4: "RGB"}.get(channels, f"{channels} channels")
    tone = _tone(layer)
    return Look(ndim, channels, tone, f"{ndim}D, {colour}, {tone}")


def _alike(layer: ImageLayer, others: Sequence[ImageLayer]) -> bool:
    """Whether each of the layers can be a channel of one image."""
    return layer in others and all(not o.rgb and pixels(o).shape == pixels(layer).shape for o in others)


def _named(layer: ImageLayer, axis: int, letter: str) -> bool:
    names = getattr(layer, "axis_labels", ())
    return axis < len(names) and str(names[axis]).lower().startswith(letter)


def _tone(layer: ImageLayer) -> Tone:
    """Whether objects are likely bright on dark: most of the pixels are nearer to the darkest."""
    shown = np.asarray(layer.thumbnail, np.float32)[..., :3].mean(axis=-1)
    low, middle, high = np.percentile(shown, (2, 50, 98))
    return "bright on dark" if middle - low <= high - middle else "dark on bright"


def _corners(layer: ImageLayer) -> np.ndarray:
    """First and last pixel of what is shown of a layer, int (2, D); of a multiscale one at its finest level."""
    corners = np.asarray(layer.corner_pixels)
    if layer.multiscale:
        corners = corners * layer.downsample_factors[layer.data_level]
    return np.asarray(corners[:, : layer.ndim]).astype(int)
