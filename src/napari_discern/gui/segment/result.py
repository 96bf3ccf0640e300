"""Result: what was found, on Labels layers that lie on their image and know how they were made."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_discern.gui.layers.colours import colormap
from napari_discern.gui.layers.planes import Planes
from napari_discern.gui.layers.review import ACCEPTED, FOUND, RECIPE, Review
from napari_discern.gui.layers.source import place_of
from napari_discern.gui.work.found import Found, checksum
from napari_discern.progress import Steps

if TYPE_CHECKING:
    from napari_discern.gui.work.session import Session

OUTLINES = (2, 1)
"""Width of the outlines of the objects in front, and of those that lie behind others."""
FILLED = 0.6
"""Opacity of objects that are not outlined."""
LOOK = "napari_discern_look"
"""Key in a layer's metadata: contour and opacity as they were set last. Where they differ, a person has set them."""
LARGEST = 1 << 20
"""Pixels of a slice; in a larger one outlines take napari longer than a hand would wait."""


def show(found: Found, last: Labels | None, session: Session) -> Labels:
    """Put the objects on the layers of the last result, or on new ones if these have been changed by hand.

    There is a layer a plane, drawn as outlines, the thinner ones lying behind; the front one is returned. Each bears
    the table of the objects as its features, and in its metadata the recipe.
    """
    viewer = session.viewer
    planes = Planes.of(last) if last is not None and last in viewer.layers else None
    if planes is not None:
        planes.leave(viewer)
    if planes is not None and _are_untouched(planes, found):
        _fill(planes, found, session)
    else:
        if planes is not None and _is_of_the_same(planes.front, found):
            for layer in planes.layers:
                layer.visible = False  # kept as it was corrected; its eye in the list brings it back
        layers = _new(found, _free_name(viewer, found))
        planes = Planes(layers)
        for layer in layers:
            session.add(layer)
    found.layers.clear()
    _outline(planes, found, session)
    for layer, check in zip(planes.layers, found.checks, strict=True):
        layer.metadata[RECIPE] = {
            "of": _origin(found),
            "check": check,
            "recipe": found.recipe.to_toml(),
            FOUND: sum(objects.n for objects in found.objects),
        }
    return planes.front


def _are_untouched(planes: Planes, found: Found) -> bool:
    """Whether layers show a result of the same pixels that nobody has changed or accepted anything of."""
    same = planes.front.data.shape == found.planes.shape[1:]
    return same and all(_is_untouched(layer, found) for layer in planes.layers)


def _is_untouched(layer: Labels, found: Found) -> bool:
    changed = layer.metadata.get(RECIPE, {}).get("check") != checksum(layer.data)
    return _is_of_the_same(layer, found) and not changed and not layer.metadata.get(ACCEPTED)


def _is_of_the_same(layer: Labels, found: Found) -> bool:
    """Whether a layer shows what was found in the same pixels."""
    return bool(layer.metadata.get(RECIPE, {}).get("of") == _origin(found))


def _fill(planes: Planes, found: Found, session: Session) -> None:
    """Show other objects on the same layers; a plane more makes a layer more, a plane less one less."""
    for layer in planes.layers[len(found.planes) :]:
        session.viewer.layers.remove(layer)
    planes.leave(session.viewer)
    Review().note(planes.front)  # what was said was said of other objects
    if not found.is_measured:
        _outline(planes, found, session)  # before napari draws outlines of the new labels
    for layer, labels in zip(planes.layers, found.planes, strict=False):
        layer.data, layer.features = labels, found.table
        layer._reset_history()  # what was painted before was painted on other labels
    count = len(planes.layers)
    more = _new(found, planes.front.name)[count:] if len(found.planes) > count else []
    planes.join(more)
    for layer in more:
        session.add(layer)


def _outline(planes: Planes, found: Found, session: Session) -> None:
    """Draw outlines, once a slider rests and where napari is quick at it, else filled; a look set by hand stays."""
    front = planes.front
    quick = found.is_measured and front.data[(0,) * (front.ndim - 2)].size <= LARGEST
    drawn = quick and session.viewer.dims.ndisplay == 2
    for number, layer in enumerate(planes.layers):
        wanted = (OUTLINES[number > 0], 1.0) if drawn else (0, FILLED)
        now = (layer.contour, layer.opacity)
        if layer.metadata.get(LOOK, now) == now != wanted:
            layer.contour, layer.opacity = wanted
            layer.metadata[LOOK] = wanted


def prepare(steps: Steps[Found]) -> Steps[Found]:
    """The same pipeline, whose result has its layers made, in the thread that drives it."""
    found = yield from steps
    found.layers[:] = _made(found)
    return found


def _made(found: Found) -> list[Labels]:
    """A layer for each plane, without a name yet."""
    place = place_of(found.wish.source.layer, found.wish.start, found.planes.ndim - 1)
    look: dict[str, Any] = {"opacity": FILLED, "metadata": {LOOK: (0, FILLED)}, "features": found.table}
    return [Labels(plane, colormap=colormap(found.colouring), **look, **place) for plane in found.planes]


def _new(found: Found, name: str) -> list[Labels]:
    """Named layers for all planes."""
    layers = found.layers.copy() or _made(found)
    for layer, called in zip(layers, _names(name, len(layers)), strict=True):
        layer.name = called
    return layers


def _names(front: str, count: int) -> list[str]:
    return [front, *(f"{front}, behind" + (f" {k}" if k > 1 else "") for k in range(1, count))]


def _free_name(viewer: Any, found: Found) -> str:
    base, taken = f"{found.wish.source.layer.name} objects", {layer.name for layer in viewer.layers}
    every = itertools.chain([base], (f"{base} {k}" for k in itertools.count(2)))
    return next(name for name in every if not taken & set(_names(name, len(found.planes))))


def _origin(found: Found) -> tuple[Any, ...]:
    wish = found.wish
    return id(wish.source.layer), wish.places, wish.recipe.region
