"""Autosave: what a training keeps on disk, to go on after its process is gone.

Each training has a folder of its own, with a mark that we wrote it, and beside it a lock that is held while it runs;
the system lets go of that with the process, however it ends. Of a folder only what we write is ever removed.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_discern.errors import BadFile, DiscernError, OutputExists
from napari_discern.evaluation import Labelled
from napari_discern.image import Image
from napari_discern.instances import CLASS, Instances
from napari_discern.io import BEGUN, remove_ours, strangers
from napari_discern.lazy import LazyModule
from napari_discern.model import MODEL_FILES, Model, zoo
from napari_discern.training.best import BEST, LAST
from napari_discern.training.checkpoint import CHECKPOINT_FILES
from napari_discern.training.parameters import Training

if TYPE_CHECKING:
    import filelock
else:
    filelock = LazyModule("filelock")

FOLDER = ".trainings"
"""Where, among the user's own models, the folders of trainings are; no model is ever looked for in it."""
MARK, PLAN, ABOUT, LEARN, CHECK = ".napari-discern-training", "plan.json", "about.json", "learn-", "check-"
_PARTS = ((BEST, MODEL_FILES), (LAST, CHECKPOINT_FILES))
LEARNT = (BEGUN, *(f"{part}/{file}" for part, files in _PARTS for file in ("", *files)))
"""What `train` writes into its folder, as patterns of `io.strangers`."""
_PAIR = ("", ABOUT, "image.npy", "planes.npy", "known.npy")
WRITTEN = (MARK, PLAN, *LEARNT, *(f"{kind}{'[0-9]' * 4}/{file}" for kind in (LEARN, CHECK) for file in _PAIR))
"""All that a training is saved in."""


@dataclass(frozen=True)
class SavedTraining:
    """A training as it was begun.

    Attributes
    ----------
    training : Training
    base : str or None
        Model that it started from.
    data, validation : sequence of (Image, Instances)
        What is learnt from, and what the model is checked on.
    """

    training: Training
    base: str | None
    data: Labelled
    validation: Labelled = ()


@dataclass(frozen=True, eq=False)
class Autosave:
    """The folder of one training, to be handed to `train`, and the lock that says that it runs.

    Attributes
    ----------
    folder : Path
        Where the training keeps its best model, its last checkpoint, and what it was begun with.
    """

    folder: Path

    @classmethod
    def begin(cls, saved: SavedTraining) -> Self:
        """Write down what is about to be trained, in a folder of its own that is held until `clear` or `release`.

        Raises
        ------
        BadFile
            If the disk is full or read-only.
        """
        new = cls(_home() / f"{datetime.now():%Y-%m-%d-%H%M%S}-{uuid.uuid4().hex[:12]}")
        new.claim()
        try:
            new._write(saved)
        except OSError as error:
            new.clear()
            raise BadFile(
                f"{new.folder} could not be written ({error}). Check that the disk has room and that you may write "
                "there."
            ) from error
        return new

    @classmethod
    def left(cls) -> list[Self]:
        """The trainings that can go on and that no process runs any more, the newest first."""
        return [one for one in cls._abandoned() if one.can_go_on]

    @classmethod
    def remains(cls) -> list[Self]:
        """Those that no process runs any more and that cannot go on, since they were ended before a checkpoint."""
        return [one for one in cls._abandoned() if not one.can_go_on]

    @classmethod
    def _abandoned(cls) -> Iterator[Self]:
        found = [cls(mark.parent) for mark in _home().glob(f"*/{MARK}")]
        old = zoo.own_models().parent / "training"  # where version 0.1 had the only one, without a mark
        if (old / PLAN).is_file() and not old.is_symlink() and not strangers(old, WRITTEN):
            found.append(cls(old))
        for one in sorted(found, key=lambda one: one.begun, reverse=True):
            with suppress(BadFile, OutputExists):
                one.claim()
                one.release()
                yield one

    @property
    def can_go_on(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return (self.folder / PLAN).is_file() and (self.folder / LAST).is_dir()

    @property
    def begun(self) -> datetime:
        """When the training was begun."""
        file = next((f for f in (self.folder / PLAN, self.folder) if f.exists()), None)
        return datetime.fromtimestamp(file.stat().st_mtime if file else 0)

    @property
    def images(self) -> list[str]:
        """The names of the images that are learnt from, as far as they can be read."""
        names = []
        for file in sorted(self.folder.glob(f"{LEARN}*/{ABOUT}")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                names.append(str(json.loads(file.read_text(encoding="utf-8"))["name"]))
        return names

    def read(self) -> SavedTraining:
        """The training as it was begun.

        Raises
        ------
        BadFile
            If something of it is missing or cut off.
        """
        try:
            plan = json.loads((self.folder / PLAN).read_text(encoding="utf-8"))
            data, validation = (
                [_read_pair(p) for p in sorted(self.folder.glob(f"{kind}[0-9]*"))] for kind in (LEARN, CHECK)
            )
            return SavedTraining(Training.from_dict(plan["training"], PLAN), plan["base"], data, validation)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadFile(f"the training left in {self.folder} cannot go on ({error}); discard it.") from error

    def best(self) -> Model | None:
        """The best model so far; None where there is none."""
        try:
            return Model.load(self.folder / BEST, "cpu")
        except DiscernError:
            return None

    def claim(self) -> None:
        """Keep others away from it, until `release` or the end of this process.

        Raises
        ------
        OutputExists
            If it runs elsewhere: in another viewer, also of this process.
        BadFile
            If nothing can be written there.
        """
        try:
            _home().mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise OutputExists(f"the training in {self.folder} goes on elsewhere; wait for it, or stop it.") from None
        except OSError as error:
            raise BadFile(f"{self.folder} could not be written ({error}).") from error

    def release(self) -> None:
        """Leave it to whoever wants to go on with it."""
        self._lock.release(force=True)

    def clear(self) -> None:
        """Forget the training: remove what we wrote of it.

        Raises
        ------
        OutputExists
            If it runs elsewhere.
        """
        self.claim()
        try:
            if (self.folder / MARK).is_file() or not strangers(self.folder, WRITTEN):  # the latter of version 0.1
                remove_ours(self.folder, WRITTEN)
            with suppress(OSError):  # where open files cannot be removed
                Path(self._lock.lock_file).unlink()
        finally:
            self.release()
        with suppress(OSError):
            _home().rmdir()  # where nothing else is in it

    @cached_property
    def _lock(self) -> filelock.BaseFileLock:
        return filelock.FileLock(_home() / f"{self.folder.name}.lock", thread_local=False)

    def _write(self, saved: SavedTraining) -> None:
        self.folder.mkdir()
        (self.folder / MARK).write_text("Written by napari-discern, which removes it when the training has ended.\n")
        for kind, pairs in ((LEARN, saved.data), (CHECK, saved.validation)):
            for number, (image, truth) in enumerate(pairs):
                _write_pair(self.folder / f"{kind}{number:04d}", image, truth)
        words = {"training": saved.training.model_dump(mode="json"), "base": saved.base}
        (self.folder / PLAN).write_text(json.dumps(words), encoding="utf-8")


def _home() -> Path:
    return zoo.own_models() / FOLDER


def _write_pair(part: Path, image: Image, truth: Instances) -> None:
    part.mkdir()
    arrays: dict[str, Any] = {"image": image.read(), "planes": truth.planes, "known": truth.known}
    for name, array in arrays.items():
        if array is not None:
            np.save(part / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
    about: dict[str, Any] = {"axes": "c" + image.spatial_axes, "spacing": image.spacing, "unit": image.unit}
    about |= {"name": image.name, "classes": None if truth.classes is None else truth.classes.tolist()}
    (part / ABOUT).write_text(json.dumps(about), encoding="utf-8")


def _read_pair(part: Path) -> tuple[Image, Instances]:
    about = json.loads((part / ABOUT).read_text(encoding="utf-8"))
    pixels, planes = (np.load(part / f"{name}.npy", allow_pickle=False) for name in ("image", "planes"))
    known = np.load(part / "known.npy", allow_pickle=False) if (part / "known.npy").is_file() else None
    image = Image(pixels, about["axes"], tuple(about["spacing"]), about["unit"], about["name"])
    measures = {} if about.get("classes") is None else {CLASS: np.array(about["classes"], dtype=str)}
    return image, Instances(planes, image.spatial_axes, image.spacing, image.unit, measures, known)
