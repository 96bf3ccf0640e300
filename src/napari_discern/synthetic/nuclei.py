"""Nuclei3D: a volume of touching nuclei whose slices lie further apart than its pixels."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.synthetic.canvas import Box, box_around, offsets
from napari_discern.synthetic.packing import pack, scatter
from napari_discern.synthetic.scene import Scene
from napari_discern.synthetic.texture import add_noise, blur, digitise, field

TOP = 4095
"""Full scale of the camera: 12 bit."""


class Nuclei3D(Scene):
    """Ellipsoids that press on one another, blurred most along z. One channel, uint16 (12 bit), axes zyx."""

    _ranges: ClassVar[tuple[tuple[str, str], ...]] = (("fewest", "most"), ("smallest", "largest"))

    kind: Literal["nuclei_3d"] = "nuclei_3d"
    """Kind of picture."""
    size: int = Field(96, ge=16, le=1024, json_schema_extra={"unit": "px"})
    """Height and width of the volume."""
    depth: int = Field(32, ge=4, le=1024, json_schema_extra={"unit": "slices"})
    """Number of slices."""
    pixel_size: float = Field(0.5, gt=0.0, le=1000.0, json_schema_extra={"unit": "um"})
    """Size of a pixel along y and x."""
    slice_step: float = Field(1.0, gt=0.0, le=1000.0, json_schema_extra={"unit": "um"})
    """Distance of two slices."""
    fewest: int = Field(25, ge=0, le=10_000)
    """Fewest objects that are drawn; fewer where they find no room."""
    most: int = Field(45, ge=0, le=10_000)
    """Most objects that are drawn."""
    smallest: float = Field(4.0, gt=0.0, le=1000.0, json_schema_extra={"unit": "um"})
    """Smallest radius of a nucleus."""
    largest: float = Field(6.5, gt=0.0, le=1000.0, json_schema_extra={"unit": "um"})
    """Largest radius of a nucleus."""
    crowding: float = Field(0.8, ge=0.0, le=1.0)
    """Probability that a nucleus is put against the others rather than anywhere free."""
    blur: float = Field(0.5, ge=0.0, le=100.0, json_schema_extra={"unit": "um"})
    """Standard deviation of the blur along y and x; along z it is three times as wide."""
    noise: float = Field(0.01, ge=0.0, le=0.5)
    """Standard deviation of the read-out noise, as a share of full scale."""
    photons: float = Field(200.0, ge=1.0, le=1e9)
    """Photons at full scale; fewer make more shot noise."""

    def _draw(self, rng: np.random.Generator, name: str) -> tuple[Image, Instances]:
        shape = (self.depth, self.size, self.size)
        spacing = np.array([self.slice_step, self.pixel_size, self.pixel_size])
        radii = rng.uniform(self.smallest, self.largest, self._count(rng))
        centres, placed = scatter(rng, radii, np.array(shape) * spacing, 0.85, self.crowding)
        packed = pack(shape, [_body(rng, shape, spacing, c, r) for c, r in zip(centres, radii[placed], strict=True)])
        bright = np.concatenate([[0.0], rng.uniform(0.35, 0.85, len(placed))])[packed.labels]
        light = bright * (0.6 + 0.4 * np.clip(packed.depth / 0.4, 0.0, 1.0)) * (1.0 + 0.2 * field(rng, shape, 5.0))
        light = blur(light, tuple(np.array([3.0, 1.0, 1.0]) * self.blur / spacing)) + 0.05
        picture = digitise(add_noise(rng, light, self.noise, self.photons), TOP, np.uint16)
        image = Image(picture, "zyx", tuple(spacing), "micrometer", name)
        return image, Instances.from_planes(
            packed.labels[None], self.least_visible, axes="zyx", spacing=image.spacing, unit=image.unit
        )


def _body(
    rng: np.random.Generator, shape: tuple[int, ...], spacing: np.ndarray, centre: np.ndarray, radius: float
) -> tuple[Box, np.ndarray]:
    """One ellipsoid, turned at random: its box, and how far each pixel lies between centre (0) and rim (1)."""
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    stretch = rng.uniform(0.8, 1.25, 3)
    half_axes = radius * stretch / np.cbrt(stretch.prod())
    reach = half_axes.max() / spacing
    box = box_around(centre / spacing - reach, centre / spacing + reach, shape)
    dz, dy, dx = (d * s for d, s in zip(offsets(box, centre / spacing), spacing, strict=True))
    along = [(dz * row[0] + dy * row[1] + dx * row[2]) / half for row, half in zip(turn, half_axes, strict=True)]
    return box, np.sqrt(along[0] ** 2 + along[1] ** 2 + along[2] ** 2)
