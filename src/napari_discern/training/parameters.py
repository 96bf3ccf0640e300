"""Training: what to train and how, as parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from napari_discern.backbones import Backbone, SegResNet
from napari_discern.losses import ClassCentres, Discriminative, Foreground, ForegroundLoss, Loss, Seediness
from napari_discern.model import Precision, Settings
from napari_discern.params import Params
from napari_discern.training.crops import Augmentation

UNTOUCHED = dict.fromkeys(("brightness", "contrast", "gamma", "noise", "blur"), 0.0)
METHODS: dict[str, dict[str, Any]] = {
    "de-brabandere": {
        "loss": {"kind": "discriminative"},
        "coordinate_channels": True,
        "coordinate_scale": "off",
        "augmentation": {"shrink": 1.0, "grow": 1.5, "rotate": 180.0, "upright": True, **UNTOUCHED},
        "settings": {"cluster": {"kind": "mean-shift"}},
    },
    "fathi": {
        "loss": {"kind": "similarity", "background": "object"},
        "seeds": True,
        "scales": (0.25, 0.5, 1.0, 2.0),
        "coordinate_scale": "off",
        "augmentation": {"shrink": 0.7, "grow": 1.5, "rotate": 10.0, "upright": True, "windows": 100, **UNTOUCHED},
        "settings": {"cluster": {"kind": "seeds"}},
    },
}
"""What the authors say of loss, input, crops and clustering of their methods, in place of our defaults: De Brabandere
et al. 2017, sections 3 and 4.2 (leaves), and Fathi et al. 2017, sections 3 and 4.2. Neither changes intensities."""


class Training(Params):
    """How a model is trained. What is left at "auto" is read from the images and labels.

    Examples
    --------
    >>> from napari_discern.synthetic import Cells
    >>> data = [Cells(size=48)(seed) for seed in range(3)]
    >>> run(train(Training(steps=2, crop=32, batch=1), data)).card.architecture.channels
    1
    """

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
    """Crops a step; auto takes as many as hold about 220,000 pixels, on a CPU 40,000."""
    crop: Annotated[int, Field(ge=8)] | Literal["auto"] = "auto"
    """Side of a crop in pixels; auto gives room to a few dozen objects."""
    unlabelled: Literal["background", "unknown"] = "background"
    """What pixels without a label are: background, or unknown, where only some of the objects are labelled."""
    centred: float = Field(0.8, ge=0, le=1)
    """Share of the crops that lie around a labelled object; the others lie anywhere."""
    learning_rate: float = Field(2e-3, gt=0)
    """Highest learning rate (AdamW)."""
    body_learning_rate: float = Field(1.0, gt=0, le=1)
    """Learning rate of what the heads share, as a share of theirs; less keeps what a base model has learnt."""
    finetune_learning_rate: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    """Highest learning rate where training starts from a base model; auto takes the less of the other one the better
    the base does on the images already, a quarter at least."""
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
    foreground_loss: ForegroundLoss = Foreground()
    """What finds the objects' pixels, or those of each semantic class. A base model brings the kind."""
    seeds: bool = False
    """Learn which pixels make good seeds, and how far each grows (Fathi 2017). A base model brings its own."""
    seediness: Seediness = Seediness()
    """What teaches which pixels make good seeds, where that is asked for."""
    backbone: Backbone = SegResNet()
    """The network in the middle; a base model brings its own."""
    stride: Annotated[int, Field(ge=1, le=4)] | Literal["auto"] = "auto"
    """Side of the blocks of pixels that the network sees as one; larger ones are faster and see farther. Auto takes 2
    for objects from some 10 pixels across on, 4 from 40 on, else 1. A base model brings its own, or for objects of
    another size than it knows what auto takes."""
    scales: tuple[Annotated[float, Field(gt=0, le=4)], ...] = Field((1.0,), min_length=1)
    """Scales at which the network sees the image, whose features are averaged; each costs by its pixels. A base model
    brings its own."""
    features: int = Field(32, ge=4)
    """Features a pixel between backbone and heads; a base model brings its own."""
    embedding: Annotated[int, Field(ge=2)] | Literal["auto"] = "auto"
    """Dimensions of the embedding; auto takes as many as the loss does well with: 16 for discriminative, 64 for
    similarity. A base model brings its own."""
    layers: Annotated[int, Field(ge=1, le=3)] | Literal["auto"] = "auto"
    """Objects that may share a pixel; auto takes as many as the labels show. A base model brings its own."""
    coordinate_channels: bool = False
    """Pixel coordinates as input channels; a base model brings its own."""
    coordinate_scale: Annotated[float, Field(gt=0)] | Literal["auto", "off"] = "auto"
    """Pixels a unit of the coordinates added to the first embedding channels; auto takes a quarter of an object.
    A base model brings its own, in proportion to the objects."""
    settings: Settings = Settings()
    """Normalisation, and the clustering to start from; bandwidth and thresholds are chosen at the end. A base
    model brings its own."""

    @property
    def class_dimensions(self) -> int:
        """Dimensions of the embedding of classes; 0 where the training is of none."""
        loss = self.foreground_loss
        return loss.dimensions if isinstance(loss, ClassCentres) else 0

    def smaller(self) -> Iterator[Self]:
        """The same with half as many crops a step, again and again, for where memory runs out."""
        batch = 2 if self.batch == "auto" else self.batch // 2
        while batch:
            yield self.model_copy(update={"batch": batch})
            batch //= 2

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.minutes is not None and self.steps is not None:
            raise ValueError("give minutes or steps, not both")
        return self
