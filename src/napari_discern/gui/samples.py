"""Samples: synthetic images with their truth, for File > Open Sample."""

from __future__ import annotations

from typing import Any

from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.synthetic import Cells, Nuclei3D, Rosette, Sticks

LayerData = tuple[Any, dict[str, Any], str]


def sticks() -> list[LayerData]:
    """Scattered sticks that cross one another."""
    return _layers(*Sticks()(3))


def leaves() -> list[LayerData]:
    """A rosette whose leaves hide one another."""
    return _layers(*Rosette()(3))


def cells() -> list[LayerData]:
    """Dense cells that touch."""
    return _layers(*Cells()(2))


def nuclei_3d() -> list[LayerData]:
    """Nuclei in a volume with thick slices."""
    return _layers(*Nuclei3D()(3))


def _layers(image: Image, truth: Instances) -> list[LayerData]:
    pixels = image.read()
    rgb = image.is_rgb
    shown = pixels.transpose(*range(1, pixels.ndim), 0) if rgb else pixels[0]
    place = {"scale": image.spacing}
    return [
        (shown, {"name": image.name, "rgb": rgb, **place}, "image"),
        (truth.planes[0], {"name": f"{image.name} truth", "visible": False, **place}, "labels"),
    ]
