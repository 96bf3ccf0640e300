"""Training: what to train and how, as parameters."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from napari_discern.backbones import Backbone, SegResNet
from napari_discern.device import Precision
from napari_discern.losses import Discriminative, Foreground, Loss
from napari_discern.model import Settings
from napari_discern.params import Params
from napari_discern.sample import Augmentation


class Training(Params):
    """How a model is trained. What is left at "auto" is read from the images and labels."""

    minutes: float | None = Field(None, gt=0, json_schema_extra={"unit": "min"})
    """Time to train, choosing the settings at the end included."""
    steps: int | None = Field(None, ge=1)
    """Steps to train; the same steps and seed give the same model on one machine."""
    seed: int = Field(0, ge=0)
    """Seed of the weights, the crops and the split."""
    device: str = "auto"
    """Where to train: auto, cpu, cuda, cuda:1."""
    precision: Precision = "auto"
    """Bits of the network's arithmetic; auto takes bfloat16 where the hardware is fast at it."""
    batch: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Crops a step; auto takes as many as hold about 220,000 pixels."""
    crop: Annotated[int, Field(ge=8)] | Literal["auto"] = "auto"
    """Side of a crop in pixels; auto gives room to a few dozen objects."""
    unlabelled: Literal["background", "unknown"] = "background"
    """What pixels without a label are: background, or unknown, where only some of the objects are labelled."""
    centred: float = Field(0.8, ge=0, le=1)
    """Share of the crops that lie around a labelled object; the others lie anywhere."""
    learning_rate: float = Field(2e-3, gt=0)
    """Highest learning rate (AdamW)."""
    finetune_learning_rate: float = Field(5e-4, gt=0)
    """Highest learning rate where training starts from a base model."""
    warmup: int = Field(100, ge=0)
    """Steps over which the learning rate rises; afterwards it falls along a cosine."""
    weight_decay: float = Field(0.01, ge=0)
    """Decay of the weights (AdamW)."""
    ema_decay: float = Field(0.995, ge=0, lt=1)
    """Decay of the running average of the weights, which is what gets saved."""
    checks: int = Field(8, ge=1)
    """Validations during training, evenly spread."""
    augmentation: Augmentation = Augmentation()
    """How crops are changed at random."""
    loss: Loss = Discriminative()
    """What shapes the embedding."""
    foreground_loss: Foreground = Foreground()
    """What finds the objects' pixels."""
    backbone: Backbone = SegResNet()
    """The network in the middle; a base model brings its own."""
    stride: int = Field(1, ge=1, le=4)
    """Side of the blocks of pixels that the network sees as one: two is faster and sees twice as far, for
    objects more than some ten pixels across. A base model brings its own."""
    features: int = Field(32, ge=4)
    """Features a pixel between backbone and heads; a base model brings its own."""
    embedding: int = Field(16, ge=2)
    """Dimensions of the embedding; a base model brings its own."""
    layers: Annotated[int, Field(ge=1, le=3)] | Literal["auto"] = "auto"
    """Objects that may share a pixel; auto takes as many as the labels show. A base model brings its own."""
    coordinate_channels: bool = False
    """Pixel coordinates as input channels; a base model brings its own."""
    coordinate_scale: Annotated[float, Field(gt=0)] | Literal["auto", "off"] = "auto"
    """Pixels a unit of the coordinates added to the first embedding channels; auto takes a quarter of an object.
    A base model brings its own."""
    settings: Settings = Settings()
    """Normalisation, and the clustering to start from; bandwidth and thresholds are chosen at the end. A base
    model brings its own."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.minutes is not None and self.steps is not None:
            raise ValueError("give minutes or steps, not both")
        return self
