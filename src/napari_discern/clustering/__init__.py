"""Clustering: steps that turn an embedding and a foreground into labels."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from napari_discern.clustering.centre_threshold import CentreThreshold
from napari_discern.clustering.growth import add_seed, grow, remove_object, similarity
from napari_discern.clustering.margins import Margins, margins
from napari_discern.clustering.mean_shift import MeanShift
from napari_discern.clustering.pieces import join_pieces
from napari_discern.clustering.proposals import Proposals, squared_radius
from napari_discern.clustering.seeds import SeedMap, Seeds

Clustering: TypeAlias = Annotated[MeanShift | Seeds, Field(discriminator="kind")]
"""The family of clustering methods, told apart by `kind`.

Calling one, ``clustering(embedding, foreground, seeds=None)``, maps float (E, \\*S) and bool (\\*S) to labels, uint32
(\\*S); `seeds` is what a model says of the masks that pixels would grow, where it does. ``clustering.reach`` is how far
from its centre an object reaches in the embedding, and ``clustering.trials`` which changes of it are worth trying.
`CentreThreshold` is not of the family: it has to be told the truth.
"""

__all__ = [
    "CentreThreshold",
    "Clustering",
    "Margins",
    "MeanShift",
    "Proposals",
    "SeedMap",
    "Seeds",
    "add_seed",
    "grow",
    "join_pieces",
    "margins",
    "remove_object",
    "similarity",
    "squared_radius",
]
