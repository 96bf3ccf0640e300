"""Labels: objects out of the pixels of a file, or a refusal that says what to do."""

from __future__ import annotations

import numpy as np

from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.instances import Instances


def from_image(image: Image) -> Instances:
    """The objects of a flat label image: integers, one id an object, 0 for background.

    Raises
    ------
    BadArgument
        If the image is RGB, has several channels or time points, or its pixels are not integers >= 0.
    """
    if "s" in image.axes:
        raise BadArgument(
            f"this is a colour picture (axes {image.axes!r}, shape {tuple(image.data.shape)}), not labels. "
            "Save the labels as one integer a pixel: 0 for background and an id for each object."
        )
    if image.channels > 1 or image.frames > 1:
        raise BadArgument(
            f"labels must have the axes yx or zyx, not {image.axes!r} of shape {tuple(image.data.shape)}. Save slices "
            "as z and time points one by one; where each page is the mask of one object, name the file STEM.masks.tif."
        )
    if image.data.dtype.kind == "f":
        raise BadArgument(
            f"labels must be integers, not {image.data.dtype}. If these are labels, save them as uint16 or uint32; "
            "were they saved as an image of intensities?"
        )
    pixels = image.read()[0]
    pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    return Instances.from_labels(pixels, axes=image.spatial_axes, spacing=image.spacing, unit=image.unit)


def as_masks(stack: np.ndarray) -> np.ndarray:
    """A stack of masks as bool (n, \\*S), from bool, 0 and 1, or 0 and 255.

    Raises
    ------
    BadArgument
        If the stack has no axis for the objects, or holds other values, as flat labels do.
    """
    if stack.ndim not in (3, 4):
        raise BadArgument(f"masks must have the shape (n, y, x) or (n, z, y, x), not {stack.shape}.")
    if stack.dtype.kind not in "biu":
        raise BadArgument(f"masks must be boolean, not {stack.dtype}.")
    if stack.dtype != bool:
        top = stack.max(initial=0)
        if top not in (0, 1, 255) or not ((stack == 0) | (stack == top)).all():
            raise BadArgument(
                f"masks must be boolean, 0 and 1, or 0 and 255; these reach {top}. If they are flat labels, "
                "save them as a label image: STEM.tif."
            )
    masks: np.ndarray = stack.astype(bool)
    return masks
