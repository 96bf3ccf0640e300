"""Finding: from an image layer and a recipe to the objects at each of its places."""

from __future__ import annotations

from contextlib import suppress

from napari_discern.errors import OutOfMemory
from napari_discern.gui.work.found import Found, Wish
from napari_discern.gui.work.session import Session
from napari_discern.model import Card
from napari_discern.progress import Progress, Steps
from napari_discern.segmentation import Recipe, embed, segment_all


def find(session: Session, wish: Wish) -> Steps[Found]:
    """Find what is wished for, with smaller tiles where memory runs out; to be driven in a thread.

    Raises
    ------
    OutOfMemory
        If even the smallest tiles do not fit.
    """
    model = yield from session.model(wish.recipe.model, wish.recipe.device)
    recipe = wish.recipe.model_copy(update={"weights_sha256": model.card.weights_sha256})  # loaded perhaps long ago
    images = [wish.source.image(place) for place in wish.places]
    if len(images) == 1 and _in_one_tile(wish, recipe, model.card):
        yield Progress("segment", 0, 1)
        with suppress(OutOfMemory):  # else it is cut into tiles
            return Found.of(wish, recipe, embed(images[0], model, recipe))
    objects, recipe = yield from segment_all(images, model, recipe)
    return Found(wish, recipe, tuple(objects), None).ready()


def _in_one_tile(wish: Wish, recipe: Recipe, card: Card) -> bool:
    box = recipe.box(wish.source.spatial_shape)
    return recipe.in_one_tile(card, [b.stop - b.start for b in box])
