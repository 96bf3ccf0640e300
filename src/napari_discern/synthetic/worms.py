"""Worms: thin bent bodies that cross one another, as in a dish under transmitted light."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.synthetic.canvas import Canvas, box_around, offsets
from napari_discern.synthetic.scene import Scene
from napari_discern.synthetic.texture import add_noise, digitise, field

STEP = 1.0
"""Pixels between two points of a worm's midline."""
BEND = 0.5
"""How fast the bending of a worm changes along it, in bends a body length."""


class Worms(Scene):
    """Translucent worms, dark on bright, that cross one another. One channel, uint8.

    Where two cross, both own the pixels.
    """

    _ranges: ClassVar[tuple[tuple[str, str], ...]] = (
        ("fewest", "most"),
        ("narrowest", "widest"),
        ("shortest", "longest"),
    )

    kind: Literal["worms"] = "worms"
    """Kind of picture."""
    fewest: int = Field(6, ge=0, le=10_000)
    """Fewest objects that are drawn."""
    most: int = Field(14, ge=0, le=10_000)
    """Most objects that are drawn."""
    narrowest: float = Field(7.0, ge=2.0, le=1000.0, json_schema_extra={"unit": "px"})
    """Smallest width of a worm at its middle."""
    widest: float = Field(10.0, ge=2.0, le=1000.0, json_schema_extra={"unit": "px"})
    """Largest width of a worm at its middle."""
    shortest: float = Field(70.0, ge=2.0, le=4096.0, json_schema_extra={"unit": "px"})
    """Smallest length of a worm."""
    longest: float = Field(110.0, ge=2.0, le=4096.0, json_schema_extra={"unit": "px"})
    """Largest length of a worm."""
    bending: float = Field(2.0, ge=0.0, le=10.0)
    """How far a worm turns along its length, in radians, about."""
    noise: float = Field(0.02, ge=0.0, le=0.5)
    """Standard deviation of the noise, as a share of full scale."""

    def _draw(self, rng: np.random.Generator, name: str) -> tuple[Image, Instances]:
        shape = (self.size, self.size)
        canvas = Canvas((0.75 + 0.08 * field(rng, shape, 96.0))[..., None])
        for _ in range(self._count(rng)):
            self._lay_worm(rng, canvas)
        picture = digitise(add_noise(rng, canvas.image[..., 0], self.noise), 255, np.uint8)
        return Image(picture, "yx", name=name), canvas.instances(self.least_visible)

    def _lay_worm(self, rng: np.random.Generator, canvas: Canvas) -> None:
        """Lay one worm, with dark sides and a paler middle."""
        length, half = rng.uniform(self.shortest, self.longest), rng.uniform(self.narrowest, self.widest) / 2
        points = self._midline(rng, length)
        box = box_around(points.min(axis=0) - half - 1, points.max(axis=0) + half + 1, canvas.image.shape[:2])
        if any(b.start == b.stop for b in box):
            return
        along = np.linspace(0.0, 1.0, len(points))
        width = half * np.clip(np.minimum(along, 1 - along) / 0.15, 0.0, 1.0) ** 0.5
        inside = np.full([b.stop - b.start for b in box], -np.inf)
        for point, reach in zip(points, width, strict=True):
            dy, dx = offsets(box, point)
            np.maximum(inside, reach - np.hypot(dy, dx), out=inside)
        cover = np.clip(inside + 0.5, 0.0, 1.0)
        sides = np.exp(-(((inside - 0.25 * half) / (0.35 * half)) ** 2))
        canvas.shade(box, cover * rng.uniform(0.8, 1.2) * (0.2 + 0.35 * sides))
        canvas.lay(box, cover, 0.0, opacity=0.0)

    def _midline(self, rng: np.random.Generator, length: float) -> np.ndarray:
        """Points (N, 2) along a smoothly bent line, its middle anywhere in the picture."""
        along = np.arange(0.0, length, STEP) / length
        waves = sum(
            rng.normal() / k * np.sin(2 * np.pi * k * BEND * along + rng.uniform(0, 2 * np.pi)) for k in (1, 2, 3)
        )
        angle = rng.uniform(0, 2 * np.pi) + self.bending / 2 * waves
        points = np.cumsum(STEP * np.stack([np.sin(angle), np.cos(angle)], axis=1), axis=0)
        return np.asarray(points - points[len(points) // 2] + rng.uniform(0, self.size, 2))
