"""Labelled images: which to learn from and which to choose on, and what is known of them."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from napari_discern.errors import BadArgument
from napari_discern.evaluation import Labelled
from napari_discern.normalise import Normalisation
from napari_discern.progress import Progress, Steps
from napari_discern.training.auto import object_size
from napari_discern.training.crops import Example

log = logging.getLogger(__name__)
RIM = 1 / 6
"""Width of what counts as background around each object where none is known, as a share of their size."""


def split(data: Labelled, validation: Labelled, seed: int) -> tuple[Labelled, Labelled]:
    """Images to learn from and to choose on; the very same ones where there are few and none are given to choose on.

    Raises
    ------
    BadArgument
        If there is no image, or they differ in dimensions or channels.
    """
    if not data:
        raise BadArgument("there is no labelled image to train on.")
    kinds = {(len(i.spatial_axes), i.channels) for i, _ in (*data, *validation)}
    if len(kinds) > 1:
        raise BadArgument(f"the images differ in (dimensions, channels): {sorted(kinds)}; train on one kind at a time.")
    proportions = {tuple(round(s / min(i.spacing), 1) for s in i.spacing) for i, _ in data}
    if len(proportions) > 1:
        log.warning("the images differ in the proportions of their pixels: %s; the first counts.", sorted(proportions))
    if validation:
        return data, validation
    if len(data) < 5:
        log.warning("only %d labelled image(s): weights and settings are chosen on these themselves.", len(data))
        return data, data
    aside = set_aside(len(data), seed)
    log.info("%d of %d images are set aside for validation.", len(aside), len(data))
    return [pair for k, pair in enumerate(data) if k not in aside], [data[k] for k in aside]


def set_aside(count: int, seed: int) -> list[int]:
    """Which of so many images are set aside for validation where nobody says so: a tenth, of fewer than five none."""
    if count < 5:
        return []
    return sorted(np.random.default_rng(seed).permutation(count)[: max(1, round(0.1 * count))].tolist())


def grounded(part: Labelled) -> Labelled:
    """The same, with nothing known beside the objects unless labels say what is; if none do, rims are background.

    Without any background nothing keeps a network from taking all for objects.
    """
    part = [(i, t if t.known is not None else replace(t, known=t.foreground)) for i, t in part]
    truths = [truth for _, truth in part]
    if any((t.known & ~t.foreground).any() for t in truths if t.known is not None):
        return part
    width = max(2.0, object_size(truths) * RIM)
    log.warning(
        "no pixel is known to be background: a rim of %.0f px around each object is taken for it. Where objects that "
        "are not labelled touch these, paint some background, delete what is no object, or label images whole.", width,
    )  # fmt: skip
    return [(image, truth.rimmed(width)) for image, truth in part]


def prepare(
    data: Labelled, normalise: Normalisation, layers: int, classes: tuple[str, ...] = ()
) -> Steps[list[Example]]:
    """Look at each image, to normalise it."""
    examples: list[Example] = []
    for image, truth in data:
        yield Progress("prepare", len(examples), len(data))
        examples.append(Example(image, truth, normalise(image), layers, classes))
    return examples
