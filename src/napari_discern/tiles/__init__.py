"""Tiles: cores that partition an image, each grown by a halo, and what puts the objects of all together again."""

from __future__ import annotations

from napari_discern.tiles.bank import EXTENTS, Bank, Table, TileObjects
from napari_discern.tiles.grid import Box, Grid, sides
from napari_discern.tiles.joining import Compared, Joined, join, lay
from napari_discern.tiles.seams import KINDS, Seam, SeamTable, compare

__all__ = [
    "EXTENTS",
    "KINDS",
    "Bank",
    "Box",
    "Compared",
    "Grid",
    "Joined",
    "Seam",
    "SeamTable",
    "Table",
    "TileObjects",
    "compare",
    "join",
    "lay",
    "sides",
]
