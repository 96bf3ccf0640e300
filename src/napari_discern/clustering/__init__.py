"""Clustering: steps that turn an embedding and a foreground into labels."""

from __future__ import annotations

from typing import TypeAlias

from napari_discern.clustering.centre_threshold import CentreThreshold
from napari_discern.clustering.growth import add_seed, grow, remove_object, similarity
from napari_discern.clustering.margins import Margins, margins
from napari_discern.clustering.mean_shift import MeanShift

Clustering: TypeAlias = MeanShift
"""The family of clustering methods, told apart by `kind`.

Calling one, ``clustering(embedding, foreground)``, maps float (E, \\*S) and bool (\\*S) to labels, uint32 (\\*S).
`CentreThreshold` is not of the family: it has to be told the truth.
"""

__all__ = [
    "CentreThreshold",
    "Clustering",
    "Margins",
    "MeanShift",
    "add_seed",
    "grow",
    "margins",
    "remove_object",
    "similarity",
]
