"""Atomic: a file or folder appears under its name whole, or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path

from napari_discern.errors import BadFile, OutputExists

BEGUN = f".writing-{'[0-9a-f]' * 12}*"
"""What killed processes leave beside what they were writing, as a pattern of `strangers`."""
SHOWN = 3
"""Of files that are in the way, so many are named."""


@contextmanager
def atomic(path: str | os.PathLike[str], overwrite: bool = False, ours: Sequence[str] = ()) -> Iterator[Path]:
    """Give a temporary path beside `path` to write a file or a folder at, and move it into place at the end.

    If the block ends with an error, or is interrupted, the temporary is removed, and what was at `path` before is still
    there. Folders above `path` are created.

    Parameters
    ----------
    path : path
        Where the file or folder shall be. With `overwrite`, a file there is replaced, and a folder of ours.
    overwrite : bool
        Whether `path` may exist.
    ours : sequence of str
        What a folder of ours holds, as of `refuse_foreign`; without, only an empty one is replaced.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is not set; if a file would replace a folder, or a folder one that is not ours.
    BadFile
        If writing fails: the disk is full, the folder is read-only.
    """
    path = Path(path)
    if os.path.lexists(path) and not overwrite:
        raise OutputExists(f"{path} exists already. Choose another name, or allow to overwrite it (--overwrite).")
    temporary = path.with_name(f".writing-{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush(temporary)
        _place(temporary, path, ours)
    except (BadFile, OutputExists):
        raise
    except OSError as error:
        raise BadFile(
            f"{path} could not be written ({error}); nothing was left half written. "
            "Check that the disk has room and that you may write there, or choose another folder."
        ) from error
    finally:
        _remove(temporary)


def refuse_existing(paths: Iterable[Path | None], overwrite: bool) -> None:
    """Raise `OutputExists` if any of the paths is there, before any work is done; None is passed over.

    Raises
    ------
    OutputExists
        Names the first of them.
    """
    there = [str(path) for path in paths if path is not None and path.exists()]
    if there and not overwrite:
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        raise OutputExists(
            f"{', '.join(there[:SHOWN])}{more} exist(s) already; nothing was done. "
            "Choose another name, or allow to overwrite (--overwrite)."
        )


def write_text(path: Path, text: str, overwrite: bool = False) -> None:
    """Write a text file, whole or not at all; see `atomic`.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        What it is to hold, written as UTF-8.
    overwrite : bool
        Whether it may exist.
    """
    with atomic(path, overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def strangers(folder: Path, ours: Sequence[str]) -> list[str]:
    """What lies in a folder and is not ours.

    Parameters
    ----------
    ours : sequence of str
        Patterns of paths in the folder, folders with a slash behind; an asterisk also stands for all below.
    """
    return [name for path in sorted(folder.rglob("*")) if not _is_ours(name := _named(path, folder), ours)]


def refuse_foreign(folder: Path, ours: Sequence[str]) -> None:
    """Refuse to replace a folder that holds what is not ours; an empty one is anybody's.

    Parameters
    ----------
    ours : sequence of str
        As of `strangers`. The first is the name of a file that every folder of ours has.

    Raises
    ------
    OutputExists
        With what is in the way.
    """
    if not folder.is_dir():
        return
    marked = bool(ours) and (folder / ours[0]).is_file()
    others = strangers(folder, ours if marked else ())
    if others:
        raise OutputExists(
            f"{folder} is a folder that holds {others[0]!r}, which we have not written, so it is not replaced. Choose "
            "another name, or move the folder away."
        )


def remove_ours(folder: Path, ours: Sequence[str]) -> None:
    """Remove what is ours from a folder, as of `strangers`, and the folder where nothing else is in it."""
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder before the folder
        if _is_ours(name := _named(path, folder), ours):
            with suppress(OSError):  # a folder with something else in it, or what is gone already
                path.rmdir() if name.endswith("/") else path.unlink()
    with suppress(OSError):
        folder.rmdir()


def _named(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() + "/" * (path.is_dir() and not path.is_symlink())


def _is_ours(name: str, ours: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in ours)


def _flush(path: Path) -> None:
    """See to it that the bytes are on the disk, of a file or of all files in a folder."""
    for file in [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]:
        with file.open("r+b") as handle:
            os.fsync(handle.fileno())


def _place(temporary: Path, path: Path, ours: Sequence[str]) -> None:
    """Move a file or folder to `path`. A folder there is first put aside, and put back if the move fails."""
    if not path.is_dir() or path.is_symlink():
        os.replace(temporary, path)
        return
    if not temporary.is_dir():
        raise OutputExists(f"{path} is a folder, which a file does not replace. Choose another name.")
    refuse_foreign(path, ours)
    aside = path.with_name(f"{temporary.name}.old")
    os.replace(path, aside)
    try:
        os.replace(temporary, path)
    except OSError:
        os.replace(aside, path)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):  # it may be the folder that is not there
            path.unlink()
