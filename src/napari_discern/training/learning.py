"""Learning: from labelled images to a model."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from napari_discern.errors import BadArgument, BadFile
from napari_discern.evaluation import Window
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.losses import ClassCentres, Foreground
from napari_discern.model import Model, Settings, enough_memory
from napari_discern.normalise import Normalisation
from napari_discern.progress import Progress, Steps, passed_on
from napari_discern.training.auto import card_for, classes_for, fitted_card, known_classes, layers_for, object_size
from napari_discern.training.checkpoint import restore_checkpoint, save_checkpoint
from napari_discern.training.crops import Example
from napari_discern.training.loop import Loop
from napari_discern.training.parameters import Training
from napari_discern.training.tuning import CHECK, choose, mean_score, pick, windows

log = logging.getLogger(__name__)
BEFORE = ("steps_done", "minutes_done", "base")
"""What a card says of how its base model was trained."""
BEST, LAST = "best", "last"
AUTOSAVE = 60.0
"""Seconds between two checkpoints."""
LEAST = 0.25
"""Least learning rate for a base model, as a share of that from scratch."""
RIM = 1 / 6
"""Width of what counts as background around each object where none is known, as a share of their size."""
FEW = 8
"""Images to choose weights and settings on; where fewer are set aside, some that are learnt from are looked at too."""
Labelled: TypeAlias = Sequence[tuple[Image, Instances]]


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
    data : sequence of (Image, Instances)
        Labelled images of one kind: the same dimensions and channels.
    validation : sequence of (Image, Instances), optional
        Images to choose the best weights and the settings on. Where none are given some of `data` are set aside. Where
        they are few, some of `data` help to choose.
    base : Model, optional
        Model to start from; it brings its architecture and normalisation.
    folder : Path, optional
        Where to keep the best model so far (`BEST`) and a checkpoint of the last minute (`LAST`), so that
        stopping at any time loses nothing.
    resume : bool
        Go on from the checkpoint in `folder`.
    autosave : float
        Seconds between two checkpoints.

    Yields
    ------
    Progress
        Stages "prepare" (one an image), "train" (one a step), "validate" (one a window; the last of a validation has
        the value S_mean) and "choose settings". Those of a step have the values step, embedding and foreground (both
        losses) and now and then those of `Quality`; their `peek` gives the model as it is.

    Returns
    -------
    Model
        The best by mean S(0.5..0.9) on the validation images, with the settings chosen there.

    Raises
    ------
    BadArgument
        If there are no labels, the images differ in dimensions or channels, or a checkpoint in other parameters.
    TrainingFailed
        If the loss is no longer finite.

    Examples
    --------
    >>> from napari_discern.synthetic import Cells
    >>> data = [Cells(size=48)(seed) for seed in range(3)]
    >>> run(train(Training(steps=2, crop=32, batch=1), data)).card.architecture.channels
    1
    """
    data, validation = _split(data, validation, training.seed)
    apart = validation is not data
    if training.unlabelled == "unknown":
        parts = [_grounded([(i, _sparse(t)) for i, t in part]) for part in ((data, validation) if apart else (data,))]
        data, validation = parts[0], parts[-1]
    if base is not None:
        _say_what_is_ignored(training)
        training, base = _as_the_base(training, base), _fitted(base, data)
    normalise = (base.card.settings if base else training.settings).normalise
    layers = layers_for(base.card.architecture.layers if base else training.layers, data)
    classes = known_classes(base.card, data) if base else classes_for(data, layers)
    examples = yield from _prepare(data, normalise, layers, classes)
    seen = windows((yield from _prepare(pick(validation, training.seed), normalise, layers, classes)))
    learnt = windows(examples[: max(0, FEW - len(seen))]) if apart else []
    with enough_memory("there is no room for the network and its optimiser; take a smaller one (--backbone.filters)."):
        card = card_for(training, examples, base)
        loop = Loop.start(training, card, examples, base, (yield from _rate(training, base, [*seen, *learnt])))
    best = _Best(folder)
    if resume:
        yield from best.resume(loop, seen, learnt)
    yield from _descend(loop, best, seen, learnt, autosave)
    model = best.model or loop.model()
    settings, scores = yield from choose(model, seen, loop.deadline, learnt)
    return _finished(model, settings, scores, loop, base)


def _sparse(truth: Instances) -> Instances:
    """The same objects, with nothing known beside them unless it says itself what is."""
    return truth if truth.known is not None else replace(truth, known=truth.foreground)


def _grounded(part: Labelled) -> Labelled:
    """The same where some pixel is known to be background; else the rims of the objects are taken for it.

    Without any background nothing keeps a network from taking all for objects.
    """
    truths = [truth for _, truth in part]
    if any((t.known & ~t.foreground).any() for t in truths if t.known is not None):
        return part
    width = max(2.0, object_size(truths) * RIM)
    log.warning(
        "no pixel is known to be background: a rim of %.0f px around each object is taken for it. Where objects that "
        "are not labelled touch these, paint some background, delete what is no object, or label images whole.", width,
    )  # fmt: skip
    return [(image, truth.rimmed(width)) for image, truth in part]


def _prepare(
    data: Labelled, normalise: Normalisation, layers: int, classes: tuple[str, ...] = ()
) -> Steps[list[Example]]:
    """Look at each image, to normalise it."""
    examples: list[Example] = []
    for image, truth in data:
        yield Progress("prepare", len(examples), len(data))
        examples.append(Example(image, truth, normalise(image), layers, classes))
    return examples


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


@dataclass
class _Best:
    """The best model so far, in memory and in a folder."""

    folder: Path | None
    model: Model | None = None
    score: float = -1.0
    unsaved: str = ""
    """Why the last writing failed; "" if it did not."""
    _written: Model | None = None

    def offer(self, model: Model, reported: float, score: float) -> None:
        """Keep the model if its score is better; its card says what is reported."""
        if score > self.score:
            card = model.card.model_copy(update={"scores": {"S_mean": reported}})
            self.model, self.score = replace(model, card=card), score
            with self._forgiving():
                self._write()

    def save(self, loop: Loop) -> None:
        """Write down where the training is, and the best model if that could not be written before."""
        with self._forgiving():
            self._write()
            if self.folder is not None:
                save_checkpoint(self.folder / LAST, loop)

    def stop(self, loop: Loop) -> None:
        """Write down where the training is; where no model was checked yet, keep the one of the moment."""
        if self.model is None and loop.step:
            self.model = loop.model()
        self.save(loop)

    def _write(self) -> None:
        if self.folder is not None and self.model is not None and self.model is not self._written:
            self.model.save(self.folder / BEST, overwrite=True)
            self._written = self.model

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        """A disk that is full for a while must not cost what was learnt: it is in memory, and tried again later."""
        try:
            yield
            self.unsaved = ""
        except BadFile as error:
            self.unsaved = str(error)
            log.warning("the training goes on, but could not be saved: %s", error)

    def resume(self, loop: Loop, seen: Sequence[Window], learnt: Sequence[Window]) -> Steps[None]:
        """Go on from the folder. Its best model may be newer than the checkpoint, so it is scored anew."""
        if self.folder is None:
            raise BadArgument("to resume a training, name the folder that holds its checkpoint.")
        restore_checkpoint(self.folder / LAST, loop)
        if (self.folder / BEST).is_dir():
            self.model = self._written = Model.load(self.folder / BEST, str(loop.fabric.device))
            _, self.score = yield from _scored(self.model, seen, learnt, Progress("prepare", 0, 1))


def _descend(loop: Loop, best: _Best, seen: Sequence[Window], learnt: Sequence[Window], autosave: float) -> Steps[None]:
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
                score = yield from _validate(loop, best, seen, learnt, progress)
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


def _validate(
    loop: Loop, best: _Best, seen: Sequence[Window], learnt: Sequence[Window], progress: Progress
) -> Steps[float]:
    """Score the model as it is now, on what is seen, and keep it if it is the best on that and what was learnt."""
    model = loop.model()
    reported, score = yield from _scored(model, seen, learnt, replace(progress, stage="validate"))
    log.info("step %d: mean S %.3f on validation images", loop.step, reported)
    best.offer(model, reported, score)
    return reported


def _scored(
    model: Model, seen: Sequence[Window], learnt: Sequence[Window], progress: Progress
) -> Steps[tuple[float, float]]:
    """The mean score of what is seen, and of that with what was learnt; a window yields the progress."""
    scores = []
    for part in (seen, learnt) if learnt else (seen,):
        scores.append((yield from passed_on(mean_score(model, part), lambda _: progress)))
    weights = [min(len(part), CHECK) for part in (seen, learnt) if part]
    return scores[0], float(np.average(scores, weights=weights))


def _split(data: Labelled, validation: Labelled, seed: int) -> tuple[Labelled, Labelled]:
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
