"""Result: what was found, on a Labels layer that lies on its image and knows how it was made."""

from __future__ import annotations

import itertools
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_discern.gui.correct import ACCEPTED
from napari_discern.gui.finding import Found
from napari_discern.gui.layers import RECIPE

if TYPE_CHECKING:
    from napari_discern.gui.session import Session


def show(found: Found, last: Labels | None, session: Session) -> Labels:
    """Put the objects on the layer of the last result, or on a new one if that has been changed by hand.

    The layer bears the table of the objects as its features, and in its metadata the recipe.
    """
    labels, table = found.stacked()
    if last is not None and last in session.viewer.layers and _is_untouched(last, found):
        layer = last
        layer.data = labels
    else:
        layer = _new(labels, found, session.viewer)
        session.add(layer)
    layer.features = table
    layer.metadata[RECIPE] = {
        "of": _origin(found),
        "check": _checksum(layer.data),
        "recipe": found.recipe.to_toml(),
    }
    return layer


def _is_untouched(layer: Labels, found: Found) -> bool:
    """Whether a layer shows a result of the same pixels that nobody has changed or accepted anything of."""
    note = layer.metadata.get(RECIPE, {})
    same = note.get("of") == _origin(found) and layer.data.shape == found.shape
    return same and not layer.metadata.get(ACCEPTED) and note.get("check") == _checksum(layer.data)


def _new(labels: np.ndarray, found: Found, viewer: Any) -> Labels:
    image, start, ndim = found.wish.source.layer, found.wish.start, labels.ndim
    scale = np.asarray(image.scale)[-ndim:]
    translate = np.asarray(image.translate)[-ndim:].astype(float)
    translate[-len(start) :] += np.array(start) * scale[-len(start) :]
    return Labels(labels, name=_free_name(viewer, image.name), scale=scale, translate=translate, opacity=0.6)


def _free_name(viewer: Any, image: str) -> str:
    base, taken = f"{image} objects", {layer.name for layer in viewer.layers}
    return next(n for n in itertools.chain([base], (f"{base} {k}" for k in itertools.count(2))) if n not in taken)


def _origin(found: Found) -> tuple[Any, ...]:
    wish = found.wish
    return id(wish.source.layer), wish.places, wish.recipe.region


def _checksum(data: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(data).data)
