"""Objects: from what a model says of a patch to labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_discern.clustering import SeedMap, join_pieces
from napari_discern.instances import drop_small, once_a_pixel
from napari_discern.lazy.torch import torch
from napari_discern.model.card import Settings
from napari_discern.model.device import enough_memory


@dataclass(frozen=True)
class Embedded:
    """What a model says of a patch, on the model's device.

    Attributes
    ----------
    embedding : float32 tensor of shape (E, \\*S), or (E, L, \\*S) with L > 1 layers
    probability : float32 tensor of shape (K, \\*S)
        Probability of background (0) and of each semantic class; of no, one, two... objects with several layers.
    seeds : SeedMap or None
        What the model says of the masks that pixels would grow, if it says anything.
    classes : tuple of str
        Names of the semantic classes, from class 1 on; empty where there is but the foreground.
    """

    embedding: torch.Tensor
    probability: torch.Tensor
    seeds: SeedMap | None = None
    classes: tuple[str, ...] = ()

    @property
    def layers(self) -> int:
        """Embeddings a pixel."""
        return self.embedding.shape[1] if self.embedding.ndim > self.probability.ndim else 1

    def foreground(self, threshold: float, overlap: float = 0.5) -> torch.Tensor:
        """Elements that belong to an object, bool (\\*S), or (L, \\*S) with several layers.

        A pixel does if its probability of being background is below one minus the threshold; its second and further
        layers if also that of bearing fewer objects is below one minus `overlap`.
        """
        inside = self.probability[0] < 1 - threshold
        if self.layers == 1:
            return inside
        fewer = self.probability.cumsum(0)[: self.layers]
        return torch.cat([inside[None], inside & (fewer[1:] < 1 - overlap)])


def find_objects(embedded: Embedded, settings: Settings) -> NDArray[np.uint32]:
    """Cluster an embedded patch into labels, uint32 (L, \\*S), ids 1..N.

    There is one layer where objects do not share pixels. Else an object may lie in several, but once on a pixel; see
    `Instances.from_layers`.

    Parameters
    ----------
    embedded : Embedded
        What a model says of the patch.
    settings : Settings
        How objects are found.

    Raises
    ------
    OutOfMemory
        If the device cannot cluster so many pixels; use a smaller tile.
    """
    return tidied(clustered(embedded, settings), settings)


def clustered(embedded: Embedded, settings: Settings) -> NDArray[np.uint32]:
    """What `find_objects` gives before pieces are joined and small objects left out; uint32 (L, \\*S)."""
    size = tuple(embedded.embedding.shape[1:])
    with enough_memory(f"too little memory to cluster a tile of {size} pixels; take smaller ones with --tile."):
        inside = embedded.foreground(settings.foreground_threshold, settings.overlap_threshold)
        labels = settings.cluster(embedded.embedding, inside, embedded.seeds)
    return as_layers(labels, embedded.layers)


def tidied(layers: NDArray[np.uint32], settings: Settings) -> NDArray[np.uint32]:
    """Objects with their pieces, without small ones, numbered 1..N; uint32 (L, \\*S)."""
    if settings.join_share and len(layers) == 1:
        layers = join_pieces(layers[0], settings.join_share)[None]
    return drop_small(layers, settings.min_size)


def as_layers(labels: torch.Tensor, layers: int) -> NDArray[np.uint32]:
    """Labels of elements as uint32 (L, \\*S), in which an object lies once on a pixel."""
    found = labels.cpu().numpy()
    return once_a_pixel(found[None] if layers == 1 else found)
