"""CVPPP: the layout of the leaf segmentation challenge, for those who hold its data (Minervini et al. 2016)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from napari_discern.errors import BadFile
from napari_discern.io.folders import Pair

IMAGE, LABEL = "_rgb.png", "_label.png"
HELD_OUT = 28
"""Plants of the 128 of A1 that are usually scored, and not learnt from."""


def pairs(folder: Path) -> list[Pair]:
    """The plants of a folder such as `A1`, `plant001_rgb.png` with `plant001_label.png`, by name.

    Other files, such as `plant001_fg.png`, are passed over.

    Raises
    ------
    BadFile
        If there is none, or one has no labels.
    """
    images = sorted(folder.glob(f"[!.]*{IMAGE}"))
    if not images:
        raise BadFile(f"{folder} holds no plant: its images should be named as plant001{IMAGE} is. Give the folder A1.")
    found = [Pair(name := path.name.removesuffix(IMAGE), path, folder / f"{name}{LABEL}") for path in images]
    lone = [pair.name for pair in found if not pair.labels.is_file()]
    if lone:
        raise BadFile(
            f"{folder}: no labels of {', '.join(lone[:5])} ({len(lone)} in all). Copy their *{LABEL} as well."
        )
    return found


def split(found: list[Pair], held_out: Collection[str] = ()) -> tuple[list[Pair], list[Pair]]:
    """The plants to learn from, and those to score: the named ones, or else 28, of few a fifth, spread evenly.

    Raises
    ------
    BadFile
        If a named one is not there.
    """
    if not held_out:
        count = HELD_OUT if len(found) >= 2 * HELD_OUT else max(1, len(found) // 5)
        held_out = {found[k * len(found) // count].name for k in range(count)}
    absent = sorted(set(held_out) - {pair.name for pair in found})
    if absent:
        raise BadFile(f"these plants of the list are not in the folder: {', '.join(absent[:5])}.")
    return [p for p in found if p.name not in held_out], [p for p in found if p.name in held_out]
