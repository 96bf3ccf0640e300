"""Workplace: the hidden folder in a volume where an unfinished run keeps its plan, its tiles and its lock.

It is the only state of a run. Whatever is in it is whole, so that a run can be taken up after it was killed at any
moment; and other programs see nothing of a result before it is published.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_discern import io
from napari_discern.batch.plan import Plan, refuse_other
from napari_discern.errors import BadFile, DiscernError, OutputExists
from napari_discern.lazy import LazyModule
from napari_discern.normalise import Scaling
from napari_discern.tiles import Bank

if TYPE_CHECKING:
    import filelock
else:
    filelock = LazyModule("filelock")

HIDDEN = ".napari-discern"


@dataclass(frozen=True)
class Workplace:
    """Where a run over one volume keeps what it has.

    Attributes
    ----------
    volume : Path
        The OME-Zarr image.
    label_name : str
        The label image that the run is to write.
    """

    volume: Path
    label_name: str

    @property
    def path(self) -> Path:
        """The folder; it is removed once the result is published."""
        return self.volume / HIDDEN / self.label_name

    @property
    def result(self) -> Path:
        """Where the result is written before it is published."""
        return self.path / "result.zarr"

    @property
    def log(self) -> Path:
        """What happened, a line an event."""
        return self.path / "log.txt"

    @property
    def exists(self) -> bool:
        """Whether a run has begun here that is not finished."""
        return (self.path / "plan.json").is_file()

    @cached_property
    def plan(self) -> Plan:
        """The plan that the run was begun by."""
        return Plan.from_dict(self._stated["plan"], str(self.path))

    @property
    def run(self) -> str:
        """What tells this run from every other; of no use to anybody else."""
        return str(self._stated["run"])

    @cached_property
    def _stated(self) -> dict[str, Any]:
        stated: dict[str, Any] = json.loads((self.path / "plan.json").read_text(encoding="utf-8"))
        return stated

    def begin(self, plan: Plan, resume: bool, overwrite: bool) -> bool:
        """Begin a run, or go on with one; whether there was one.

        Raises
        ------
        OutputExists
            If there is an unfinished run and neither `resume` nor `overwrite` is set, or it was of another plan; if
            there is something else that is not ours.
        """
        self._clear()
        if self.exists and not overwrite:
            if not resume:
                raise OutputExists(
                    f"{self.volume}: an unfinished run for {self.label_name!r} is there. Go on with it (--resume), or "
                    "begin anew (--overwrite)."
                )
            refuse_other(self.plan, plan, self.volume)
            return True
        self.remove()
        with io.atomic(self.path) as begun:
            for frame in range(plan.count):
                (begun / "tiles" / f"{frame:06d}").mkdir(parents=True)
            _write(begun / "plan.json", {"run": uuid.uuid4().hex, "plan": plan.model_dump(mode="json")})
        self._clear()
        return False

    def bank(self, frame: int) -> Bank:
        """What the tiles of a frame have found."""
        return Bank(self.path / "tiles" / f"{frame:06d}", self.plan.grid)

    def scaling(self, frame: int) -> Scaling:
        """How a frame is normalised, as it was settled."""
        stated = json.loads(self._settled(self.plan.place(frame)["t"]).read_text(encoding="utf-8"))
        offset, scale = (np.array(stated[name], np.float32) for name in ("offset", "scale"))
        return Scaling(offset, scale, stated["cofactor"])

    def settle(self, time: int, normalise: Callable[[], Scaling]) -> None:
        """Keep how a time point is normalised, so that all its tiles are alike; what was settled before stays."""
        if not self._settled(time).is_file():
            scaling = normalise()
            stated = {"offset": scaling.offset.tolist(), "scale": scaling.scale.tolist(), "cofactor": scaling.cofactor}
            _write(self._settled(time), stated)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs away from this volume. A lock ends with its process, however that ends.

        Raises
        ------
        OutputExists
            If another run is at work.
        """
        lock = self.volume / HIDDEN / "lock"
        lock.parent.mkdir(exist_ok=True)
        try:
            with filelock.FileLock(lock, timeout=0):
                try:
                    yield
                finally:
                    lock.unlink(missing_ok=True)
        except filelock.Timeout:
            raise OutputExists(
                f"{self.volume}: another run is at work on this volume. Wait for it, or stop it."
            ) from None
        with suppress(OSError):
            lock.parent.rmdir()  # where nothing else is in it

    def remove(self) -> None:
        """Remove the folder. It is put out of the way first, so that what is left of it is no unfinished run.

        Raises
        ------
        OutputExists
            If it is none of ours: without the plan of a run, it holds files.
        """
        if self.path.exists():
            if not self.exists and any(not path.is_dir() for path in self.path.rglob("*")):
                raise OutputExists(
                    f"{self.path} is where an unfinished run is kept, and holds what we have not written; nothing was "
                    "done. Move it away, or choose another --label-name."
                )
            self.path.rename(self.path.with_name(f".{self.label_name}.{uuid.uuid4().hex[:12]}.removed"))
        self._remove_rest()

    def _remove_rest(self) -> None:
        for gone in self.path.parent.glob(f".{self.label_name}.{'[0-9a-f]' * 12}.removed"):
            shutil.rmtree(gone, ignore_errors=True)

    def _clear(self) -> None:
        """Forget what was read, and remove what earlier runs left."""
        for name in ("plan", "_stated"):
            self.__dict__.pop(name, None)
        self._remove_rest()

    def _settled(self, time: int) -> Path:
        return self.path / f"scaling_{time:06d}.json"


@contextmanager
def writing(volume: Path) -> Iterator[None]:
    """Say which volume could not be written to, and what to do.

    Raises
    ------
    BadFile
        If the disk is full or the volume is not ours to write.
    """
    try:
        yield
    except DiscernError:
        raise
    except OSError as error:
        raise BadFile(
            f"{volume} could not be written to ({error}). What is done is kept: make room or get the right to write "
            "there, and go on with --resume."
        ) from error


def _write(path: Path, stated: dict[str, Any]) -> None:
    """Write JSON that is there whole or not at all."""
    with io.atomic(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(stated, indent=1), encoding="utf-8")
