"""Window: an image and its objects, in napari."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from napari_discern.image import Image
from napari_discern.instances import Instances

if TYPE_CHECKING:
    from napari.components import ViewerModel

BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")


def has_screen() -> bool:
    """Whether a napari window can be opened here: there is a screen, napari, and a Qt binding."""
    desktop = sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    return desktop and find_spec("napari") is not None and any(find_spec(binding) for binding in BINDINGS)


def show(image: Image, objects: Instances) -> None:
    """Open napari on an image with its objects, until the window is closed."""
    import napari

    add_layers(napari.Viewer(title="napari-discern"), image, objects)
    napari.run()


def add_layers(viewer: ViewerModel, image: Image, objects: Instances) -> None:
    """Add the image, and a Labels layer for each plane of objects, at the image's spacing."""
    pixels = image.read()
    rgb = image.is_rgb
    viewer.add_image(
        pixels.transpose(*range(1, pixels.ndim), 0) if rgb else pixels,
        name=image.name,
        rgb=rgb,
        channel_axis=None if rgb else 0,
        scale=image.spacing,
    )
    for number, plane in enumerate(objects.planes):
        name = "objects" if number == 0 else f"objects, plane {number + 1}"
        viewer.add_labels(plane, name=name, scale=image.spacing)
