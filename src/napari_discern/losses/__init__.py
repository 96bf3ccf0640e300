"""Losses: steps that turn an embedding and labels into a number to make small."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from napari_discern.losses.assignment import assign
from napari_discern.losses.discriminative import Discriminative, Forces, Quality
from napari_discern.losses.foreground import Foreground
from napari_discern.losses.similarity import Similarity

Loss: TypeAlias = Annotated[Discriminative | Similarity, Field(discriminator="kind")]
"""The family of embedding losses, told apart by `kind`.

Calling one, ``loss(embedding, labels)``, gives a scalar; ``loss.quality(embedding, labels)`` says how far the embedding
is what the loss wants.
"""

__all__ = ["Discriminative", "Forces", "Foreground", "Loss", "Quality", "Similarity", "assign"]
