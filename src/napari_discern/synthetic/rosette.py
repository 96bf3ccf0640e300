"""Rosette: young plants from above, whose leaves hide one another."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.synthetic.canvas import Canvas
from napari_discern.synthetic.leaf import Leaf, Skin
from napari_discern.synthetic.outline import Outline, random_waves
from napari_discern.synthetic.scene import Scene
from napari_discern.synthetic.soil import ground
from napari_discern.synthetic.texture import add_noise, blur, digitise, rough

GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))
"""Angle between one leaf of a rosette and the next, in radians."""
GREENS = np.array([[0.46, 0.57, 0.22], [0.30, 0.47, 0.20], [0.38, 0.50, 0.31]])
"""Colours of a leaf: yellowish, deep, and greyish green."""
YOUNG = np.array([0.46, 0.53, 0.34])
"""Colour of the youngest leaves, which are pale with hairs."""


class Rosette(Scene):
    """A rosette like that of Arabidopsis: younger, smaller leaves on top of older ones, on soil. RGB, uint8."""

    _ranges: ClassVar[tuple[tuple[str, str], ...]] = (("fewest", "most"), ("smallest", "largest"))

    kind: Literal["rosette"] = "rosette"
    """Kind of picture."""
    fewest: int = Field(4, ge=0, le=200)
    """Fewest leaves that are drawn."""
    most: int = Field(20, ge=0, le=200)
    """Most leaves that are drawn."""
    smallest: float = Field(35.0, ge=8.0, le=4096.0, json_schema_extra={"unit": "px"})
    """Smallest radius of a rosette."""
    largest: float = Field(125.0, ge=8.0, le=4096.0, json_schema_extra={"unit": "px"})
    """Largest radius of a rosette."""
    clutter: float = Field(1.0, ge=0.0, le=1.0)
    """How often moss, grains, mesh and tray edges lie around: 0 never, 1 each about every other time."""
    padding: float = Field(0.15, ge=0.0, le=1.0)
    """Probability that the picture is black beyond a frame around the plant, as cut-out plants are."""
    blur: float = Field(1.2, ge=0.0, le=20.0, json_schema_extra={"unit": "px"})
    """Largest standard deviation of the blur."""
    noise: float = Field(0.03, ge=0.0, le=0.5)
    """Largest standard deviation of the noise, as a share of full scale."""

    def _draw(self, rng: np.random.Generator, name: str) -> tuple[Image, Instances]:
        n = self._count(rng)
        age = (n - self.fewest + 0.5) / (self.most - self.fewest + 1)
        radius = self.smallest + (self.largest - self.smallest) * (0.5 * age + 0.5 * rng.uniform())
        slack = max(0.0, 0.5 * self.size - 0.8 * radius)
        centre = 0.5 * self.size + slack * rng.uniform(-0.6, 0.6, 2)
        canvas = Canvas(ground(rng, self.size, centre, radius, self.clutter))
        texture = rng.uniform(0.03, 0.12) * rough(rng, (self.size, self.size), 8.0, octaves=3)
        for leaf in _leaves(rng, n, centre, radius):
            leaf.lay(canvas, texture)
        truth = canvas.instances(self.least_visible)
        return Image(self._photograph(rng, canvas.image, truth.foreground), "yxs", name=name), truth

    def _photograph(self, rng: np.random.Generator, picture: np.ndarray, plant: np.ndarray) -> np.ndarray:
        """What the camera makes of it: light, colour cast, blur, noise and frame."""
        cast = rng.uniform(0.75, 1.45) * rng.uniform(0.9, 1.1, 3)
        sigma = rng.uniform(0.0, self.blur)
        picture = blur(picture * cast, (sigma, sigma, 0.0))
        grain = rng.uniform(0.0, self.noise) * blur(rng.standard_normal(plant.shape), 0.7)
        picture = add_noise(rng, picture + grain[..., None], rng.uniform(0.0, self.noise / 2))
        if rng.uniform() < self.padding:
            _frame(picture, plant, int(rng.integers(1, 16)))
        return digitise(picture, 255, np.uint8)


def _frame(picture: np.ndarray, plant: np.ndarray, margin: int) -> None:
    """Blacken what lies further than `margin` pixels from the box around the plant."""
    outside = np.ones(plant.shape, bool)
    rows, columns = (np.flatnonzero(plant.any(axis=axis)) for axis in (1, 0))
    if len(rows):
        top, left = max(0, rows[0] - margin), max(0, columns[0] - margin)
        outside[top : rows[-1] + margin + 1, left : columns[-1] + margin + 1] = False
    picture[outside] = 0.0


def _leaves(rng: np.random.Generator, n: int, centre: np.ndarray, radius: float) -> list[Leaf]:
    """The leaves of a plant from the lowest to the uppermost."""
    start, hand = rng.uniform(0.0, 2.0 * np.pi), rng.choice([-1.0, 1.0])
    ages = 1.0 - (np.arange(n) + 0.5) / max(n, 1)
    lengths = _lengths(rng, ages, radius)
    youth = 1.0 / (1.0 + (n / 9.0) ** 3)
    slender, stalky = rng.uniform(0.55, 0.85) + 0.15 * youth, rng.uniform(0.22, 0.45) + 0.12 * youth
    green = rng.dirichlet([1.2, 0.8, 0.6]) @ GREENS
    looks = rng.uniform([0.0, -0.45, 0.0, 0.0, 0.1], [0.14, 0.3, 0.09, 0.15, 0.6])
    order = np.argsort(np.arange(n) + rng.normal(0.0, 1.2, n), kind="stable")
    return [
        _leaf(
            rng,
            centre + 0.03 * radius * rng.standard_normal(2),
            start + hand * GOLDEN_ANGLE * k + rng.normal(0.0, 0.2),
            lengths[k],
            slender * rng.uniform(0.85, 1.15),
            stalky * rng.uniform(0.8, 1.2) * (0.5 + 0.5 * ages[k]),
            _skin(rng, green, ages[k], looks),
        )
        for k in order
    ]


def _lengths(rng: np.random.Generator, ages: np.ndarray, radius: float) -> np.ndarray:
    """Length of each leaf: the two seed leaves short, then the longest, then shorter and shorter towards the middle."""
    lengths = radius * np.interp(ages, [0.0, 0.15, 0.55, 0.8, 1.0], [0.16, 0.35, 0.95, 1.0, 0.8])
    if len(ages) > 4:
        lengths[:2] *= rng.uniform(0.5, 0.8)
    return np.asarray(lengths * rng.uniform(0.8, 1.05, len(ages)))


def _leaf(
    rng: np.random.Generator,
    foot: np.ndarray,
    angle: float,
    length: float,
    slender: float,
    stalky: float,
    skin: Skin,
) -> Leaf:
    """One leaf of a length, with `slender` its width over the length of its blade and `stalky` the stalk's share."""
    along = 0.5 * length * (1.0 - stalky)
    waves = random_waves(rng, np.array([0.05, 0.05, 0.04, 0.04, 0.03]))
    waves[0] += rng.uniform(-0.05, 0.05)
    waves[2] += rng.uniform(-0.06, 0.09)
    teeth = np.zeros(rng.integers(5, 9), complex)
    teeth[-1:] = rng.uniform(0.0, 0.02)
    return Leaf(
        foot=foot,
        angle=angle,
        stalk_length=stalky * length,
        stalk_width=0.5 + 0.018 * length * rng.uniform(0.8, 1.5),
        blade=Outline(along, along * slender, np.concatenate([waves, teeth])),
        bend=rng.normal(0.0, 0.06),
        skin=skin,
    )


def _skin(rng: np.random.Generator, green: np.ndarray, age: float, looks: np.ndarray) -> Skin:
    """How a leaf looks: alike over a plant (`looks`), brighter or duller from leaf to leaf."""
    pale = np.clip(1.0 - age / 0.25, 0.0, 1.0) * rng.uniform(0.2, 0.9)
    tone = green * rng.uniform(0.95, 1.05, 3) + pale * (YOUNG - green)
    bright = np.clip(rng.normal(1.0, 0.12), 0.65, 1.3)
    fold, midrib, veins, rim, shadow = looks
    return Skin(
        blade=bright * tone,
        stalk=bright * rng.uniform(0.65, 1.0) * (tone + rng.uniform(0.0, 0.4) * (YOUNG - tone)),
        fold=fold * rng.uniform(-1.0, 1.0),
        midrib=midrib * rng.uniform(0.5, 1.2),
        veins=veins * rng.uniform(0.3, 1.0),
        rim=rim * rng.uniform(-1.0, 1.0),
        shadow=shadow,
    )
