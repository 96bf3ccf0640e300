"""Sticks: the scattered sticks of the discriminative loss paper."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.synthetic.canvas import Canvas, box_around, offsets
from napari_discern.synthetic.scene import Scene
from napari_discern.synthetic.texture import add_noise, digitise, field


class Sticks(Scene):
    """Straight sticks thrown on a heap, later ones on top: one object may be seen in several pieces.

    One channel, uint8, on a dark background. After the scattered sticks of De Brabandere, Neven and
    Van Gool 2017, figure 4.
    """

    _ranges: ClassVar[tuple[tuple[str, str], ...]] = (
        ("fewest", "most"),
        ("narrowest", "widest"),
        ("shortest", "longest"),
    )

    kind: Literal["sticks"] = "sticks"
    """Kind of picture."""
    narrowest: float = Field(8.0, ge=2.0, le=1000.0, json_schema_extra={"unit": "px"})
    """Smallest width of a stick."""
    widest: float = Field(12.0, ge=2.0, le=1000.0, json_schema_extra={"unit": "px"})
    """Largest width of a stick."""
    shortest: float = Field(80.0, ge=2.0, le=4096.0, json_schema_extra={"unit": "px"})
    """Smallest length of a stick."""
    longest: float = Field(160.0, ge=2.0, le=4096.0, json_schema_extra={"unit": "px"})
    """Largest length of a stick."""
    noise: float = Field(0.02, ge=0.0, le=0.5)
    """Standard deviation of the noise, as a share of full scale."""

    def _draw(self, rng: np.random.Generator, name: str) -> tuple[Image, Instances]:
        shape = (self.size, self.size)
        canvas = Canvas((0.07 + 0.03 * field(rng, shape, 64.0))[..., None])
        for _ in range(self._count(rng)):
            self._lay_stick(rng, canvas)
        picture = digitise(add_noise(rng, canvas.image[..., 0], self.noise), 255, np.uint8)
        return Image(picture, "yx", name=name), canvas.instances(self.least_visible)

    def _lay_stick(self, rng: np.random.Generator, canvas: Canvas) -> None:
        """Lay one stick, darker towards its rim, so that a crossing shows which one lies on top."""
        centre = rng.uniform(0.0, self.size, 2)
        angle = rng.uniform(0.0, np.pi)
        half_length = rng.uniform(self.shortest, self.longest) / 2
        half_width = rng.uniform(self.narrowest, self.widest) / 2
        grey = rng.uniform(0.35, 0.95)
        cos, sin = np.cos(angle), np.sin(angle)
        reach = 1.0 + half_length * np.abs([sin, cos]) + half_width * np.abs([cos, sin])
        box = box_around(centre - reach, centre + reach, canvas.image.shape[:2])
        dy, dx = offsets(box, centre)
        along, across = np.abs(dx * cos + dy * sin), np.abs(dy * cos - dx * sin)
        inside = np.minimum(half_length - along, half_width - across)
        rim = np.clip(inside / (0.5 * half_width), 0.0, 1.0)
        canvas.lay(box, np.clip(inside + 0.5, 0.0, 1.0), grey * (0.55 + 0.45 * rim)[..., None])
