"""Task: what is to be done with each of many volumes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from napari_discern import io
from napari_discern.batch.crew import Crew
from napari_discern.batch.estimate import Estimate, estimate, fitting_tile
from napari_discern.batch.inputs import Source, convert
from napari_discern.batch.plan import Plan, plan
from napari_discern.batch.report import VolumeReport
from napari_discern.batch.settings import Batch, bytes_of
from napari_discern.batch.tile import ModelFinder
from napari_discern.batch.volume import Job, label_volume
from napari_discern.batch.workplace import Workplace
from napari_discern.errors import BadFile
from napari_discern.model import Card, read_card, zoo
from napari_discern.progress import Progress, Steps, run
from napari_discern.segmentation import Recipe, check_weights, in_smaller_tiles

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """Label volumes by one recipe.

    Attributes
    ----------
    recipe : Recipe
        How objects are found.
    batch : Batch
        Where, with how much memory, and under which name.
    resume, overwrite : bool
        Whether to go on with unfinished runs; whether to replace what is there.
    """

    recipe: Recipe
    batch: Batch
    resume: bool = False
    overwrite: bool = False

    @cached_property
    def card(self) -> Card:
        """The card of the model."""
        return read_card(zoo.locate_model(self.recipe.model))

    def label(self, source: Source, crew: Crew) -> Steps[VolumeReport]:
        """Label one volume, made from another image first where it is none; see `label_volume`.

        Where memory runs out before much is done it is begun anew with smaller tiles; an unfinished run keeps its own.

        Raises
        ------
        BadArgument
            If the model does not fit the volume.
        OutOfMemory
            If even the smallest tiles do not fit.
        """
        if source.is_converted and not source.volume.exists():
            yield from convert(source)
        yield Progress("plan", 0, 0)
        planned, _ = self._planned(source.volume)

        def labelled(recipe: Recipe) -> Steps[VolumeReport]:
            return label_volume(self._job(source.volume, self._plan(source.volume, recipe)), crew)

        return (yield from in_smaller_tiles(labelled, planned.recipe, self.card))[0]

    def estimate(self, source: Source) -> Estimate:
        """What labelling a volume will take, from two of its tiles; nothing is changed.

        Raises
        ------
        BadFile
            If there is no such file.
        """
        if not io.is_remote(source.path) and not source.path.exists():
            raise BadFile(f"{source.path} does not exist. Check the path.")
        planned, tried = self._planned(source.path)
        return tried or self._try(source.path, planned)

    def job(self, volume: Path) -> Job:
        """What is to be done with a volume; its tiles fit in the memory that may be used."""
        return self._job(volume, self._planned(volume)[0])

    def _job(self, volume: Path, planned: Plan) -> Job:
        return Job(volume, planned, ModelFinder(planned.recipe), self.batch, self.resume, self.overwrite)

    def _planned(self, volume: Path) -> tuple[Plan, Estimate | None]:
        """How a volume is cut, and what it will take where that was tried to find a tile that fits."""
        check_weights(self.recipe.weights_sha256, self.card)
        begun = self._begun(volume)
        planned = self._plan(volume, begun or self.recipe)
        if begun or not self.batch.memory:
            return planned, None
        tried = self._try(volume, planned)
        side = fitting_tile(tried, bytes_of(self.batch.memory))
        if side is None:
            return tried.plan, tried
        planned = self._plan(volume, self.recipe.model_copy(update={"tile": side}))
        log.warning(
            "%s: tiles of %s px with a halo of %s px, so that %s are enough.",
            volume, side, max(planned.halo), self.batch.memory,
        )  # fmt: skip
        return planned, None

    def _begun(self, volume: Path) -> Recipe | None:
        """The recipe with the tiles of a run that is to be gone on with, where those were made to fit then."""
        workplace = Workplace(volume, self.batch.label_name)
        if not (self.resume and workplace.exists):
            return None
        tile = workplace.plan.recipe.tile
        fitted = self.batch.memory or tile in [recipe.tile for recipe in self.recipe.smaller(self.card)]
        return self.recipe.model_copy(update={"tile": tile}) if fitted else None

    def _plan(self, volume: Path, recipe: Recipe) -> Plan:
        return plan(volume, recipe, self.card, self.batch)

    def _try(self, volume: Path, planned: Plan) -> Estimate:
        """What a run will take; of smaller tiles where memory runs out."""

        def tried(recipe: Recipe) -> Steps[Estimate]:
            yield Progress("try two tiles", 0, 0)
            return estimate(volume, self._plan(volume, recipe), ModelFinder(recipe), self.batch.workers)

        return run(in_smaller_tiles(tried, planned.recipe, self.card))[0]
