"""Learning: from labelled images to a model.

The progress has the stages "prepare" (one an image), "train" (one a step), "validate" (one a window; the last of a
validation has the value S_mean) and "choose settings". Those of a step have the values step, embedding and foreground
(both losses) and now and then those of `Quality`; their `peek` gives the model as it is.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_discern.evaluation import Labelled, Window
from napari_discern.losses import ClassCentres, Foreground
from napari_discern.model import Model, Settings, enough_memory
from napari_discern.progress import Steps, begun_anew, passed_on
from napari_discern.training.auto import card_for, classes_for, fitted_card, known_classes, layers_for
from napari_discern.training.best import Best
from napari_discern.training.labelled import (
    grounded,
    prepare,
    set_aside,  # noqa: F401  scripts of version 0.1 take it from here
    split,
)
from napari_discern.training.loop import Loop
from napari_discern.training.parameters import Training
from napari_discern.training.tuning import choose, mean_score, pick, windows

log = logging.getLogger(__name__)
BEFORE = ("steps_done", "minutes_done", "base")
"""What a card says of how its base model was trained."""
AUTOSAVE = 60.0
"""Seconds between two checkpoints."""
LEAST = 0.25
"""Least learning rate for a base model, as a share of that from scratch."""
FEW = 8
"""Images to choose weights and settings on; where fewer are set aside, some that are learnt from are looked at too."""


def train(
    training: Training,
    data: Labelled,
    validation: Labelled = (),
    base: Model | None = None,
    folder: Path | None = None,
    resume: bool = False,
    autosave: float = AUTOSAVE,
) -> Steps[Model]:
    """Train a model on labelled images.

    Parameters
    ----------
    training : Training
        How to train.
    data, validation : sequence of (Image, Instances)
        Images of the same dimensions and channels, to learn from, and to choose the best weights and the settings on.
        For the latter some of `data` are set aside where there are none, and some help where there are few.
    base : Model, optional
        Model to start from; it brings its architecture and normalisation.
    folder : Path, optional
        Where to keep the best model so far (`BEST`) and a checkpoint (`LAST`), so that stopping loses nothing.
    resume, autosave : bool, float
        Go on from the checkpoint in `folder`; seconds between two checkpoints.

    Returns
    -------
    Model
        The best by mean S(0.5..0.9) on the validation images, with the settings chosen there.

    Raises
    ------
    BadArgument, TrainingFailed, OutOfMemory
        If images, labels or a checkpoint do not fit; if the loss is no longer finite; if there is too little memory
        even for smaller batches, or once something was learnt.
    """
    parts, best, words = split(data, validation, training.seed), Best(folder), "batches of {0.batch}"
    smaller = (less for less in training.smaller() if best.model is None and not resume)
    tried = begun_anew(lambda t: _train(t, parts, base, best, resume, autosave), training, smaller, words)
    return (yield from tried)[0]


def _train(
    training: Training,
    parts: tuple[Labelled, Labelled],
    base: Model | None,
    best: Best,
    resume: bool,
    autosave: float,
) -> Steps[Model]:
    """As `train`, with batches of this very size."""
    loop, seen, learnt = yield from _begin(training, *parts, base)
    best.seen, best.learnt = seen, learnt
    if resume:
        yield from best.resume(loop)
    yield from _descend(loop, best, autosave)
    model = best.model or loop.model()
    settings, scores = yield from choose(model, seen, loop.deadline, learnt)
    return _finished(model, settings, scores, loop, base)


def _begin(
    training: Training, data: Labelled, validation: Labelled, base: Model | None
) -> Steps[tuple[Loop, list[Window], list[Window]]]:
    """A loop to be run, and windows to choose on: of validation images, and of those learnt from if they are few."""
    apart = validation is not data
    if training.unlabelled == "unknown":
        known = [grounded(part) for part in ((data, validation) if apart else (data,))]
        data, validation = known[0], known[-1]
    if base is not None:
        _say_what_is_ignored(training)
        training, base = _as_the_base(training, base), _fitted(base, data)
    normalise = (base.card.settings if base else training.settings).normalise
    layers = layers_for(base.card.architecture.layers if base else training.layers, data)
    classes = known_classes(base.card, data) if base else classes_for(data, layers)
    examples = yield from prepare(data, normalise, layers, classes)
    seen = windows((yield from prepare(pick(validation, training.seed), normalise, layers, classes)))
    learnt = windows(examples[: max(0, FEW - len(seen))]) if apart else []
    with enough_memory("there is no room for the network and its optimiser; take a smaller one (--backbone.filters)."):
        card = card_for(training, examples, base)
        rate = yield from _rate(training, base, [*seen, *learnt])
        return Loop.start(training, card, examples, base, rate), seen, learnt


def _as_the_base(training: Training, base: Model) -> Training:
    """The same training with the foreground loss that fits the base: of the kind that its network was made for."""
    dimensions, asked = base.card.architecture.class_dimensions, training.foreground_loss
    if dimensions == training.class_dimensions:
        return training
    kind = ClassCentres(dimensions=dimensions) if dimensions else Foreground()
    weighed = kind.model_copy(update={"weight": asked.weight})
    return training.model_copy(update={"foreground_loss": weighed})


def _fitted(base: Model, data: Labelled) -> Model:
    """The base model as it looks at objects of the size of these; see `fitted_card`."""
    base.check(data[0][0].channels, len(data[0][0].spatial_axes))
    known, card = base.card, fitted_card(base.card, [truth for _, truth in data])
    if card.architecture == known.architecture:
        return base.with_settings(card.settings)
    fitted = base.with_card(card)
    log.info("the objects are of another size than those of %s, %.0f px: it sees blocks of %d px in place of %d",
        known.name, known.object_size, fitted.card.architecture.stride, known.architecture.stride)  # fmt: skip
    return fitted


def _rate(training: Training, base: Model | None, seen: Sequence[Window]) -> Steps[float]:
    """Highest learning rate; the better a base model does already, the less is to be changed."""
    if base is None:
        return training.learning_rate
    if training.finetune_learning_rate != "auto":
        return training.finetune_learning_rate
    known = yield from passed_on(mean_score(base, seen), lambda step: replace(step, stage="prepare"))
    log.info("the base model reaches mean S %.3f on validation images as it is", known)
    return training.learning_rate * max(LEAST, 1 - known)


def _say_what_is_ignored(training: Training) -> None:
    fixed = (
        "backbone",
        "stride",
        "scales",
        "features",
        "embedding",
        "seeds",
        "layers",
        "coordinate_channels",
        "coordinate_scale",
        "settings",
    )
    ignored = [name for name in fixed if getattr(training, name) != getattr(Training(), name)]
    if ignored:
        log.warning("the base model brings its own %s; what was asked for is ignored.", ", ".join(ignored))


def _descend(loop: Loop, best: Best, autosave: float) -> Steps[None]:
    """Run the loop to its end; validate now and then, and save so often, when stopped and at the end.

    Time is kept for choosing the settings on what is seen and learnt.
    """
    count, saved = loop.training.checks, time.monotonic()
    due = int(loop.fraction() * count) + 1
    try:
        for progress in loop.run():
            yield replace(progress, warning=best.unsaved) if best.unsaved else progress
            if progress.fraction >= due / count:
                begun = time.monotonic()
                score = yield from best.check(loop, progress)
                loop.reserve = 2 * (time.monotonic() - begun)
                due = min(count, int(loop.fraction() * count) + 1)
                yield replace(progress, stage="validate", values={**progress.values, "S_mean": score})
            if time.monotonic() - saved > autosave:
                best.save(loop)
                saved = time.monotonic()
    except GeneratorExit:
        best.stop(loop)
        raise
    best.save(loop)


def _finished(model: Model, settings: Settings, scores: dict[str, float], loop: Loop, base: Model | None) -> Model:
    """The model with a card that says how it came to be."""
    how = loop.training.model_dump(mode="json", exclude_none=True)
    how |= {"steps_done": loop.step, "minutes_done": round((time.monotonic() - loop.started) / 60, 2)}
    if base is not None:
        before = {name: base.card.training[name] for name in BEFORE if name in base.card.training}
        how["base"] = {"name": base.card.name, "weights_sha256": base.card.weights_sha256, **before}
    today = datetime.date.today().isoformat()
    update = {"settings": settings, "scores": scores, "training": how, "created": today}
    return replace(model, card=model.card.model_copy(update=update))
