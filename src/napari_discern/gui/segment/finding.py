"""Finding: from an image layer and a recipe to the objects at each of its places."""

from __future__ import annotations

from napari_discern.errors import OutOfMemory
from napari_discern.gui.work.found import Found, Wish
from napari_discern.gui.work.session import Session
from napari_discern.model import Card, Model
from napari_discern.progress import Progress, Steps, part_of
from napari_discern.segmentation import Recipe, embed, recipe_for, segment

SMALLEST_TILE = 64
"""Pixels; where memory runs out tiles are halved, but not below this."""


def find(session: Session, wish: Wish) -> Steps[Found]:
    """Find what is wished for, with smaller tiles where memory runs out; to be driven in a thread.

    Raises
    ------
    OutOfMemory
        If even tiles of 64 px do not fit.
    """
    model = yield from session.model(wish.recipe.model, wish.recipe.device)
    settings = wish.recipe.model_dump(exclude={"model", "weights_sha256", "version"})
    recipe = recipe_for(model, wish.recipe.model, **settings)
    while True:
        try:
            return (yield from _find_as(wish, model, recipe))
        except OutOfMemory:
            smaller = max(recipe.cut(model.card)[0]) // 2
            if smaller < SMALLEST_TILE:
                raise
            recipe = recipe.model_copy(update={"tile": smaller})
            yield Progress(f"memory ran out; tiles of {smaller} px", 0, 0)


def _find_as(wish: Wish, model: Model, recipe: Recipe) -> Steps[Found]:
    images = [wish.source.image(place) for place in wish.places]
    if len(images) == 1 and _in_one_tile(wish, recipe, model.card):
        yield Progress("segment", 0, 1)
        return Found.of(wish, recipe, embed(images[0], model, recipe))
    objects = []
    for k, image in enumerate(images):
        objects.append((yield from part_of(segment(image, model, recipe), "segment", k, 1, len(images))))
    return Found(wish, recipe, tuple(objects), None).ready()


def _in_one_tile(wish: Wish, recipe: Recipe, card: Card) -> bool:
    box = recipe.box(wish.source.spatial_shape)
    return recipe.in_one_tile(card, [b.stop - b.start for b in box])
