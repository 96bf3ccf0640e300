"""Outline: roundish flat shapes, bounded by an ellipse with waves along its rim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_discern.synthetic.canvas import Box, box_around, offsets


@dataclass(frozen=True, eq=False)
class Outline:
    """An ellipse whose rim goes in and out.

    Attributes
    ----------
    along, across : float
        Half axes in pixels.
    waves : array of shape (K,), complex
        Wave k + 1 goes in and out k + 1 times around; its absolute value is its height as a share of the radius.
    """

    along: float
    across: float
    waves: NDArray[np.complex128]

    def distance(
        self, u: NDArray[np.float64], v: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where points lie, `u` along and `v` across, in pixels from the centre.

        Returns
        -------
        from_centre, to_rim : arrays of the shape of the points, float64
            Distance to the centre, and from the centre to the rim in the same direction.
        """
        from_centre = np.sqrt(u * u + v * v) + 1e-9
        cos, sin = u / from_centre, v / from_centre
        steep = np.sqrt((self.across * cos) ** 2 + (self.along * sin) ** 2)
        to_rim = self.along * self.across / np.maximum(steep, min(self.along, self.across))
        return from_centre, to_rim * (1.0 + self._wave(cos + 1j * sin))

    def _wave(self, direction: np.ndarray) -> np.ndarray:
        """Height of all waves in a direction (unit complex numbers), by Horner's rule."""
        total = np.zeros_like(direction)
        for wave in self.waves[::-1]:
            total = (total + wave) * direction
        return np.asarray(total.real)


def random_waves(rng: np.random.Generator, heights: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Waves of random height up to `heights` and random phase, complex, of the same shape."""
    phase = rng.uniform(0.0, 2.0 * np.pi, len(heights))
    return heights * rng.uniform(0.0, 1.0, len(heights)) * (np.cos(phase) + 1j * np.sin(phase))


def body(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    centre: NDArray[np.float64],
    radius: float,
    irregularity: float,
    stretch: tuple[float, float] = (1.0, 1.3),
) -> tuple[Box, NDArray[np.float64]]:
    """A roundish cell of random shape: its box, and how far each pixel lies between its centre (0) and its rim (1).

    It is as many times as long as wide as the square of a number between those of `stretch`.
    """
    longer, angle = rng.uniform(*stretch), rng.uniform(0.0, np.pi)
    waves = random_waves(rng, irregularity * np.array([0.0, 1.0, 0.8, 0.5, 0.3]))
    reach = radius * stretch[1] * (1.0 + 2.6 * irregularity)
    box = box_around(centre - reach, centre + reach, shape)
    dy, dx = offsets(box, centre)
    cos, sin = np.cos(angle), np.sin(angle)
    outline = Outline(radius * longer, radius / longer, waves)
    from_centre, to_rim = outline.distance(dx * cos + dy * sin, dy * cos - dx * sin)
    return box, from_centre / to_rim
