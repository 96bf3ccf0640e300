"""Overlays: layers of our own that lie over others to be looked at, and are no data of anybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer, Points, Shapes

if TYPE_CHECKING:
    from napari.components import ViewerModel

OVERLAY = "napari_discern_aid"
"""Key in the metadata of layers that are only to look at, such as a preview; they are not offered to work on."""


def add_layer(viewer: ViewerModel, layer: Layer) -> None:
    """Put a layer on top; what was chosen stays chosen."""
    before, active = set(viewer.layers.selection), viewer.layers.selection.active
    viewer.add_layer(layer)
    if before:
        viewer.layers.selection = before
        viewer.layers.selection.active = active


class Overlays:
    """Layers by name; those that a person took out of the viewer are made anew."""

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer

    def get(self, name: str) -> Any:
        """The layer of that name, or None where it is not shown."""
        return next((layer for layer in self.viewer.layers if layer.metadata.get(OVERLAY) == name), None)

    def put(self, name: str, data: Any, over: Layer, kind: Any = ImageLayer, **looks: Any) -> Any:
        """Show data on the pixels of a layer, and return the layer that shows it.

        Parameters
        ----------
        name : str
        data : array, or list of them
            As a layer of this kind takes it.
        over : napari layer
        kind : class of napari layers
        looks : Any
            How a new layer looks. One that is shown already, and fits, is left as a person has it.
        """
        layer, marks = self.get(name), kind in (Points, Shapes)
        place = {"scale": over.scale, "translate": over.translate}
        if layer is not None and (layer.ndim == over.ndim if marks else layer.data.shape == data.shape):
            for key, value in place.items():
                if not np.array_equal(getattr(layer, key), value):
                    setattr(layer, key, value)
            layer.data = data
            return layer
        self.drop(name)
        more = {"ndim": over.ndim} if marks else {}
        layer = kind(data, name=name, metadata={OVERLAY: name}, **place, **more, **looks)
        add_layer(self.viewer, layer)
        return layer

    def drop(self, name: str) -> None:
        """Show it no longer."""
        layer = self.get(name)
        if layer is not None:
            self.viewer.layers.remove(layer)
