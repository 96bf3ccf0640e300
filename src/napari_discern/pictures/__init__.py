"""Pictures: objects over their image, and what a result missed, as arrays and as files to look at."""

from napari_discern.pictures.misses import Case, draw_misses
from napari_discern.pictures.overlay import colouring, overlay, save_overlay

__all__ = ["Case", "colouring", "draw_misses", "overlay", "save_overlay"]
