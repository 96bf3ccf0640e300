"""Pictures: PNG and JPEG, through pillow. They know neither axes nor spacing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.io.labels import from_image

if TYPE_CHECKING:
    import PIL.Image

logger = logging.getLogger(__name__)

PLAIN = ("1", "L", "I", "F", "RGB")
DEEP_COLOUR = (16, (2, 4, 6))  # in a PNG header: bits a sample, and the colour types other than grey and palette


def read(path: Path) -> Image:
    """A grey or RGB picture, axes "yx" or "yxs". Palettes are resolved, an alpha channel is dropped.

    The pixels are as stored: a rotation that a camera noted is not applied, so that labels drawn on them fit.
    """
    with _open(path) as picture:
        if _is_deep_colour(path):
            logger.warning("%s: 16-bit colours are read as 8-bit; save it as TIFF to keep them", path)
        if picture.has_transparency_data:
            logger.info("%s: the alpha channel is dropped", path)
        pixels = np.asarray(_plain(picture))
    return Image(pixels, "yxs" if pixels.ndim == 3 else "yx")


def _plain(picture: PIL.Image.Image) -> PIL.Image.Image:
    if picture.mode in PLAIN or picture.mode.startswith("I;16"):
        return picture
    return picture.convert("L" if picture.mode == "LA" else "RGB")


def _is_deep_colour(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(26)
    bits, colours = DEEP_COLOUR
    return header[1:4] == b"PNG" and len(header) == 26 and header[24] == bits and header[25] in colours


@contextmanager
def _open(path: Path) -> Iterator[PIL.Image.Image]:
    """Open a picture of any size: pillow's limit guards web servers, not people with slide scanners."""
    import PIL.Image

    limit, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None
    try:
        with PIL.Image.open(path) as picture:
            picture.load()
            yield picture
    finally:
        PIL.Image.MAX_IMAGE_PIXELS = limit


def read_instances(path: Path) -> Instances:
    """Flat labels: grey values are ids, and in a picture with a palette the entries' numbers are."""
    with _open(path) as picture:
        pixels = np.asarray(picture)
    return from_image(Image(pixels, "yxs" if pixels.ndim == 3 else "yx"))


def write_image(path: Path, image: Image) -> None:
    """PNG: uint8 or uint16 grey, uint8 RGB. Spacing has no place in the file.

    Raises
    ------
    BadArgument
        If PNG has no place for such pixels.
    """
    pixels = np.asarray(image.data[...])
    kinds = {("yx", "uint8"), ("yx", "uint16"), ("yxs", "uint8")}
    if (image.axes, pixels.dtype.name) not in kinds or (image.axes == "yxs" and pixels.shape[-1] != 3):
        raise BadArgument(
            f"PNG has no place for {pixels.dtype} pixels of axes {image.axes!r}, shape {pixels.shape}: it takes "
            "uint8 or uint16 (y, x), or uint8 (y, x, 3). Write TIFF instead."
        )
    import PIL.Image

    PIL.Image.fromarray(pixels).save(path, format="PNG")
