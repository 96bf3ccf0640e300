"""Tiles: cores that partition an image, each grown by a halo, and what puts the objects of all together again."""

from __future__ import annotations

from napari_discern.tiles.bank import Bank, Found
from napari_discern.tiles.grid import Box, Grid, sides
from napari_discern.tiles.joining import Joined, join
from napari_discern.tiles.seams import Seam

__all__ = ["Bank", "Box", "Found", "Grid", "Joined", "Seam", "join", "sides"]
