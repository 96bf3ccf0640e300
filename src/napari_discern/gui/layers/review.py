"""Review: what a person has said of the objects of a result; it stands in the metadata of its front layer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_discern.gui.layers.planes import Pixels

RECIPE = "napari_discern"
"""Key of a result layer's metadata under which stands how it was made."""
ACCEPTED, CORRECTED, DELETED = "accepted", "corrected", "deleted"
"""Keys in a layer's metadata; the first is a column of its features as well."""
FOUND = "objects"
"""Key in what is noted of a result: its largest id when it was found. Larger ones are a person's."""


@dataclass(frozen=True)
class Review:
    """What was checked of a result.

    Attributes
    ----------
    accepted : set of int
        Ids of objects that are right as they are.
    corrected : set of int
        Ids of objects that were merged or split.
    deleted : tuple of tuples of int arrays
        Pixels, as `numpy.nonzero` gives them, where there was thought to be an object and is none.
    """

    accepted: frozenset[int] = frozenset()
    corrected: frozenset[int] = frozenset()
    deleted: tuple[Pixels, ...] = ()

    @classmethod
    def of(cls, layer: Labels) -> Self:
        """What is noted on a layer."""
        noted = layer.metadata
        accepted, corrected = (frozenset(noted.get(key, ())) for key in (ACCEPTED, CORRECTED))
        return cls(accepted, corrected, tuple(noted.get(DELETED, ())))

    def note(self, layer: Labels) -> None:
        """Note it on a layer."""
        noted: dict[str, Any] = {
            ACCEPTED: sorted(self.accepted), CORRECTED: sorted(self.corrected), DELETED: list(self.deleted)
        }  # fmt: skip
        layer.metadata.update(noted)

    def known(self, layer: Labels, ids: Collection[int]) -> set[int]:
        """Those of the ids whose objects a person has accepted, corrected or added."""
        found = layer.metadata.get(RECIPE, {}).get(FOUND, np.inf)
        return {i for i in ids if i in self.accepted or i in self.corrected or i > found}
