"""Loop: the optimisation of a network on crops, one step at a time."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_discern.errors import TrainingFailed
from napari_discern.lazy.torch import torch
from napari_discern.losses import assign
from napari_discern.model import Card, Model, enough_memory, find_device, pick_precision
from napari_discern.progress import Progress
from napari_discern.training.crops import CropBatch, Example, Sampler
from napari_discern.training.parameters import Training

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule
    from torch.optim import Optimizer
    from torch.optim.swa_utils import AveragedModel

    from napari_discern.model.network import EmbeddingNetwork

DEFAULT_MINUTES = 15.0
PIXELS, PIXELS_CPU = 220_000, 40_000
"""Pixels a step where the batch is "auto". On a CPU a step costs what its pixels cost, and many small steps teach more
than few large ones (docs/accuracy.md)."""
LOSSES = ("embedding", "foreground", "seediness")
"""What a step is made of, by name."""
LOOK = 10
"""Steps between two looks at how far the embedding is what the loss wants."""
CHOOSING = 0.05
"""Share of the minutes kept for choosing the settings at the end."""


@dataclass
class Loop:
    """The optimisation: network, optimiser, running average and crops."""

    training: Training
    card: Card
    network: EmbeddingNetwork
    wrapped: _FabricModule
    optimiser: Optimizer
    average: AveragedModel
    fabric: Fabric
    sampler: Sampler
    step: int = 0
    reserve: float = 0.0
    """Seconds to keep for what follows training, where a share of the minutes is less."""
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def start(
        cls, training: Training, card: Card, examples: Sequence[Example], base: Model | None, rate: float
    ) -> Loop:
        """Set up everything on the device, seeded; `rate` is the highest learning rate."""
        from lightning_fabric import Fabric
        from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

        device = find_device(training.device)
        torch.manual_seed(training.seed)
        network = Model.create(card, str(device)).network
        if base is not None:
            network.load_state_dict(base.network.state_dict())
        if device.type == "cpu":  # group norm's gradient is slow there on channels-last features
            network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        network.train()
        average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(training.ema_decay), use_buffers=True)
        heads = list(network.heads.parameters())
        body = list(network.parameters())[: -len(heads)]  # the heads come last
        groups = [{"params": body, "lr": rate * training.body_learning_rate}, {"params": heads, "lr": rate}]
        optimiser = torch.optim.AdamW(groups, lr=rate, weight_decay=training.weight_decay, fused=True)
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it names the precision at every start
        fabric = Fabric(
            accelerator=device.type,
            devices=[device.index or 0] if device.type == "cuda" else 1,
            precision=pick_precision(training.precision, device),
        )
        wrapped, optimiser = fabric.setup(network, optimiser)
        crop = crop_size(training, card, [e.image.spatial_shape for e in examples])
        sampler = Sampler(examples, crop, training.augmentation, training.centred, training.seed)
        return cls(training, card, network, wrapped, optimiser, average, fabric, sampler)

    def run(self) -> Iterator[Progress]:
        """Step until the steps or the minutes are over."""
        rates = [group["lr"] for group in self.optimiser.param_groups]
        done = self.fraction()
        while done < 1:
            warm = min(1.0, (self.step + 1) / max(1, self.training.warmup))
            for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
            with enough_memory("there is too little memory for a training step; lower --batch or --crop."):
                values = self.advance(self.sampler.draw(self.batch))
            self.step += 1
            done = self.fraction()
            yield Progress("train", done, 1.0, {"step": self.step, **values}, self.model)

    def go_on(self, step: int, seconds: float) -> None:
        """Count on from where an interrupted training was, with crops that it has not seen."""
        self.step, self.started = step, time.monotonic() - seconds
        self.sampler.reseed(self.training.seed + step)

    @property
    def batch(self) -> int:
        """Crops a step."""
        if self.training.batch != "auto":
            return self.training.batch
        pixels = PIXELS_CPU if self.fabric.device.type == "cpu" else PIXELS
        return max(1, round(pixels / math.prod(self.sampler.crop)))

    @property
    def deadline(self) -> float:
        """When all must be done, in seconds of `time.monotonic`; infinite where steps are counted."""
        if self.training.steps is not None:
            return math.inf
        return self.started + 60 * (self.training.minutes or DEFAULT_MINUTES)

    def fraction(self) -> float:
        """Share of the training done, by steps or by the clock."""
        if self.training.steps is not None:
            return self.step / self.training.steps
        minutes = self.deadline - self.started
        return (time.monotonic() - self.started) / (minutes - max(CHOOSING * minutes, min(self.reserve, minutes / 4)))

    def advance(self, batch: CropBatch) -> dict[str, float]:
        """One step down the gradient; the losses, by name.

        Raises
        ------
        TrainingFailed
            If a loss is no longer finite.
        """
        t, device = self.training, self.fabric.device
        image, labels, classes = (x.to(device) for x in (batch.image, batch.labels, batch.classes))
        output = self.wrapped(image)
        if self.card.architecture.layers > 1:
            labels = assign(output.embedding, labels)
        instance = t.loss(output.embedding, labels)
        if output.points is not None:
            self.network.record(output.points, classes)
        foreground = t.foreground_loss(output.logits if output.points is None else output.points, classes, labels)
        loss = instance + foreground
        values = {"embedding": instance.item(), "foreground": foreground.item()}
        if output.seeds is not None and (weight := t.seediness.weight_at(self.fraction())):
            taus, kinds = self.card.architecture.taus, classes if self.card.classes else None
            seediness = t.seediness(output.seeds, output.embedding, labels, taus, kinds)
            loss, values["seediness"] = loss + weight * seediness, seediness.item()
        self.optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.fabric.clip_gradients(self.network, self.optimiser, max_norm=1.0, error_if_nonfinite=False)
        self.optimiser.step()
        self.average.update_parameters(self.network)
        if self.step % LOOK == 0:
            values |= t.loss.quality(output.embedding.detach(), labels)._asdict()
        if not all(math.isfinite(values[name]) for name in LOSSES if name in values):
            raise TrainingFailed(
                f"the loss is no longer finite at step {self.step} ({values}); lower the learning rate "
                "(--learning_rate) and look for images with extreme values."
            )
        return values

    def model(self) -> Model:
        """The running average of the weights, as a model of its own."""
        made = Model.create(self.card, str(self.fabric.device))
        made.network.load_state_dict(self.average.module.state_dict())
        return replace(made, precision=self.training.precision)


def crop_size(training: Training, card: Card, shapes: Sequence[Sequence[int]] = ()) -> tuple[int, ...]:
    """Side of a crop along each axis: about eight objects across (four in 3D), physical shape near a cube.

    Large blocks of pixels cost little, so that crops may be larger where the network looks at such; but not larger
    than the median image of these shapes, beyond which there is nothing to learn.

    Parameters
    ----------
    training : Training
        What it asks for, if anything.
    card : Card
        Of the model to be.
    shapes : sequence of (sequence of int)
        Sizes of the images along their spatial axes, in pixels.
    """
    a = card.architecture
    step, low, high = (32, 128, max(256, 96 * a.stride)) if a.ndim == 2 else (16, 32, 64)
    side = training.crop
    if side == "auto":
        side = int(np.clip(round((8 if a.ndim == 2 else 4) * card.object_size / step) * step, low, high))
    spacing = np.array(a.spacing or (1.0,) * a.ndim)
    sides = [round(side * float(r)) for r in spacing.min() / spacing]
    if training.crop == "auto" and len(shapes):
        sides = [min(s, math.ceil(n)) for s, n in zip(sides, np.median(shapes, axis=0), strict=True)]
    return tuple(max(1, -(-s // multiple)) * multiple for s, multiple in zip(sides, a.multiples, strict=True))
