"""Overlay: objects tinted and outlined over their image."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.io.atomic import atomic

PALETTE = np.array(
    [
        (86, 180, 233),
        (230, 159, 0),
        (0, 190, 140),
        (240, 228, 66),
        (224, 130, 190),
        (225, 95, 20),
        (125, 140, 255),
    ],
    np.uint8,
)
"""RGB; the colours of Okabe and Ito (2008), which the colour-blind can tell apart, lightened to show on black."""

NEAR = 5
"""Pixels up to which objects apart are neighbours."""

ROUNDS = 10
"""How often objects that clash with a neighbour choose another colour, at the most."""


def overlay(image: Image, instances: Instances, magnify: int = 1) -> NDArray[np.uint8]:
    """The image, contrast stretched, with each object tinted and outlined in a colour that its neighbours lack.

    Of a volume the slice along z with most of the objects is shown.

    Parameters
    ----------
    image : Image
        2D or 3D. RGB is shown in colour, else the brightest channel in grey.
    instances : Instances
        Of the image's spatial shape.
    magnify : int
        Whole number by which both are enlarged first, so that outlines stay thin on small images.

    Returns
    -------
    uint8 (H, W, 3)

    Raises
    ------
    BadArgument
        If the shapes differ.
    """
    if image.spatial_shape != instances.shape:
        raise BadArgument(
            f"{image.name} has shape {image.spatial_shape}, its objects {instances.shape}; they must be the same."
        )
    pixels, planes = _flat(image, instances)
    colours = PALETTE[colouring(planes)].astype(np.float32)
    picture = _enlarged(stretch(pixels, image.is_rgb), magnify).astype(np.float32)
    width = max(1, round(max(picture.shape) / 600))
    for plane in planes:
        large = _enlarged(plane, magnify)
        inside, edge = large > 0, outline(large, width)
        picture[inside] += 0.25 * (colours[large[inside]] - picture[inside])
        picture[edge] = colours[large[edge]]
    return picture.round().astype(np.uint8)


def save_overlay(image: Image, instances: Instances, path: Path, overwrite: bool = False) -> None:
    """Write the `overlay` as a PNG file; small images are enlarged to 1,000 pixels or more.

    Parameters
    ----------
    image, instances : Image, Instances
        Of one shape.
    path : Path
        The PNG file.
    overwrite : bool
        Whether it may exist.

    Raises
    ------
    BadArgument
        If the shapes differ.
    OutputExists
        If `path` exists and `overwrite` is not set.
    """
    from PIL import Image as Picture

    picture = overlay(image, instances, magnify=math.ceil(1000 / max(instances.shape[-2:])))
    with atomic(path, overwrite) as temporary:
        Picture.fromarray(picture).save(temporary, format="png")


def stretch(pixels: NDArray[Any], rgb: bool = False) -> NDArray[np.uint8]:
    """Pixels (C, H, W) of any dtype as an RGB picture, uint8 (H, W, 3).

    Percentiles 0.5 and 99.7 become black and white: of all colours together, or of each channel by itself,
    of which the brightest is then shown in grey. Pixels that are not finite are black.
    """
    shown = pixels[:3].astype(np.float32)[None] if rgb else pixels.astype(np.float32)[:, None]
    unit = np.stack([_unit(channel) for channel in shown]).max(axis=0)
    bytes_: NDArray[np.uint8] = (255 * unit).round().astype(np.uint8)
    return np.broadcast_to(bytes_, (3, *bytes_.shape[1:])).transpose(1, 2, 0).copy()


def _unit(values: np.ndarray) -> np.ndarray:
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros_like(values)
    low, high = np.percentile(values[finite], (0.5, 99.7))
    scaled = (np.where(finite, values, low) - low) / max(high - low, 1e-9)
    return np.asarray(scaled.clip(0, 1))


def _flat(image: Image, instances: Instances) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (C, H, W) and label planes (P, H, W); of a volume the slice with most of the objects."""
    if len(instances.shape) == 2:
        return image.read(), instances.planes
    covered = instances.foreground.sum(axis=(1, 2))
    z = int(covered.argmax()) if covered.any() else len(covered) // 2
    whole = slice(None)
    return image.read((slice(z, z + 1), whole, whole))[:, 0], instances.planes[:, z]


def _enlarged(picture: np.ndarray, times: int) -> np.ndarray:
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def outline(plane: NDArray[np.uint32], width: int = 1) -> NDArray[np.bool_]:
    """Pixels of objects that lie within `width` pixels of something else, bool (H, W). The border is nothing."""
    from scipy import ndimage

    size = 2 * width + 1
    low, high = ndimage.minimum_filter(plane, size, mode="nearest"), ndimage.maximum_filter(plane, size, mode="nearest")
    return np.asarray((plane > 0) & (low != high))


def colouring(planes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Index into `PALETTE` for each id, 0 included, int64 (N + 1,), that differs from those of near objects.

    Greedy in the order of the ids: of the colours that fewest neighbours have, the one least used. Objects that
    still clash choose again, a few times; in the densest crowds a pair may be left.
    """
    n, k = int(planes.max(initial=0)), len(PALETTE)
    one, other = _neighbours(planes, n + 1)
    bounds = np.searchsorted(one, np.arange(n + 2))
    colours, used = np.full(n + 1, k), np.zeros(k + 1, np.int64)
    to_colour = np.arange(1, n + 1)
    for _ in range(ROUNDS):
        for label in to_colour:
            taken = np.bincount(colours[other[bounds[label] : bounds[label + 1]]], minlength=k + 1)[:k]
            used[colours[label]] -= 1
            colours[label] = np.lexsort((used[:k], taken))[0]
            used[colours[label]] += 1
        to_colour = np.unique(one[colours[one] == colours[other]])
    return colours % k


def _neighbours(planes: np.ndarray, base: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of ids that share pixels or are near, both ways, sorted."""
    keys = [np.zeros(0, np.int64)]
    for k in (0, 1, NEAR // 2, NEAR):
        for y, x in ((0, k), (k, 0), (k, k), (k, -k)):
            for one in _shifted(planes, y, x):
                for other in _shifted(planes, -y, -x):
                    both = (one != other) & (one > 0) & (other > 0)
                    keys.append(np.unique(one[both].astype(np.int64) * base + other[both]))
    one, other = np.divmod(np.concatenate(keys), base)
    pairs = np.unique(np.concatenate([one * base + other, other * base + one]))
    return np.divmod(pairs, base)


def _shifted(planes: np.ndarray, y: int, x: int) -> np.ndarray:
    """The planes without the first y rows and x columns; without the last where negative."""
    height, width = planes.shape[1:]
    return planes[:, max(y, 0) : max(0, height + min(y, 0)), max(x, 0) : max(0, width + min(x, 0))]
