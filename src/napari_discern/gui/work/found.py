"""Found: what was asked for of an image layer, and the objects that were found at each of its places."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_discern.gui.layers.colours import colouring, neighbours
from napari_discern.gui.layers.source import LayerSource
from napari_discern.instances import Instances, settle_classes
from napari_discern.model import Embedded, find_objects
from napari_discern.params import merge
from napari_discern.segmentation import Recipe, measure

if TYPE_CHECKING:
    from napari.layers import Labels


@dataclass(frozen=True)
class Wish:
    """What is to be segmented: which images of a layer, and by which recipe."""

    source: LayerSource
    places: tuple[tuple[int, ...], ...]
    recipe: Recipe

    @property
    def start(self) -> tuple[int, ...]:
        """First pixel of the region along each spatial axis."""
        return tuple(b.start for b in self.recipe.box(self.source.spatial_shape))


@dataclass(frozen=True)
class Found:
    """What was found: the objects at each place, and the embedding where one tile held it all.

    `layers` are made where they were found, in a thread, to be shown: of a large image that takes napari a while.
    """

    wish: Wish
    recipe: Recipe
    objects: tuple[Instances, ...]
    embedded: Embedded | None
    layers: list[Labels] = field(default_factory=list)

    @classmethod
    def of(cls, wish: Wish, recipe: Recipe, embedded: Embedded, measured: bool = True) -> Found:
        """The objects of an embedding by a recipe; measured, which takes a while, or not."""
        labels = find_objects(embedded, recipe)
        image, measures = wish.source.image(wish.places[0]), measure(embedded, labels) if measured else {}
        where = {"axes": image.spatial_axes, "spacing": image.spacing, "unit": image.unit}
        objects = Instances.from_layers(labels, measures=settle_classes(measures), **where)
        return cls(wish, recipe, (objects,), embedded).ready()

    def changed(self, changes: Mapping[str, Any]) -> Recipe:
        """The recipe that found these, with other thresholds."""
        return Recipe.from_dict(dict(merge(self.recipe.model_dump(), changes)), "the sliders")

    @cached_property
    def planes(self) -> np.ndarray:
        """The labels of all places as one array a plane, uint32 (P, *lead, *S), ids running on."""
        if len(self.objects) == 1:
            return self.objects[0].planes.copy()  # to be painted on
        lead, count = self.wish.source.lead, max(len(o.planes) for o in self.objects)
        places = []
        for objects, before in zip(self.objects, self._before, strict=True):
            moved = np.where(objects.planes > 0, objects.planes + np.uint32(before), 0) if before else objects.planes
            places.append(np.pad(moved, [(0, count - len(moved)), *[(0, 0)] * (moved.ndim - 1)]))
        return np.stack(places, axis=1).reshape(count, *lead, *self.objects[0].shape)

    @cached_property
    def table(self) -> Any:
        """A row an object, with its id as `index`: a pandas DataFrame; of objects not measured just that."""
        import pandas as pd

        if not any(o.measures for o in self.objects):
            return pd.DataFrame({"index": np.arange(1, 1 + sum(o.n for o in self.objects))})
        pairs = zip(self.objects, self._before, strict=True)
        tables = [o.features().assign(index=lambda t, k=k: t["label"] + k) for o, k in pairs]
        filled = [table for table in tables if len(table)] or tables[:1]
        return pd.concat(filled, ignore_index=True)

    @cached_property
    def colouring(self) -> int:
        """The number of a colouring in which neighbours look different."""
        return colouring(neighbours(self.planes))

    @cached_property
    def checks(self) -> list[int]:
        """A checksum of each plane, by which one sees whether it was changed since."""
        return [checksum(plane) for plane in self.planes]

    @property
    def is_measured(self) -> bool:
        """Whether the objects carry how well they stand apart, as they do but while a slider moves."""
        return any(o.measures for o in self.objects)

    @property
    def _before(self) -> list[int]:
        """Objects in the places before each."""
        return [0, *itertools.accumulate(o.n for o in self.objects[:-1])]

    def ready(self) -> Found:
        """The same, with planes and table made: of a large image that takes a second, which a window has not."""
        _ = self.planes, self.table, self.checks, self.is_measured and self.colouring
        return self


def checksum(labels: np.ndarray) -> int:
    """A number that tells label images apart."""
    return zlib.crc32(np.ascontiguousarray(labels).data)
