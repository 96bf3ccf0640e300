"""Result: what was found, on Labels layers that lie on their image and know how they were made."""

from __future__ import annotations

import itertools
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_discern.gui.correct import ACCEPTED
from napari_discern.gui.finding import Found
from napari_discern.gui.layers import RECIPE
from napari_discern.gui.planes import Planes

if TYPE_CHECKING:
    from napari_discern.gui.session import Session

OUTLINE = 2
"""Width of the outlines of objects that lie behind others."""


def show(found: Found, last: Labels | None, session: Session) -> Labels:
    """Put the objects on the layers of the last result, or on new ones if these have been changed by hand.

    There is a layer a plane; those behind are drawn as outlines over the front one, which is returned. Each bears the
    table of the objects as its features, and in its metadata the recipe.
    """
    viewer = session.viewer
    planes = Planes.of(last) if last is not None and last in viewer.layers else None
    if planes is None or not _are_untouched(planes, found):
        planes = Planes(_new(found, viewer))
        for layer in planes.layers:
            session.add(layer)
    else:
        for layer, labels in zip(planes.layers, found.planes, strict=True):
            layer.data = labels
    for layer in planes.layers:
        layer.features = found.table
        layer.metadata[RECIPE] = {
            "of": _origin(found),
            "check": _checksum(layer.data),
            "recipe": found.recipe.to_toml(),
        }
    return planes.front


def _are_untouched(planes: Planes, found: Found) -> bool:
    """Whether layers show a result of the same pixels that nobody has changed or accepted anything of."""
    shape = (len(planes.layers), *planes.front.data.shape)
    return shape == found.planes.shape and all(_is_untouched(layer, found) for layer in planes.layers)


def _is_untouched(layer: Labels, found: Found) -> bool:
    note = layer.metadata.get(RECIPE, {})
    same = note.get("of") == _origin(found) and not layer.metadata.get(ACCEPTED)
    return same and note.get("check") == _checksum(layer.data)


def _new(found: Found, viewer: Any) -> list[Labels]:
    image, start, ndim = found.wish.source.layer, found.wish.start, found.planes.ndim - 1
    scale = np.asarray(image.scale)[-ndim:]
    translate = np.asarray(image.translate)[-ndim:].astype(float)
    translate[-len(start) :] += np.array(start) * scale[-len(start) :]
    layers = []
    for number, name in enumerate(_free_names(viewer, image.name, len(found.planes))):
        layer = Labels(found.planes[number], name=name, scale=scale, translate=translate, opacity=0.6)
        layer.contour = OUTLINE if number else 0
        layers.append(layer)
    return layers


def _free_names(viewer: Any, image: str, count: int) -> list[str]:
    taken = {layer.name for layer in viewer.layers}
    for turn in itertools.count(1):
        base = f"{image} objects" + (f" {turn}" if turn > 1 else "")
        names = [base, *(f"{base}, behind" + (f" {k}" if k > 1 else "") for k in range(1, count))]
        if not taken & set(names):
            break
    return names


def _origin(found: Found) -> tuple[Any, ...]:
    wish = found.wish
    return id(wish.source.layer), wish.places, wish.recipe.region


def _checksum(data: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(data).data)
