"""Spacing: the size of a pixel as files state it, in one unit for all axes."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

from napari_discern.image import SPATIAL

logger = logging.getLogger(__name__)

METRES = {
    "picometer": 1e-12,
    "angstrom": 1e-10,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "inch": 0.0254,
    "meter": 1.0,
}
SYMBOLS = {
    "picometer": "pm",
    "angstrom": "Å",
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
    "centimeter": "cm",
    "inch": "in",
    "meter": "m",
}
NAMES = {symbol: name for name, symbol in SYMBOLS.items()} | {
    "um": "micrometer",
    "\u03bcm": "micrometer",  # the Greek letter; the sign for micro stands in SYMBOLS
    "\\u00b5m": "micrometer",
    "micron": "micrometer",
    "microns": "micrometer",
    "micrometre": "micrometer",
    "nanometre": "nanometer",
    "millimetre": "millimeter",
    "pixels": "pixel",
}

Sizes = Mapping[str, tuple[float, str]]
"""For each axis known: the size of a pixel, and its unit in any spelling."""


def unit_name(word: str) -> str:
    """The one name of a unit ("um", "µm", "micron": "micrometer"); unknown words stay as they are."""
    word = word.strip()
    return NAMES.get(word) or NAMES.get(word.lower()) or (word.lower() if word.lower() in METRES else word) or "pixel"


def unit_symbol(name: str) -> str:
    """The symbol that OME-TIFF uses for a unit; unknown words stay as they are."""
    return SYMBOLS.get(name, name)


def spacing_of(axes: str, sizes: Sizes, where: str) -> tuple[tuple[float, ...], str]:
    """Size of a pixel along the spatial axes present, in the order z, y, x, and the unit, which is that of x.

    Sizes that are missing, zero or not finite are taken from x (from y where x has none), and that is logged;
    with neither, all are 1 "pixel". The sign of a size is dropped: some microscopes count z downwards.
    """
    spatial = [a for a in SPATIAL if a in axes]
    known = {a: (abs(s), unit_name(u)) for a, (s, u) in sizes.items() if a in spatial and math.isfinite(s) and s}
    size, unit = known.get("x") or known.get("y") or (1.0, "pixel")
    if not {"x", "y"} & set(known):
        return (1.0,) * len(spatial), "pixel"
    missing = [a for a in spatial if a not in known]
    if missing:
        logger.warning("%s states no size along %s; %g %s is taken, as along x", where, ", ".join(missing), size, unit)
    return tuple(_convert(*known.get(a, (size, unit)), unit, where) for a in spatial), unit


def _convert(size: float, unit: str, to: str, where: str) -> float:
    if unit == to:
        return size
    if unit in METRES and to in METRES:
        return size * METRES[unit] / METRES[to]
    logger.warning("%s states sizes in %r and in %r; both are taken as %r", where, unit, to, to)
    return size
