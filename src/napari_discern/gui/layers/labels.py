"""Labels: the objects that Labels layers hold, and their classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_discern.gui.layers.planes import Planes
from napari_discern.gui.layers.source import pixels
from napari_discern.instances import CLASS, Instances, painted_classes

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels


def read_labels(layer: Labels, place: Sequence[int] = (), viewer: ViewerModel | None = None) -> Instances:
    """The objects of a Labels layer and its further planes, those in the viewer; ids are made 1..N in their order.

    Raises
    ------
    BadArgument
        If the layer is not 2D or 3D at that place, or holds no integers.
    """
    if viewer is not None:
        Planes.of(layer).leave(viewer)
    planes = np.stack([np.asarray(pixels(one)[tuple(place)]) for one in Planes.of(layer).layers])
    spacing = tuple(abs(float(s)) or 1.0 for s in layer.scale[1 - planes.ndim :])
    return Instances.from_painted(planes, spacing=spacing, measures=classes_of(layer, planes))


def classes_of(layer: Labels, planes: np.ndarray) -> dict[str, np.ndarray]:
    """The column `class` of the layer's features for the objects of its label planes, "" where it has none."""
    named = names_of_classes(layer)
    if named is None:
        return {}
    ids = np.unique(planes[planes > 0])
    return {CLASS: np.array([named.get(label, "") for label in ids.tolist()], dtype=str)}


def names_of_classes(layer: Labels) -> dict[int, str] | None:
    """The class of each id as the column `class` of a layer's features has it; None where there is no such column.

    Rows belong to ids by the column `index`, or else by their place, as napari has it.
    """
    features = layer.features
    if CLASS not in features:
        return None
    index = features["index"] if "index" in features else range(len(features))
    return dict(zip(index, features[CLASS].fillna("").astype(str).str.strip(), strict=True))


def painted_on(layer: Labels, objects: Instances, kinds: np.ndarray) -> dict[str, np.ndarray]:
    """The classes of objects on which a layer is painted, (*S): the names in its features, or else its numbers."""
    named = names_of_classes(layer) or {}
    numbers = painted_classes(objects.planes, kinds)
    return {CLASS: np.array([named.get(k, "") or str(k) if k else "" for k in numbers.tolist()], dtype=str)}
