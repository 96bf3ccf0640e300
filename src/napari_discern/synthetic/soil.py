"""Soil: the ground that rosettes grow on, with what else lies there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_discern.synthetic.canvas import box_around, offsets
from napari_discern.synthetic.outline import Outline, random_waves
from napari_discern.synthetic.texture import field, rough

DARK_EARTH = np.array([0.14, 0.12, 0.105])
BROWN_EARTH = np.array([0.36, 0.28, 0.21])
MESH = np.array([0.38, 0.365, 0.38])
GREY_TRAY = np.array([0.45, 0.46, 0.48])
BLUE_TRAY = np.array([0.2, 0.3, 0.5])
MOSS = np.array([0.27, 0.33, 0.13])


def ground(
    rng: np.random.Generator, size: int, centre: NDArray[np.float64], radius: float, clutter: float
) -> NDArray[np.float64]:
    """A pot of soil from above, float64 (size, size, 3), full scale 1.

    Parameters
    ----------
    centre, radius : array of shape (2,), float
        Place and size of the plant, in pixels; mesh and tray lie further out.
    clutter : float
        0 for bare soil; 1 for moss, grains, mesh and tray edges about as often as not.
    """
    picture = _earth(rng, size)
    if rng.uniform() < 0.5 * clutter:
        _lay_mesh(rng, picture, centre, radius)
    if rng.uniform() < 0.4 * clutter:
        _lay_tray(rng, picture, centre, radius)
    if rng.uniform() < 0.6 * clutter:
        _scatter_specks(rng, picture, int(rng.integers(5, 60)), MOSS, 4.0)
    if rng.uniform() < 0.6 * clutter:
        _scatter_specks(rng, picture, int(rng.integers(5, 40)), rng.uniform(0.3, 0.7) * np.ones(3), 2.0)
    return picture


def _earth(rng: np.random.Generator, size: int) -> np.ndarray:
    tone = DARK_EARTH + rng.uniform(0.0, 1.0) ** 2 * (BROWN_EARTH - DARK_EARTH)
    clods = rough(rng, (size, size), rng.uniform(6.0, 24.0), octaves=4)
    drift = field(rng, (size, size), 0.6 * size)
    light = np.clip(1.0 + rng.uniform(0.25, 0.7) * clods + 0.2 * drift, 0.2, 2.0)
    return np.asarray(light[..., None] * tone)


def _turned(rng: np.random.Generator, size: int, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of all pixels around the centre, turned at random."""
    angle = rng.uniform(0.0, np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    dy, dx = offsets(box_around((0, 0), (size, size), (size, size)), centre)
    return dx * cos + dy * sin, dy * cos - dx * sin


def _lay_mesh(rng: np.random.Generator, picture: np.ndarray, centre: np.ndarray, radius: float) -> None:
    """Lay a grey mesh with round holes over the soil, cut open around the plant."""
    size = len(picture)
    u, v = _turned(rng, size, centre)
    pitch = rng.uniform(0.12, 0.3) * radius + 6.0
    u = u + 0.3 * pitch * field(rng, (size, size), 3.0 * pitch)
    v = v + 0.2 * pitch * field(rng, (size, size), 2.0 * pitch)
    row = np.rint(v / pitch)
    du, dv = u - pitch * (np.rint(u / pitch - row / 2) + row / 2), v - pitch * row
    sheet = np.clip(np.sqrt(du * du + dv * dv) - rng.uniform(0.28, 0.42) * pitch + 0.5, 0.0, 1.0)
    opening = rng.uniform(0.2, 0.9) * radius + 0.3 * radius * field(rng, (size, size), 0.7 * radius)
    sheet *= np.clip(np.maximum(np.abs(u), np.abs(v)) - opening, 0.0, 1.0)
    light = rng.uniform(0.6, 1.2) * (1.0 + 0.25 * rough(rng, (size, size), 12.0, octaves=3))
    picture += 0.9 * sheet[..., None] * (light[..., None] * MESH - picture)


def _lay_tray(rng: np.random.Generator, picture: np.ndarray, centre: np.ndarray, radius: float) -> None:
    """Lay a tray with a lit edge where the pot ends, on one to four sides."""
    u, v = _turned(rng, len(picture), centre)
    room = rng.uniform(0.9, 1.5, 4) * radius + np.where(rng.uniform(size=4) < 0.5, 0.0, 1e6)
    beyond = np.max(np.broadcast_arrays(u - room[0], -u - room[1], v - room[2], -v - room[3]), axis=0)
    tone = GREY_TRAY if rng.uniform() < 0.6 else BLUE_TRAY
    light = rng.uniform(0.4, 1.3) * (1.0 + 0.1 * field(rng, beyond.shape, 40.0))
    light += np.where(beyond < rng.uniform(2.0, 6.0), rng.uniform(-0.4, 0.5), 0.0)
    picture += np.clip(beyond + 0.5, 0.0, 1.0)[..., None] * (light[..., None] * tone - picture)


def _scatter_specks(rng: np.random.Generator, picture: np.ndarray, n: int, tone: np.ndarray, largest: float) -> None:
    """Scatter specks around a few spots: moss, perlite, sand."""
    size = len(picture)
    spots = rng.uniform(0.0, size, (4, 2))
    for spot in spots[rng.integers(0, 4, n)]:
        place = np.clip(spot + 0.12 * size * rng.standard_normal(2), 0.0, size - 1.0)
        radius = rng.uniform(0.7, largest)
        outline = Outline(radius, radius * rng.uniform(0.5, 1.0), random_waves(rng, np.full(4, 0.25)))
        box = box_around(place - 2 * radius - 1, place + 2 * radius + 1, (size, size))
        dy, dx = offsets(box, place)
        from_centre, to_rim = outline.distance(dx, dy)
        cover = rng.uniform(0.5, 1.0) * np.clip(to_rim - from_centre + 0.5, 0.0, 1.0)
        picture[box] += cover[..., None] * (rng.uniform(0.6, 1.4) * tone - picture[box])
