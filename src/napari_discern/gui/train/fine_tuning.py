"""Teaching: from lessons to a new model of one's own, with a look now and then at what it finds by now."""

from __future__ import annotations

import datetime
import itertools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels

from napari_discern.errors import OutOfMemory
from napari_discern.evaluation import Window, cut_window
from napari_discern.gui.layers.overlays import OVERLAY
from napari_discern.gui.layers.source import LayerSource, place_of
from napari_discern.gui.preferences import preferences
from napari_discern.gui.work.session import Session
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.metrics import Report, Score, score
from napari_discern.model import Model, find_objects, zoo
from napari_discern.progress import Progress, Steps, passed_on
from napari_discern.training import Labelled, train
from napari_discern.training import autosave as rescue

EVERY = 4.0
"""Seconds between two previews."""
SIDE = {2: 512, 3: 64}
"""Pixels along each axis that a preview looks at, at most, by the dimensions of the model."""


@dataclass(frozen=True)
class Screen:
    """A part of an image layer that a model can be tried on: what was shown when the training began."""

    layer: ImageLayer
    image: Image
    box: tuple[slice, ...]

    @classmethod
    def of(cls, source: LayerSource, viewer: object) -> Screen:
        """What the viewer shows of an image now, no larger than a preview may be."""
        box = source.visible(viewer)
        side = SIDE[len(box)]
        small = tuple(slice(b.start, min(b.stop, b.start + side)) for b in box)
        return cls(source.layer, source.image(source.current(viewer)), small)

    def labels(self, found: np.ndarray) -> Labels:
        """A layer of what was found, uint32 (*S), where it was found."""
        place = place_of(self.layer, [b.start for b in self.box], found.ndim)
        return Labels(found, name="preview", opacity=0.5, metadata={OVERLAY: True}, **place)


@dataclass(frozen=True)
class Preview(Progress):
    """Progress with the objects that the model finds by now in what was on screen, uint32 (*S)."""

    labels: np.ndarray | None = None
    screen: Screen | None = None


@dataclass(frozen=True, eq=False)
class Looked:
    """What a model makes of a lesson: of a large image, of a part of it.

    Attributes
    ----------
    scores : mapping of str to Score
        By image, the worst first.
    worst : tuple of (str, Window, Instances) or None
        Name, pixels and truth, and what was found, of the first of these.
    """

    scores: Mapping[str, Score] = field(default_factory=dict)
    worst: tuple[str, Window, Instances] | None = None

    @property
    def total(self) -> float:
        """S(0.5) of all objects together; -1 where nothing was looked at."""
        return float(Report(dict(self.scores)).pooled.S[0.5]) if self.scores else -1.0


@dataclass(frozen=True, eq=False)
class Taught:
    """A new model and its base, and what they make of the images set aside, or else of all; nothing without a base."""

    name: str
    model: Model
    base: str | None
    before: Looked
    after: Looked


def teach(session: Session, plan: rescue.Plan, screen: Screen | None = None, resume: bool = False) -> Steps[Taught]:
    """Train as planned, with smaller batches where memory runs out, and save the model among one's own.

    Parameters
    ----------
    plan : rescue.Plan
        Kept until the model is saved, so that it can be gone on with.
    screen : Screen, optional
        Where to try the model every few seconds.
    resume : bool
        Go on with the training of this plan that was left.

    Raises
    ------
    OutOfMemory
        If even one crop at a time does not fit, or when going on with a training.
    """
    training, data = plan.training, plan.data
    own = plan.validation or data
    session.kept = ""
    start = (yield from session.model(plan.base, training.device)) if plan.base else None
    before = (yield from _look(start, own)) if start is not None else Looked()
    if not resume:
        _keep_best()  # of a training that was left
        rescue.begin(plan)
    base, autosave = start.card.name if start else "model", preferences().autosave
    steps = train(training, data, plan.validation, start, rescue.folder(), resume=resume, autosave=autosave)
    try:
        model = yield from (_with_preview(steps, screen) if screen is not None else steps)
    except GeneratorExit:
        session.kept = _keep_best()
        raise
    except OutOfMemory:
        fewer = 2 if training.batch == "auto" else training.batch // 2
        if fewer < 1 or resume or rescue.best() is not None:
            raise
        yield Progress(f"memory ran out; batches of {fewer}", 0, 0)
        smaller = replace(plan, training=training.model_copy(update={"batch": fewer}))
        return (yield from teach(session, smaller, screen))
    session.kept, saved = keep(model, base, f"{sum(t.n for _, t in data)} own objects")
    rescue.clear()
    after = yield from _look(saved, own)
    return Taught(session.kept, saved, plan.base, before, after)


def _keep_best() -> str:
    """Save the best model of a training that did not come to its end, and forget that; its name, "" without one."""
    best = rescue.best()
    if best is None and rescue.is_left():
        return ""  # it could not be written; there is a checkpoint to go on from
    name = keep(best, best.card.name)[0] if best is not None else ""
    rescue.clear()
    return name


def keep(model: Model, base: str, data: str | None = None) -> tuple[str, Model]:
    """Save a model among one's own, by its base and the date, and return its name and it."""
    stem = f"{base.split(' ', maxsplit=1)[0]} {datetime.date.today().isoformat()}"
    names = itertools.chain([stem], (f"{stem} {k}" for k in itertools.count(2)))
    name = next(n for n in names if not (zoo.own_models() / n).exists())
    card = model.card.model_copy(update={"name": name, **({"data": data} if data else {})})
    return name, replace(model, card=card).save(zoo.own_models() / name)


def _with_preview(steps: Steps[Model], screen: Screen) -> Steps[Model]:
    """The same pipeline, which shows now and then what the model finds on screen, as long as there is memory."""
    patch: np.ndarray | None = None
    last = time.monotonic()

    def seen(progress: Progress) -> Progress:
        nonlocal patch, last
        if progress.peek is None or time.monotonic() - last <= EVERY:
            return progress
        model = progress.peek()
        settings = model.card.settings
        if patch is None:
            patch = settings.normalise(screen.image)(screen.image.read(screen.box))
        try:
            labels = Instances.from_layers(find_objects(model.embed(patch), settings)).planes[0]
        except OutOfMemory:
            last = math.inf  # the training has the memory; that is no reason to stop it
            return progress
        last = time.monotonic()
        p = progress
        return Preview(p.stage, p.done, p.total, p.values, warning=p.warning, labels=labels, screen=screen)

    return passed_on(steps, seen)


def _look(model: Model, data: Labelled) -> Steps[Looked]:
    """What a model makes of what is known of the lessons."""
    scores: dict[str, Score] = {}
    worst, settings = None, model.card.settings
    for k, (image, truth) in enumerate(data):
        yield Progress("score", k, len(data))
        window = cut_window(image, truth, settings.normalise(image))
        found = Instances.from_layers(find_objects(model.embed(window.patch), settings))
        name = image.name if image.name not in scores else f"{image.name} ({k + 1})"
        scores[name] = score(found, window.truth)
        if min(scores.values(), key=_worth) is scores[name]:
            worst = name, window, found
    return Looked(dict(sorted(scores.items(), key=lambda item: _worth(item[1]))), worst)


def _worth(one: Score) -> tuple[float, float]:
    return one.S[0.5], one.S_mean
