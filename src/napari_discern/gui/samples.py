"""Samples: synthetic images with their truth, for File > Open Sample."""

from __future__ import annotations

from typing import Any

from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.synthetic import Cells, Nuclei3D, Rosette, Sticks, Translucent, Worms

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


def translucent() -> list[LayerData]:
    """Translucent cells that lie over one another."""
    return _layers(*Translucent(size=256, fewest=18, most=24)(3))


def worms() -> list[LayerData]:
    """Worms that cross one another."""
    return _layers(*Worms()(3))


def _layers(image: Image, truth: Instances) -> list[LayerData]:
    pixels = image.read()
    rgb = image.is_rgb
    shown = pixels.transpose(*range(1, pixels.ndim), 0) if rgb else pixels[0]
    place = {"scale": image.spacing}
    names = [f"{image.name} truth", *(f"{image.name} truth, behind {k}" for k in range(1, len(truth.planes)))]
    planes = zip(truth.planes, names, strict=True)
    return [
        (shown, {"name": image.name, "rgb": rgb, **place}, "image"),
        *((plane, {"name": name, "visible": False, **place}, "labels") for plane, name in planes),
    ]
