"""Outputs: files that a command is about to write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari_discern import io
from napari_discern.errors import OutputExists

SHOWN = 3


def refuse_existing(paths: Iterable[Path | None], overwrite: bool) -> None:
    """Raise `OutputExists` if any of the paths is there, before any work is done; None is passed over."""
    there = [str(path) for path in paths if path is not None and path.exists()]
    if there and not overwrite:
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        raise OutputExists(
            f"{', '.join(there[:SHOWN])}{more} exist(s) already; nothing was done. "
            "Choose another name, or allow to overwrite (--overwrite)."
        )


def write_text(path: Path, text: str, overwrite: bool) -> None:
    """Write a text file, whole or not at all."""
    with io.atomic(path, overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
