"""Card: what a model is, and the settings by which its output becomes objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from napari_discern.clustering import Clustering, MeanShift
from napari_discern.errors import BadModel, DiscernError
from napari_discern.model.architecture import Architecture
from napari_discern.normalise import Normalisation, Percentile
from napari_discern.params import Params

CARD = "card.json"
Tone: TypeAlias = Literal["bright on dark", "dark on bright"]
"""How objects stand out from the ground of a one-channel image."""


class Settings(Params):
    """How a model's output becomes objects; chosen on validation images after training."""

    normalise: Normalisation = Percentile()
    """How intensities are brought into a common range, once for each image."""
    cluster: Clustering = MeanShift()
    """How embeddings are grouped into objects."""
    foreground_threshold: float = Field(0.5, gt=0, lt=1)
    """How sure the network must be that a pixel belongs to an object."""
    overlap_threshold: float = Field(0.5, gt=0, lt=1)
    """How sure the network must be that a further object lies on a pixel, where objects may share pixels."""
    join_share: float = Field(0.0, ge=0, lt=1)
    """A piece smaller than this share of an object, lying along it for a third of its outline, is joined to it; 0 joins
    none. Of no account where objects may share pixels."""
    min_size: int = Field(0, ge=0, json_schema_extra={"unit": "px"})
    """Smaller objects are left out; pixels in 2D, voxels in 3D."""


class Card(Params):
    """What a model is: architecture, settings, and where it comes from."""

    format: Literal[1] = 1
    """Version of this card's layout."""
    name: str = "model"
    """What it is called in lists."""
    description: str = ""
    """What it is for, and what it is not for."""
    licence: str = ""
    """Licence of the weights."""
    data: str = ""
    """What it was trained on."""
    architecture: Architecture = Architecture()
    """What the network is made of."""
    settings: Settings = Settings()
    """How its output becomes objects."""
    object_size: float = Field(30.0, gt=0, json_schema_extra={"unit": "px"})
    """Median diameter of the training objects."""
    classes: tuple[str, ...] = ()
    """Names of the semantic classes that it tells apart; empty where it finds objects of one kind."""
    tone: Tone | None = None
    """How the training objects stand out from the ground; None where they do so in no one way."""
    created: str = ""
    """Date of training, ISO 8601."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the training, and how long it went."""
    scores: dict[str, float] = Field(default_factory=dict)
    """Scores on the validation images."""
    weights_sha256: str = ""
    """SHA-256 of the weights file, hexadecimal."""

    def least_size(self, size: float) -> int:
        """The smallest object that is not left out where objects are of that size, in pixels, not of `object_size`."""
        return round(self.settings.min_size * (size / self.object_size) ** self.architecture.ndim)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.classes and len(self.classes) != self.architecture.classes:
            raise ValueError(f"{len(self.classes)} names do not fit a network of {self.architecture.classes} classes")
        return self


def read_card(path: Path) -> Card:
    """The card of a model folder; the weights are not looked at.

    Raises
    ------
    BadModel
        If there is none, or it cannot be read.
    """
    file = path / CARD
    if not file.is_file():
        raise BadModel(f"{path} is not a model folder: it has no {CARD}.")
    try:
        return Card.from_dict(json.loads(file.read_text(encoding="utf-8")), str(file))
    except (ValueError, RecursionError, DiscernError) as error:
        raise BadModel(f"{file} is cut off, edited or of an unknown version: {error}") from error
