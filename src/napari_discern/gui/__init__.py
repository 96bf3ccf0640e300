"""The face in napari. Only modules of this package see napari and Qt, and none of them loads either at the top."""

from napari_discern.gui.window import has_screen, show

__all__ = ["has_screen", "show"]
