"""Workplace: the hidden folder in a volume where an unfinished run keeps its plan, its tiles and its lock.

It is the only state of a run. Whatever is in it is whole, so that a run can be taken up after it was killed at any
moment; and other programs see nothing of a result before it is published.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_discern.batch.plan import Plan, refuse_other
from napari_discern.errors import BadFile, OutputExists
from napari_discern.lazy import LazyModule
from napari_discern.normalise import Scaling
from napari_discern.tiles import Bank

if TYPE_CHECKING:
    import zarr
else:
    zarr = LazyModule("zarr")

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
        return Plan.from_dict(json.loads((self.path / "plan.json").read_text(encoding="utf-8")), str(self.path))

    @property
    def begun(self) -> int:
        """When the run was begun, in nanoseconds; tells one run from another."""
        return (self.path / "plan.json").stat().st_mtime_ns

    def begin(self, plan: Plan, resume: bool, overwrite: bool) -> bool:
        """Begin a run, or go on with one; whether there was one.

        Raises
        ------
        OutputExists
            If there is an unfinished run and neither `resume` nor `overwrite` is set, or it was of another plan.
        BadFile
            If the volume cannot be written to.
        """
        if self.exists and not overwrite:
            if not resume:
                raise OutputExists(
                    f"{self.volume}: an unfinished run for {self.label_name!r} is there. Go on with it (--resume), or "
                    "begin anew (--overwrite)."
                )
            refuse_other(self.plan, plan, self.volume)
            return True
        with writing(self.volume):
            shutil.rmtree(self.path / "tiles", ignore_errors=True)
            shutil.rmtree(self.result, ignore_errors=True)
            self.path.mkdir(parents=True, exist_ok=True)
            zarr.open_group(self.path / "tiles", mode="w", zarr_format=3)
            for frame in range(plan.count):
                zarr.open_group(self._frame(frame), mode="w", zarr_format=3)
            with _whole(self.path / "plan.json") as temporary:
                temporary.write_text(json.dumps(plan.model_dump(mode="json"), indent=1), encoding="utf-8")
        self.__dict__.pop("plan", None)
        return False

    def bank(self, frame: int) -> Bank:
        """What the tiles of a frame have found."""
        return Bank(zarr.open_group(self._frame(frame), mode="a"), self.plan.grid)

    def scaling(self, frame: int) -> Scaling:
        """How a frame is normalised, as it was settled."""
        stated: Any = zarr.open_group(self._frame(frame), mode="r").attrs["scaling"]
        offset, scale = (np.array(stated[name], np.float32) for name in ("offset", "scale"))
        return Scaling(offset, scale, stated["cofactor"])

    def settle(self, frame: int, normalise: Callable[[], Scaling]) -> None:
        """Keep how a frame is normalised, so that all its tiles are alike; what was settled before stays."""
        group = zarr.open_group(self._frame(frame), mode="a")
        if "scaling" not in group.attrs:
            scaling = normalise()
            stated = {"offset": scaling.offset.tolist(), "scale": scaling.scale.tolist(), "cofactor": scaling.cofactor}
            with writing(self.volume):
                group.attrs["scaling"] = stated

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs away from this result.

        Raises
        ------
        OutputExists
            If one is at work. What a run left that is no more, on this machine, does not count.
        BadFile
            If the volume cannot be written to.
        """
        lock = self.path.with_name(f"{self.label_name}.lock")
        with writing(self.volume):
            lock.parent.mkdir(exist_ok=True)
            _clear(lock)
            try:
                with lock.open("x", encoding="utf-8") as handle:
                    json.dump({"host": socket.gethostname(), "process": os.getpid()}, handle)
            except FileExistsError:
                holder = lock.read_text(encoding="utf-8")
                raise OutputExists(
                    f"{self.volume}: another run is at work on {self.label_name!r} ({holder}). Wait for it; if it "
                    f"is no more, remove {lock}."
                ) from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
            with suppress(OSError):
                lock.parent.rmdir()  # where nothing else is in it

    def remove(self) -> None:
        """Remove the folder. It is put out of the way first, so that what is left of it is no unfinished run."""
        if self.path.exists():
            gone = self.path.with_name(f".{self.label_name}.removed")
            shutil.rmtree(gone, ignore_errors=True)
            self.path.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def _frame(self, frame: int) -> Path:
        return self.path / "tiles" / f"{frame:06d}"


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
    except (BadFile, OutputExists):
        raise
    except OSError as error:
        raise BadFile(
            f"{volume} could not be written to ({error}). What is done is kept: make room or get the right to write "
            "there, and go on with --resume."
        ) from error


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A path beside `path` that takes its place once it is written."""
    temporary = path.with_name(f".{path.name}.writing")
    yield temporary
    temporary.replace(path)


def _clear(lock: Path) -> None:
    """Remove the lock of a process of this machine that is no more."""
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if holder.get("host") == socket.gethostname() and not _alive(int(holder.get("process", 0))):
        lock.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    import psutil

    return bool(psutil.pid_exists(process))
