"""Known: the last result as arrays: the embedding of its pixels, and the objects on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_discern.gui.layers.edits import retable
from napari_discern.gui.layers.planes import Planes
from napari_discern.gui.work.shared import Shared
from napari_discern.lazy import LazyModule
from napari_discern.model import Embedded
from napari_discern.segmentation import Recipe

if TYPE_CHECKING:
    import torch
    from napari.layers import Labels
else:
    torch = LazyModule("torch")


class Known:
    """A result whose embedding was kept, as it is where one tile held it all.

    Attributes
    ----------
    first : Embedded
        What the model says of the first object on each pixel.
    recipe : Recipe
        What found it.
    result : napari Labels layer
        Where it is shown: the front one.
    shares_pixels : bool
        Whether objects may share pixels; then it is to be looked at only.
    """

    def __init__(self, embedded: Embedded, recipe: Recipe, result: Labels) -> None:
        self.recipe, self.result, self.shares_pixels = recipe, result, embedded.layers > 1
        self.first = embedded
        if self.shares_pixels:
            chance = embedded.probability[0]
            self.first = Embedded(embedded.embedding[:, 0], torch.stack([chance, 1 - chance]))

    @classmethod
    def of(cls, shared: Shared) -> Known | None:
        """What is known of the last result; None where there is none whose embedding was kept."""
        found, result = shared.found, shared.result
        if found is None or found.embedded is None or result is None:
            return None
        return cls(found.embedded, found.recipe, result)

    @property
    def reach(self) -> float:
        """How far an object reaches in the embedding, by the recipe."""
        return self.recipe.cluster.reach

    @property
    def embedding(self) -> NDArray[np.float32]:
        """Of the first object on each pixel, (E, \\*S)."""
        return self.first.embedding.cpu().numpy()

    @property
    def foreground(self) -> NDArray[np.bool_]:
        """Where there are objects, (\\*S)."""
        return self.first.foreground(self.recipe.foreground_threshold).cpu().numpy()

    @property
    def labels(self) -> NDArray[np.uint32]:
        """The objects that have their pixels to themselves, as they are by now, (\\*S)."""
        planes = Planes.of(self.result).data
        return np.where((planes > 0).sum(axis=0) == 1, planes.max(axis=0), 0).astype(np.uint32)

    def write(self, labels: NDArray[np.uint32]) -> None:
        """Change the result where it differs, so that napari can undo it."""
        where = np.nonzero(labels != np.asarray(self.result.data))
        if len(where[0]):
            self.result.data_setitem(where, labels[where])
            retable(Planes.of(self.result))

    def place(self, position: Any) -> tuple[int, ...] | None:
        """The pixel at a place in the viewer's world; None where that is beside the result."""
        place = tuple(np.round(self.result.world_to_data(position)).astype(int))
        inside = all(0 <= p < n for p, n in zip(place, self.result.data.shape, strict=True))
        return place if inside else None
