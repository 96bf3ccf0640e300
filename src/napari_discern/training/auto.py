"""Auto: what is read from labelled images where parameters are left at "auto", and the card that comes of it."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from napari_discern.image import Image
from napari_discern.instances import Instances, class_names
from napari_discern.model import Architecture, Card, Model, Tone
from napari_discern.training.crops import Example
from napari_discern.training.parameters import Training

log = logging.getLogger(__name__)
LOOKED_AT = 10
"""Images, and objects in each, that are looked at to say how objects stand out."""
CLEAR = 0.9
"""Share of the objects that must stand out in one way."""
MIDDLING, LARGE = 10, 40
"""Width of objects, in pixels, from which on the network looks at blocks of two pixels, and of four."""
TAUS = (0.25, 0.5, 0.75, 0.9)
"""Similarities at which the masks of seeds are judged (Fathi et al. 2017, section 3.4)."""
ALIKE = 1.5
"""Objects up to so many times as large or small as those that a base model knows are alike to it."""
RARE = 1e-3
"""Share of the foreground that must be shared for objects to be told apart there."""


def object_size(truths: Sequence[Instances]) -> float:
    """Median over the objects of their longest side, in pixels of the finest axis."""
    sides = [
        max((s.stop - s.start) * r / min(truth.spacing) for s, r in zip(box, truth.spacing, strict=True))
        for truth in truths
        for _, box, _ in truth.masks()
    ]
    return float(np.median(sides)) if sides else 30.0


def stride_for(truths: Sequence[Instances]) -> int:
    """Side of the blocks of pixels that suits the objects: 1, 2 or 4, by the width of the median one.

    The width is the root of an object's size, of long thin ones less than their length. On objects of 38 pixels blocks
    of two did best (docs/accuracy.md); from where one pixel a block is better has not been measured.
    """
    voxels = np.concatenate([t.areas * math.prod(r / min(t.spacing) for r in t.spacing) for t in truths])
    width = np.median(voxels) ** (1 / len(truths[0].shape)) if len(voxels) else 0.0
    return 1 + int(width >= MIDDLING) + 2 * int(width >= LARGE)


def fitted_card(card: Card, truths: Sequence[Instances]) -> Card:
    """The card of a base model that is to look at these objects as it does at those that it knows.

    Where they are of another size, coordinates that are added to the embedding are in proportion, and the blocks of
    pixels are those that suit them. The smallest object is in proportion.

    Parameters
    ----------
    card : Card
        Of the base model.
    truths : sequence of Instances
        The objects.
    """
    size, a = object_size(truths), card.architecture
    ratio, stride = size / card.object_size, max(stride_for(truths), min(a.stride, 2))
    if 1 / ALIKE < ratio < ALIKE:
        stride = a.stride
    elif a.coordinate_scale is not None:
        a = a.model_copy(update={"coordinate_scale": a.coordinate_scale * ratio})
    if max(stride, a.stride) % min(stride, a.stride) == 0:
        a = a.model_copy(update={"stride": stride})
    settings = card.settings.model_copy(update={"min_size": card.least_size(size)})
    return card.model_copy(update={"architecture": a, "settings": settings})


def tone_of(examples: Sequence[Example]) -> Tone | None:
    """How nine in ten of some objects differ from what lies in their boxes beside them; None if they do not."""
    brighter: list[bool] = []
    for example in examples[:: max(1, len(examples) // LOOKED_AT)]:
        if example.image.channels > 1:
            return None
        objects, foreground = list(example.truth.masks()), example.truth.foreground
        for _, box, mask in objects[:: max(1, len(objects) // LOOKED_AT)]:
            ground = ~foreground[box]
            if ground.any():
                pixels = example.image.read(box)[0]
                brighter.append(bool(np.median(pixels[mask]) > np.median(pixels[ground])))
    share = np.mean(brighter) if brighter else 0.5
    return "bright on dark" if share >= CLEAR else "dark on bright" if share <= 1 - CLEAR else None


def least_size(truths: Sequence[Instances]) -> int:
    """A twentieth of the median object, in pixels: what is smaller is no object, until the settings are chosen."""
    areas = np.concatenate([truth.areas for truth in truths])
    return int(np.median(areas) / 20) if len(areas) else 0


def layers_for(asked: int | Literal["auto"], data: Sequence[tuple[Image, Instances]]) -> int:
    """How many objects may share a pixel: as asked, or as many as do, up to three, but for a thousandth of all."""
    counts = [truth.coverage for _, truth in data]
    most = max(map(len, counts))
    beyond = np.sum([np.pad(c, (0, most - len(c))) for c in counts], axis=0)[::-1].cumsum()[::-1]
    shown = max([1, *(k for k in (2, 3) if k < most and beyond[k] > RARE * beyond[1])])
    layers = shown if asked == "auto" else asked
    if layers + 1 < most and beyond[layers + 1]:
        log.warning(
            "%d pixels bear more than %d object(s), %.1f %% of the foreground; which they are is not learnt there.",
            int(beyond[layers + 1]), layers, float(100 * beyond[layers + 1] / beyond[1]),
        )  # fmt: skip
    return layers


def classes_for(data: Sequence[tuple[Image, Instances]], layers: int) -> tuple[str, ...]:
    """The semantic classes that the labels name; empty where there are not several, or objects share pixels."""
    named = class_names([truth for _, truth in data])
    if len(named) > 1 and layers > 1:
        log.warning("objects share pixels; that they are of the classes %s is not learnt.", ", ".join(named))
    return named if len(named) > 1 and layers == 1 else ()


def known_classes(card: Card, data: Sequence[tuple[Image, Instances]]) -> tuple[str, ...]:
    """The semantic classes that a base model knows."""
    named = class_names([truth for _, truth in data])
    new = [name for name in named if name not in card.classes]
    if len(named) > 1 and new:
        log.warning("%s does not know the classes %s; train from scratch to learn them.", card.name, ", ".join(new))
    return card.classes


def card_for(training: Training, examples: Sequence[Example], base: Model | None) -> Card:
    """The card of the model to be: from the base model, or from the images."""
    truths = [e.truth for e in examples]
    size, tone = object_size(truths), tone_of(examples)
    if base is not None:
        return base.card.model_copy(update={"object_size": size, "tone": tone, "scores": {}, "weights_sha256": ""})
    image = examples[0].image
    scale = training.coordinate_scale
    architecture = Architecture(
        ndim=2 if len(image.spatial_axes) == 2 else 3,
        channels=image.channels,
        backbone=training.backbone,
        stride=stride_for(truths) if training.stride == "auto" else training.stride,
        features=training.features,
        embedding=training.loss.dimensions if training.embedding == "auto" else training.embedding,
        layers=examples[0].layers,
        classes=max(1, len(examples[0].classes)),
        class_dimensions=training.class_dimensions,
        scales=training.scales,
        taus=TAUS if training.seeds else (),
        coordinate_channels=training.coordinate_channels,
        coordinate_scale=max(2.0, size / 4) if scale == "auto" else None if scale == "off" else scale,
        spacing=image.spacing,
    )
    least = training.settings.min_size or least_size(truths)
    settings = training.settings.model_copy(update={"min_size": least})
    classes = examples[0].classes
    return Card(architecture=architecture, settings=settings, object_size=size, classes=classes, tone=tone)
