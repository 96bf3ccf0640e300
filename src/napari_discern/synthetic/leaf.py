"""Leaf: one leaf of a rosette, a blade on a stalk, seen from above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_discern.synthetic.canvas import Box, Canvas, box_around, offsets
from napari_discern.synthetic.outline import Outline

SHADOW = 6.0
"""How far the shadow of a leaf reaches, in pixels."""


@dataclass(frozen=True, eq=False)
class Skin:
    """How a leaf looks; every number is a share of its brightness.

    Attributes
    ----------
    blade, stalk : array of shape (3,), float64
        Colours, full scale 1.
    fold : float
        How much brighter one half is than the other.
    midrib, veins : float
        How much brighter (darker, where negative) the midrib and the side veins are.
    rim : float
        How much brighter the rim is than the middle.
    shadow : float
        Light taken from what lies just beside and below the leaf.
    """

    blade: NDArray[np.float64]
    stalk: NDArray[np.float64]
    fold: float
    midrib: float
    veins: float
    rim: float
    shadow: float


@dataclass(frozen=True, eq=False)
class Leaf:
    """One leaf.

    Attributes
    ----------
    foot : array of shape (2,), float64
        Where the stalk starts (y, x), in pixels.
    angle : float
        Direction in which the leaf grows, in radians.
    stalk_length, stalk_width : float
        Length up to the blade and half width of the stalk, in pixels.
    blade : Outline
        Rim of the blade.
    bend : float
        How far the tip is bent sideways, as a share of the length.
    skin : Skin
        How it looks.
    """

    foot: NDArray[np.float64]
    angle: float
    stalk_length: float
    stalk_width: float
    blade: Outline
    bend: float
    skin: Skin

    @property
    def length(self) -> float:
        """Length of stalk and blade, in pixels."""
        return self.stalk_length + 2.0 * self.blade.along

    def lay(self, canvas: Canvas, texture: NDArray[np.float64]) -> None:
        """Lay the leaf on top of the picture, with its shadow.

        Parameters
        ----------
        texture : array of shape (y, x), float
            Roughness of the leaf skin over the whole picture, about -1 to 1.
        """
        box, u, v = self._frame(canvas.image.shape[:2])
        outside, in_blade = self._outside(u, v)
        canvas.shade(box, self.skin.shadow * np.clip(1.0 - np.maximum(outside, 0.0) / SHADOW, 0.0, 1.0) ** 2)
        light = self._light(u, v, outside) * (1.0 + texture[box])
        tone = self.skin.stalk + in_blade[..., None] * (self.skin.blade - self.skin.stalk)
        canvas.lay(box, np.clip(0.5 - outside, 0.0, 1.0), tone * light[..., None])

    def _frame(self, shape: tuple[int, ...]) -> tuple[Box, np.ndarray, np.ndarray]:
        """The box around the leaf, and its pixels along and across the bent midrib."""
        ahead = np.array([np.sin(self.angle), np.cos(self.angle)])
        middle = self.foot + ahead * (self.stalk_length + self.blade.along)
        reach = 1.35 * max(self.blade.along, self.blade.across) + abs(self.bend) * self.length + SHADOW
        low, high = np.minimum(middle - reach, self.foot - SHADOW), np.maximum(middle + reach, self.foot + SHADOW)
        box = box_around(low, high, shape)
        dy, dx = offsets(box, self.foot)
        u, v = dx * ahead[1] + dy * ahead[0], dy * ahead[1] - dx * ahead[0]
        return box, u, v - self.bend * u * np.abs(u) / self.length

    def _outside(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance to the rim of the leaf in pixels, negative inside, and the share of the blade, 0 on the stalk."""
        from_centre, to_rim = self.blade.distance(u - self.stalk_length - self.blade.along, v)
        blade = from_centre - to_rim
        end = self.stalk_length + 0.3 * self.blade.along
        stalk = np.sqrt((u - np.clip(u, 0.0, end)) ** 2 + v * v) - self.stalk_width
        soft = 0.15 * self.blade.across + 1.0
        part = np.clip(0.5 + 0.5 * (stalk - blade) / soft, 0.0, 1.0)
        in_blade = np.clip(0.5 + (u - self.stalk_length) / (0.5 * self.blade.along), 0.0, 1.0)
        return stalk + part * (blade - stalk) - soft * part * (1.0 - part), in_blade

    def _light(self, u: np.ndarray, v: np.ndarray, outside: np.ndarray) -> np.ndarray:
        """Brightness over the leaf, about 1: fold, midrib, side veins, rim."""
        skin, across = self.skin, self.blade.across
        side = np.clip(v / (0.35 * across), -1.0, 1.0)
        width = 0.04 * across + 0.6
        towards_tip = np.clip((self.length - u) / self.length, 0.0, 1.0)
        midrib = towards_tip / (1.0 + (v / width) ** 2)
        step = 0.38 * self.blade.along + 1.0
        wave = (u - 0.8 * np.abs(v)) / step
        veins = 1.0 - 4.0 * np.abs(wave - np.rint(wave))
        depth = np.clip(-outside / (0.35 * across), 0.0, 1.0)
        light: np.ndarray = 1.0 + skin.fold * side + skin.midrib * midrib
        light += skin.veins * veins * depth + skin.rim * (0.5 - depth)
        return light
