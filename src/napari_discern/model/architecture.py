"""Architecture: what a network is made of, without its weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from napari_discern.backbones import Backbone, SegResNet
from napari_discern.params import Params

BLOCKS = (1, 2, 4)
"""Sides of blocks of pixels to choose from."""
SCALES = (0.25, 4.0)
"""Bounds of a scale."""
NEAR = 1.25
"""Objects up to so many times as large or small are seen as they are."""


class Architecture(Params):
    """What a network takes in, what it is made of, and what it gives out."""

    ndim: Literal[2, 3] = 2
    """Spatial dimensions."""
    channels: int = Field(1, ge=1)
    """Channels of the image."""
    backbone: Backbone = SegResNet()
    """The segmentation network in the middle."""
    stride: int = Field(1, ge=1, le=4)
    """Side of the blocks of pixels that the backbone sees as one; the outputs are of every pixel all the same. Two is
    faster and sees twice as far, for objects more than some ten pixels across. In a volume it holds along an axis as
    far as its pixels are not larger than that already."""
    scales: tuple[Annotated[float, Field(gt=0, le=SCALES[1])], ...] = Field((1.0,), min_length=1)
    """Scales at which the backbone sees the image; the features of all are averaged (Fathi 2017, section 3.6)."""
    features: int = Field(32, ge=4)
    """Features a pixel that the backbone hands to the heads."""
    embedding: int = Field(16, ge=2)
    """Dimensions of the embedding."""
    classes: int = Field(1, ge=1)
    """Semantic classes beside the background; 1 is plain foreground."""
    class_dimensions: int = Field(0, ge=0)
    """Dimensions of an embedding of classes: pixels are of the class whose centre is near (De Brabandere 2017,
    section 3.2). 0 has none; the network says how likely each class is."""
    layers: int = Field(1, ge=1, le=3)
    """Embeddings a pixel: so many objects may share one. With more than one the network says of each pixel how many
    objects lie on it, in place of classes."""
    taus: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Similarities to a pixel at which the network judges the mask that would grow from it (Fathi 2017, section 3.4);
    empty: it judges none."""
    coordinate_channels: bool = False
    """Give the pixel's place in the tile, -1 to 1 along each axis, as input channels (De Brabandere 2017).
    Helps only where images are laid out like the training crops."""
    coordinate_scale: float | None = Field(None, gt=0, json_schema_extra={"unit": "px"})
    """Pixels a unit of the pixel coordinates that are added to the first embedding channels (Novotny 2018).
    None adds none. Needed where an image holds many alike objects."""
    spacing: tuple[float, ...] = ()
    """Size of a pixel along each axis in the training images; only the ratios matter. Empty is the same along all."""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.spacing and (len(self.spacing) != self.ndim or min(self.spacing) <= 0):
            raise ValueError(f"spacing {self.spacing} must give a positive number for each of {self.ndim} axes")
        if self.coordinate_scale is not None and self.embedding < self.ndim:
            raise ValueError(f"coordinates of {self.ndim} axes need an embedding of as many dimensions at least")
        if self.layers > 1 and self.classes > 1:
            raise ValueError("a network tells classes apart or objects that share pixels, not both")
        if self.layers > 1 and self.taus:
            raise ValueError("a network judges the masks of seeds or knows of objects that share pixels, not both")
        return self

    @property
    def strides(self) -> tuple[int, ...]:
        """Sides of the blocks along each axis, in pixels."""
        spacing = self.spacing or (1.0,) * self.ndim
        return tuple(max(1, round(self.stride * min(spacing) / s)) for s in spacing)

    @property
    def multiples(self) -> tuple[int, ...]:
        """The network computes on sides that are a multiple of these, in pixels."""
        return tuple(self.backbone.multiple * stride for stride in self.strides)

    @property
    def coordinate_steps(self) -> tuple[float, ...] | None:
        """Step of the added coordinates along each axis, in embedding units a pixel."""
        if self.coordinate_scale is None:
            return None
        spacing = self.spacing or (1.0,) * self.ndim
        return tuple(s / min(spacing) / self.coordinate_scale for s in spacing)

    def for_objects(self, ratio: float, blocks: Sequence[int] = BLOCKS) -> Self:
        """What sees objects `ratio` times as large as those that a network was trained on as it sees those.

        Blocks of pixels, of one of these sides, become larger or smaller, which costs nothing; the image is magnified
        or shrunk by what is left, where that is more than a quarter. Added coordinates are in proportion.
        """
        sides = [n for n in blocks if max(n, self.stride) % min(n, self.stride) == 0 and (n > 1 or self.stride == 1)]
        side = min(sides or [self.stride], key=lambda n: abs(math.log(n / self.stride / ratio)))
        rest = ratio / (side / self.stride)
        scale = min(max(1 / rest, SCALES[0]), SCALES[1]) if max(rest, 1 / rest) > NEAR else 1.0
        seen = side / self.stride / scale
        step = None if self.coordinate_scale is None else self.coordinate_scale * seen
        scales = tuple(min(max(s * scale, SCALES[0]), SCALES[1]) for s in self.scales)
        return self.model_copy(update={"stride": side, "scales": scales, "coordinate_scale": step})
