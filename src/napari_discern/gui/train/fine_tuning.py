"""Fine-tuning: from lessons to a new model of one's own, and what it scores on them."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from napari_discern.errors import OutputExists
from napari_discern.evaluation import Window, score_windows
from napari_discern.gui.preferences import preferences
from napari_discern.gui.train.preview import PreviewBox, with_preview
from napari_discern.gui.work.session import Session
from napari_discern.instances import Instances
from napari_discern.metrics import Report, Score
from napari_discern.model import Model, zoo
from napari_discern.progress import Steps
from napari_discern.training import Autosave, Labelled, SavedTraining, train


@dataclass(frozen=True, eq=False)
class ImageScores:
    """What a model makes of the images of lessons: of a large one, of a part of it.

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
class FineTuned:
    """A new model and its base, and what they make of the images set aside, or else of all; nothing without a base."""

    name: str
    model: Model
    base: str | None
    before: ImageScores
    after: ImageScores


def fine_tune(
    session: Session, saved: SavedTraining, preview: PreviewBox | None = None, left: Autosave | None = None
) -> Steps[FineTuned]:
    """Train, and save the model among one's own.

    Parameters
    ----------
    saved : SavedTraining
        What to do. It is kept on disk until the model is saved, so that it can be gone on with.
    preview : PreviewBox, optional
        Where to try the model every few seconds.
    left : Autosave, optional
        The same training, that was left, to go on with.

    Raises
    ------
    OutOfMemory
        As `train`.
    OutputExists
        If another viewer goes on with it already.
    """
    own = saved.validation or saved.data
    session.kept = ""
    start = (yield from session.model(saved.base, saved.training.device)) if saved.base else None
    before = (yield from _look(start, own)) if start is not None else ImageScores()
    model = yield from _learn(session, saved, start, preview, left)
    after = yield from _look(model, own)
    return FineTuned(session.kept, model, saved.base, before, after)


def _learn(
    session: Session, saved: SavedTraining, start: Model | None, preview: PreviewBox | None, left: Autosave | None
) -> Steps[Model]:
    """Train in the folder of an autosave, and clear that when the model, or the best of what was stopped, is saved."""
    kept, resume = _claimed(saved, left), left is not None
    seconds = preferences().autosave
    steps = train(saved.training, saved.data, saved.validation, start, kept.folder, resume=resume, autosave=seconds)
    try:
        model = yield from (with_preview(steps, preview) if preview is not None else steps)
        base = start.card.name if start else "model"
        session.kept, model = keep(model, base, f"{sum(t.n for _, t in saved.data)} own objects")
        kept.clear()
        return model
    except GeneratorExit:
        session.kept = _keep_best(kept)
        raise
    finally:
        kept.release()


def _claimed(saved: SavedTraining, left: Autosave | None) -> Autosave:
    """Where a training is kept: where it was left, or a new folder."""
    if left is None:
        _keep_what_remains()
        return Autosave.begin(saved)
    left.claim()
    return left


def _keep_what_remains() -> None:
    """Save the best of trainings that were ended so early that they cannot go on, and forget these."""
    for gone in Autosave.remains():
        with suppress(OutputExists):
            gone.claim()
            _keep_best(gone)
            gone.release()


def _keep_best(autosave: Autosave) -> str:
    """Save the best model of a training that did not come to its end, and forget that; its name, "" without one."""
    best = autosave.best()
    if best is None and autosave.can_go_on:
        return ""  # it could not be written; there is a checkpoint to go on from
    name = keep(best, best.card.name)[0] if best is not None else ""
    autosave.clear()
    return name


def keep(model: Model, base: str, data: str | None = None) -> tuple[str, Model]:
    """Save a model among one's own, by its base and the date, and return its name and it."""
    stem = f"{base.split(' ', maxsplit=1)[0]} {datetime.date.today().isoformat()}"
    names = itertools.chain([stem], (f"{stem} {k}" for k in itertools.count(2)))
    name = next(n for n in names if not (zoo.own_models() / n).exists())
    card = model.card.model_copy(update={"name": name, **({"data": data} if data else {})})
    return name, replace(model, card=card).save(zoo.own_models() / name)


def _look(model: Model, data: Labelled) -> Steps[ImageScores]:
    """What a model makes of what is known of the lessons."""
    return ImageScores(*(yield from score_windows(model, data)))
