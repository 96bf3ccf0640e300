"""Tiles: cores that partition an image, each grown by a halo, and what puts the objects of all together again."""

from __future__ import annotations

from napari_discern.tiles.mosaic import Mosaic, Tile
from napari_discern.tiles.patchwork import Patchwork

__all__ = ["Mosaic", "Patchwork", "Tile"]
