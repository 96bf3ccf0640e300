"""Translucent cells: flat cells that lie over one another and let each other shine through."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.synthetic.canvas import Canvas, offsets
from napari_discern.synthetic.outline import body
from napari_discern.synthetic.scene import Scene
from napari_discern.synthetic.texture import add_noise, digitise, field

TRIES = 60
"""Places that are tried for a cell before it is left out."""


class Translucent(Scene):
    """Stained cells in transmitted light: dark on bright, darker where two lie over one another.

    One channel, uint8. Both cells own the pixels that they share: about a fifth of the foreground by default.
    """

    _ranges: ClassVar[tuple[tuple[str, str], ...]] = (
        ("fewest", "most"),
        ("smallest", "largest"),
        ("palest", "darkest"),
    )

    kind: Literal["translucent"] = "translucent"
    """Kind of picture."""
    size: int = Field(128, ge=32, le=4096, json_schema_extra={"unit": "px"})
    """Height and width of the picture."""
    fewest: int = Field(3, ge=0, le=10_000)
    """Fewest objects that are drawn; fewer where they find no room."""
    most: int = Field(8, ge=0, le=10_000)
    """Most objects that are drawn."""
    smallest: float = Field(17.0, ge=2.0, le=1000.0, json_schema_extra={"unit": "px"})
    """Smallest radius of a cell."""
    largest: float = Field(27.0, ge=2.0, le=1000.0, json_schema_extra={"unit": "px"})
    """Largest radius of a cell."""
    deepest: int = Field(2, ge=1, le=10)
    """Most cells that lie on one pixel."""
    irregularity: float = Field(0.12, ge=0.0, le=0.3)
    """How far the rim goes in and out, as a share of the radius."""
    palest: float = Field(0.12, ge=0.0, lt=1.0)
    """Smallest share of the light that a cell takes away."""
    darkest: float = Field(0.35, ge=0.0, lt=1.0)
    """Largest share of the light that a cell takes away."""
    noise: float = Field(0.015, ge=0.0, le=0.5)
    """Standard deviation of the noise, as a share of full scale."""

    def _draw(self, rng: np.random.Generator, name: str) -> tuple[Image, Instances]:
        shape = (self.size, self.size)
        canvas, depth = Canvas((0.85 + 0.05 * field(rng, shape, 64.0))[..., None]), np.zeros(shape, int)
        for _ in range(self._count(rng)):
            self._lay_cell(rng, canvas, depth)
        picture = digitise(add_noise(rng, canvas.image[..., 0], self.noise), 255, np.uint8)
        return Image(picture, "yx", name=name), canvas.instances(self.least_visible)

    def _lay_cell(self, rng: np.random.Generator, canvas: Canvas, depth: np.ndarray) -> None:
        """Lay one cell where it comes over few enough others, with a darker rim and nucleus."""
        radius, taken = rng.uniform(self.smallest, self.largest), rng.uniform(self.palest, self.darkest)
        for _ in range(TRIES):
            centre = rng.uniform(0.6 * radius, self.size - 0.6 * radius, 2)
            box, ratio = body(rng, depth.shape, centre, radius, self.irregularity)
            dy, dx = offsets(box, centre + rng.uniform(-0.25, 0.25, 2) * radius)  # from the nucleus
            inside = ratio < 1.0
            if inside.any() and depth[box][inside].max() < self.deepest:
                break
        else:
            return
        depth[box] += inside
        cover = np.clip((1.0 - ratio) * radius + 0.5, 0.0, 1.0)
        rim = 0.35 * np.clip(1.0 - (1.0 - ratio) * radius / 2.5, 0.0, 1.0)
        nucleus = 1.2 * np.clip(0.28 * radius - np.hypot(dy, dx) + 0.5, 0.0, 1.0)
        canvas.shade(box, np.clip(taken * cover * (1.0 + rim + nucleus), 0.0, 0.95))
        canvas.lay(box, cover, 0.0, opacity=0.0)
