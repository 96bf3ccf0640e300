"""Common: what the scripts here and in training/ share: pictures on disk, commands, figures, times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napari_discern import Image, Instances, io
from napari_discern.cli import main
from napari_discern.evaluation import evaluate_model
from napari_discern.model import Model
from napari_discern.progress import run
from napari_discern.synthetic import Cells, Rosette, Scene, Sticks, Translucent, Worms

SCENES: dict[str, Scene] = {"sticks": Sticks(), "rosettes": Rosette(), "translucent": Translucent(), "worms": Worms(),
    "kinds": Cells(elongated=0.5)}  # fmt: skip
"""Pictures that are drawn; kinds are round and elongated cells, two classes."""


def draw(scene: Scene, folder: Path) -> Path:
    """Synthetic pictures on disk, the same ones every time: 200 to learn from, and 40 others."""
    for part, seeds in (("train", range(200)), ("val", range(10_000, 10_040))):
        for seed in seeds:
            image, truth = scene(seed)
            io.write_image(folder / part / "images" / f"{seed}.png", image, overwrite=True)
            io.write_masks(folder / part / "masks" / f"{seed}.npz", truth, overwrite=True)
            io.write_features(folder / part / "masks" / f"{seed}.csv", truth, overwrite=True)
    return folder


def sides(folder: Path) -> tuple[Path, Path]:
    """The images of a folder, and their truth: labels/ or masks/."""
    return folder / "images", folder / ("labels" if (folder / "labels").is_dir() else "masks")


def labelled(folder: Path, every: int = 1) -> list[tuple[Image, Instances]]:
    """The images of a folder, or one in so many, with their objects."""
    return [pair.read() for pair in io.pair(*sides(folder))[::every]]


def discern(*words: object) -> None:
    """One command, said before; the script stops where it fails."""
    command = [str(word) for word in words]
    print("napari-discern", *command, flush=True)
    if code := main(command):
        raise SystemExit(code)


def learn(data: Path, out: Path, minutes: float, *flags: str) -> None:
    """Train on a folder with `train`; what is there is replaced."""
    images, truth = sides(data)
    discern("train", "--images", images, "--labels", truth, "--out", out, "--minutes", minutes, "--overwrite", *flags)


def figures(mean: Mapping[str, Any]) -> dict[str, float]:
    """The figures that are told, by short names, of the mean over images that `metrics.mean` and `evaluate` give."""
    plain = {name: mean[name] for name in ("S_mean", "SBD", "DiC", "PQ")}
    sharing = {name: mean["sharing"][name] for name in ("mean_iou", "overlap_recall", "object_fnr")}
    return {"S_50": mean["S"]["0.50"], "S_70": mean["S"]["0.70"], **plain, **sharing}


def reached(model: Model, pairs: list[tuple[Image, Instances]]) -> dict[str, float]:
    """What a model reaches on labelled images."""
    return figures(run(evaluate_model(model, pairs)).mean)


def cells(found: Mapping[str, float], *names: str) -> str:
    """Some figures as cells of a table; DiC to two digits."""
    return " | ".join(f"{found[name]:.{2 if name == 'DiC' else 3}f}" for name in names)


def median_seconds(work: Callable[[], object], repeats: int = 7) -> float:
    """Median time of so many calls, after one to warm up."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])
