"""Cells: a dense layer of touching cells, as in fluorescence microscopy."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from napari_discern.image import Image
from napari_discern.instances import CLASS, Instances
from napari_discern.synthetic.outline import body
from napari_discern.synthetic.packing import Packed, pack, scatter
from napari_discern.synthetic.scene import Scene
from napari_discern.synthetic.texture import add_noise, blur, digitise, field, rough

TOP = 4095
"""Full scale of the camera: 12 bit."""
ROUND, LONG = (1.0, 1.3), (1.45, 1.75)
"""Roots of how many times as long as wide cells are."""


class Cells(Scene):
    """Roundish cells that press on one another, with blur and noise. One channel, uint16 (12 bit)."""

    _ranges: ClassVar[tuple[tuple[str, str], ...]] = (("fewest", "most"), ("smallest", "largest"))

    kind: Literal["cells"] = "cells"
    """Kind of picture."""
    fewest: int = Field(30, ge=0, le=10_000)
    """Fewest objects that are drawn; fewer where they find no room."""
    most: int = Field(70, ge=0, le=10_000)
    """Most objects that are drawn."""
    stain: Literal["body", "membrane"] = "body"
    """What shines: the bodies (as with nuclei) or their rims."""
    smallest: float = Field(9.0, ge=2.0, le=1000.0, json_schema_extra={"unit": "px"})
    """Smallest radius of a cell."""
    largest: float = Field(18.0, ge=2.0, le=1000.0, json_schema_extra={"unit": "px"})
    """Largest radius of a cell."""
    crowding: float = Field(0.8, ge=0.0, le=1.0)
    """Probability that a cell is put against the others rather than anywhere free."""
    elongated: float = Field(0.0, ge=0.0, le=1.0)
    """Share of the cells that are two to three times as long as wide. With 0 there are no classes, else two."""
    irregularity: float = Field(0.12, ge=0.0, le=0.3)
    """How far the rim goes in and out, as a share of the radius."""
    blur: float = Field(1.2, ge=0.0, le=20.0, json_schema_extra={"unit": "px"})
    """Standard deviation of the blur."""
    noise: float = Field(0.01, ge=0.0, le=0.5)
    """Standard deviation of the read-out noise, as a share of full scale."""
    photons: float = Field(400.0, ge=1.0, le=1e9)
    """Photons at full scale; fewer make more shot noise."""

    def _draw(self, rng: np.random.Generator, name: str) -> tuple[Image, Instances]:
        shape = (self.size, self.size)
        radii = rng.uniform(self.smallest, self.largest, self._count(rng))
        centres, placed = scatter(rng, radii, np.array(shape, float), 0.85, self.crowding)
        long = rng.random(len(placed)) < self.elongated if self.elongated else np.zeros(len(placed), bool)
        packed = pack(
            shape,
            [
                body(rng, shape, c, r, self.irregularity, LONG if is_long else ROUND)
                for c, r, is_long in zip(centres, radii[placed], long, strict=True)
            ],
        )
        light = blur(self._light(rng, packed, len(placed)), self.blur)
        light += 0.05 + 0.02 * field(rng, shape, 90.0)
        picture = digitise(add_noise(rng, light, self.noise, self.photons), TOP, np.uint16)
        return Image(picture, "yx", name=name), self._truth(packed.labels, long)

    def _truth(self, labels: np.ndarray, long: np.ndarray) -> Instances:
        truth = Instances.from_planes(labels[None], self.least_visible)
        if not self.elongated:
            return truth
        visible = np.bincount(labels.ravel(), minlength=len(long) + 1)[1:] >= self.least_visible
        return replace(truth, measures={CLASS: np.where(long[visible], "elongated", "round")})

    def _light(self, rng: np.random.Generator, packed: Packed, n: int) -> np.ndarray:
        """Light that leaves the cells, full scale 1, before blur and noise."""
        bright: np.ndarray = np.concatenate([[0.0], rng.uniform(0.3, 0.8, n)])[packed.labels]
        if self.stain == "membrane":
            bright *= 0.15 + np.clip(1.0 - packed.depth / 0.2, 0.0, 1.0)
        else:
            bright *= 0.65 + 0.35 * np.clip(packed.depth / 0.4, 0.0, 1.0)
            bright *= 1.0 + 0.2 * rough(rng, packed.labels.shape, 12.0, octaves=3)
        return bright
