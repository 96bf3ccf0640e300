"""Look: what the images of a layer look like, by which a model is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_discern.gui.layers.source import pixels
from napari_discern.model import Tone

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer


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


def _named(layer: ImageLayer, axis: int, letter: str) -> bool:
    names = getattr(layer, "axis_labels", ())
    return axis < len(names) and str(names[axis]).lower().startswith(letter)


def _tone(layer: ImageLayer) -> Tone:
    """Whether objects are likely bright on dark: most of the pixels are nearer to the darkest."""
    shown = np.asarray(layer.thumbnail, np.float32)[..., :3].mean(axis=-1)
    low, middle, high = np.percentile(shown, (2, 50, 98))
    return "bright on dark" if middle - low <= high - middle else "dark on bright"
