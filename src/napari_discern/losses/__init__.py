"""Losses: steps that turn an embedding and labels into a number to make small."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from napari_discern.losses.assignment import assign
from napari_discern.losses.class_centres import ClassCentres, centre_scores, class_means
from napari_discern.losses.discriminative import Discriminative, Forces, Quality
from napari_discern.losses.foreground import Foreground
from napari_discern.losses.seediness import Seediness
from napari_discern.losses.similarity import Similarity

Loss: TypeAlias = Annotated[Discriminative | Similarity, Field(discriminator="kind")]
"""The family of embedding losses, told apart by `kind`.

Calling one, ``loss(embedding, labels, classes=None)``, gives the loss of a batch as a float32 scalar tensor: finite,
with finite gradients, also for no object, one object and objects of one pixel. ``loss.quality(embedding, labels)``
says how far the embedding is what the loss wants, as a `Quality`, and ``loss.dimensions`` how many dimensions it does
well with.

Parameters
----------
embedding : float tensor of shape (B, E, \\*S)
    An embedding for each element. \\*S may be pixels, voxels, or (layer, pixel) elements.
labels : int64 tensor of shape (B, \\*S)
    Object of each element. 0 is background, of which each loss makes what its paper does; -1 is unknown, and left out.
classes : int64 tensor of shape (B, \\*S), optional
    Semantic class of each element. Objects of different classes need not be told apart by their embedding.
"""

ForegroundLoss: TypeAlias = Annotated[Foreground | ClassCentres, Field(discriminator="kind")]
"""The family of losses that teach which pixels are of an object, or of which semantic class, told apart by `kind`.

Calling one, ``loss(scores, classes, labels)``, gives the loss of a batch as a float32 scalar tensor.

Parameters
----------
scores : float tensor of shape (B, K, \\*S)
    Scores of background (0) and the semantic classes; for `ClassCentres` points of an embedding.
classes : int64 tensor of shape (B, \\*S)
    True class of each pixel, or the number of objects on it; 0 is background, -1 unknown (no loss there).
labels : int64 tensor of shape (B, \\*S) or (B, L, \\*S)
    Objects, L of them where pixels are shared.
"""

__all__ = [
    "ClassCentres",
    "Discriminative",
    "Forces",
    "Foreground",
    "ForegroundLoss",
    "Loss",
    "Quality",
    "Seediness",
    "Similarity",
    "assign",
    "centre_scores",
    "class_means",
]
