"""Pictures: objects over their image, and what a result missed, as arrays and as files to look at."""

from napari_discern.pictures.curves import draw_proposals
from napari_discern.pictures.misses import Case, draw_misses
from napari_discern.pictures.overlay import colouring, overlay, save_overlay
from napari_discern.pictures.projection import as_colours, principal_axes, random_axes

__all__ = [
    "Case",
    "as_colours",
    "colouring",
    "draw_misses",
    "draw_proposals",
    "overlay",
    "principal_axes",
    "random_axes",
    "save_overlay",
]
