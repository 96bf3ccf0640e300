"""Planes: Labels layers that hold the objects of one image together, one layer a plane where objects share pixels."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

Pixels = tuple[np.ndarray, ...]
"""Pixels, as `numpy.nonzero` gives them."""


class Planes:
    """Layers of one shape and place, whose ids are unique over all of them; which object is chosen is so in each.

    Layers are known as long as they live, and leave when they are taken out of the viewer.
    """

    _all: ClassVar[weakref.WeakKeyDictionary[Any, Planes]] = weakref.WeakKeyDictionary()

    def __init__(self, layers: Sequence[Labels]) -> None:
        self._layers: list[weakref.ref[Labels]] = []
        self.join(layers)

    @classmethod
    def of(cls, layer: Labels) -> Planes:
        """The planes that a layer is one of; of most layers just that one."""
        known = cls._all.get(layer)
        return known if known is not None else cls([layer])

    @property
    def layers(self) -> list[Labels]:
        """The layers, the front one first, which also bears what is noted of the whole."""
        alive = (layer() for layer in self._layers)
        return [layer for layer in alive if layer is not None]

    @property
    def front(self) -> Labels:
        """The layer that stands for all."""
        return self.layers[0]

    @property
    def data(self) -> np.ndarray:
        """The labels of all planes, (P, *S)."""
        return np.stack([np.asarray(layer.data) for layer in self.layers])

    @property
    def top(self) -> int:
        """The largest id."""
        return max(int(np.max(layer.data)) for layer in self.layers)

    def join(self, layers: Sequence[Labels]) -> None:
        """Take further layers in, behind those that are here."""
        self._layers = [weakref.ref(layer) for layer in (*self.layers, *layers)]
        for layer in layers:
            self._all[layer] = self
            layer.events.selected_label.connect(self._choose)

    def leave(self, viewer: ViewerModel) -> None:
        """Forget the layers that are no longer in the viewer."""
        self._layers = [weakref.ref(layer) for layer in self.layers if layer in viewer.layers]

    def ids(self) -> set[int]:
        """All ids that are there."""
        every = (np.flatnonzero(np.bincount(np.asarray(layer.data).ravel())) for layer in self.layers)  # no sorting
        found: set[int] = set().union(*(ids.tolist() for ids in every))
        return found - {0}

    def find(self, label: int) -> tuple[Labels, Pixels]:
        """The layer that an object lies in, and its pixels; the front one and none where it is not there."""
        for layer in self.layers:
            where = np.nonzero(np.asarray(layer.data) == label)
            if len(where[0]):
                return layer, where
        return self.front, tuple(np.zeros(0, int) for _ in range(self.front.ndim))

    def find_all(self, labels: Collection[int]) -> dict[int, tuple[Labels, Pixels]]:
        """The layer and the pixels of each of these objects that is there, in one pass."""
        found: dict[int, tuple[Labels, Pixels]] = {}
        for layer in self.layers:
            data = np.asarray(layer.data)
            flat = data.ravel()
            inside = np.flatnonzero(np.isin(flat, list(labels)))
            inside = inside[flat[inside].argsort(kind="stable")]
            ids, first = np.unique(flat[inside], return_index=True)
            for label, part in zip(ids.tolist(), np.split(inside, first[1:]), strict=False):
                found.setdefault(label, (layer, np.unravel_index(part, data.shape)))
        return found

    def at(self, index: tuple[int, ...]) -> list[int]:
        """The ids on a pixel, the front one first."""
        inside = all(0 <= i < n for i, n in zip(index, self.front.data.shape, strict=True))
        return [int(layer.data[index]) for layer in self.layers if inside and layer.data[index]]

    def room(self, where: Pixels, among: Sequence[int]) -> Labels | None:
        """The first layer where pixels are free, or bear one of these ids."""
        return next((layer for layer in self.layers if np.isin(np.asarray(layer.data)[where], [0, *among]).all()), None)

    def _choose(self, event: Any) -> None:
        for layer in self.layers:
            if layer.selected_label != event.source.selected_label:
                layer.selected_label = event.source.selected_label
