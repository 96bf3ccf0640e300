"""Best: the best model so far of a training, in memory and in a folder, beside a checkpoint of where it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_discern.errors import BadArgument, BadFile
from napari_discern.evaluation import Window
from napari_discern.io import refuse_foreign
from napari_discern.model import MODEL_FILES, Model
from napari_discern.progress import Progress, Steps, passed_on
from napari_discern.training.checkpoint import CHECKPOINT_FILES, restore_checkpoint, save_checkpoint
from napari_discern.training.loop import Loop
from napari_discern.training.tuning import CHECK, mean_score

log = logging.getLogger(__name__)
BEST, LAST = "best", "last"
"""The folders of both."""


@dataclass
class Best:
    """The best model so far, in memory and in a folder.

    Attributes
    ----------
    folder : Path or None
        Where to keep it, if anywhere.
    seen, learnt : sequence of Window
        Windows of validation images, and of images that are learnt from where those are few; models are scored on both.
    """

    folder: Path | None
    seen: Sequence[Window] = ()
    learnt: Sequence[Window] = ()
    model: Model | None = None
    score: float = -1.0
    unsaved: str = ""
    """Why the last writing failed; "" if it did not."""
    _written: Model | None = None

    def __post_init__(self) -> None:
        if self.folder is not None:
            refuse_foreign(self.folder / BEST, MODEL_FILES)
            refuse_foreign(self.folder / LAST, CHECKPOINT_FILES)

    def check(self, loop: Loop, progress: Progress) -> Steps[float]:
        """Score the model as it is now, and keep it if it is the best; the score on validation images."""
        model = loop.model()
        reported, score = yield from self._scores(model, replace(progress, stage="validate"))
        log.info("step %d: mean S %.3f on validation images", loop.step, reported)
        if score > self.score:
            card = model.card.model_copy(update={"scores": {"S_mean": reported}})
            self.model, self.score = replace(model, card=card), score
            with self._forgiving():
                self._write()
        return reported

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

    def resume(self, loop: Loop) -> Steps[None]:
        """Go on from the folder. Its best model may be newer than the checkpoint, so it is scored anew."""
        if self.folder is None:
            raise BadArgument("to resume a training, name the folder that holds its checkpoint.")
        restore_checkpoint(self.folder / LAST, loop)
        if (self.folder / BEST).is_dir():
            self.model = self._written = Model.load(self.folder / BEST, str(loop.fabric.device))
            _, self.score = yield from self._scores(self.model, Progress("prepare", 0, 1))

    def _scores(self, model: Model, progress: Progress) -> Steps[tuple[float, float]]:
        """The mean score of what is seen, and of that with what was learnt; a window yields the progress."""
        parts = [self.seen, self.learnt] if self.learnt else [self.seen]
        scores = []
        for part in parts:
            scores.append((yield from passed_on(mean_score(model, part), lambda _: progress)))
        return scores[0], float(np.average(scores, weights=[min(len(part), CHECK) for part in parts]))
