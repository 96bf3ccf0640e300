"""How fast `MeanShift` is: against a literal loop of the paper, and with more objects.

    python benchmarks/clustering.py [--threads 2] [--repeats 5] [--json FILE] [--tiny]

Every time is the best of some runs, taken in turn, so that a busy machine disturbs all rows alike.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from literal import literal_mean_shift, literal_mean_shift_numpy
from scipy.spatial import cKDTree

from napari_discern.clustering import MeanShift

SHAPE, CHANNELS = (512, 512), 16
PULL, PUSH, BANDWIDTH = 0.45, 3.0, 0.5
"""Elements lie within PULL of their centre and centres PUSH apart: the paper's margins and bandwidth, met."""


def draw(objects: int, shape: tuple[int, int] = SHAPE, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture full of objects: embedding (E, H, W) that meets the margins, and true labels (H, W)."""
    random = np.random.default_rng(seed)
    pixels = np.stack(np.indices(shape), axis=-1).reshape(-1, 2)
    labels = np.unique(cKDTree(random.uniform(0, shape, (objects, 2))).query(pixels)[1], return_inverse=True)[1]
    centres = spread_out(random, int(labels.max()) + 1)
    noise = random.normal(size=(len(pixels), CHANNELS))
    noise *= PULL * random.uniform(size=(len(pixels), 1)) / np.linalg.norm(noise, axis=1, keepdims=True)
    embedding = (centres[labels] + noise).astype(np.float32).T.reshape(CHANNELS, *shape)
    return torch.from_numpy(np.ascontiguousarray(embedding)), torch.from_numpy(labels.reshape(shape) + 1)


def spread_out(random: np.random.Generator, n: int) -> np.ndarray:
    """Random centres, every two of them further apart than PUSH; float64 (n, E)."""
    centres = random.normal(scale=PUSH, size=(n, CHANNELS))
    while len(close := cKDTree(centres).query_pairs(PUSH, output_type="ndarray")):
        centres[close[:, 0]] = random.normal(scale=PUSH, size=(len(close), CHANNELS))
    return centres


def rand_index(first: torch.Tensor, second: torch.Tensor) -> float:
    """Adjusted Rand index of two labellings."""
    a, b = (np.unique(labels.numpy(), return_inverse=True)[1].ravel().astype(np.int64) for labels in (first, second))
    both, rows, columns = (pairs(ids) for ids in (a * (b.max() + 1) + b, a, b))
    expected, most = rows * columns / (len(a) * (len(a) - 1) / 2), (rows + columns) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def pairs(ids: np.ndarray) -> float:
    """Number of pairs of elements with the same id."""
    counts = np.unique(ids, return_counts=True)[1].astype(float)
    return float((counts * (counts - 1) / 2).sum())


def clock(function: Callable[[], torch.Tensor]) -> tuple[float, torch.Tensor]:
    """Seconds that one call takes, and what it returns."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def measure(repeats: int, tiny: bool) -> list[dict[str, float | str]]:
    """One row a task: its name, seconds, objects found, and agreement with the truth."""
    step, rows = MeanShift(bandwidth=BANDWIDTH), []
    scenes = {f"MeanShift, {n} objects": draw(n) for n in (20, 100, 200, 1000)}
    if tiny:
        scenes["MeanShift, 70,000 objects, 1024x1024"] = draw(70_000, (1024, 1024))
    best = dict.fromkeys(scenes, float("inf"))
    found: dict[str, torch.Tensor] = {}
    for turn in range(repeats):
        for name, (embedding, truth) in scenes.items():
            if turn == 0 or truth.shape == SHAPE:
                seconds, found[name] = clock(lambda e=embedding, t=truth: step(e, t > 0))  # type: ignore[misc]
                best[name] = min(best[name], seconds)
    for name, (_, truth) in scenes.items():
        rows.append(row(name, best[name], found[name], truth))
    embedding, truth = scenes["MeanShift, 200 objects"]
    loops = {"torch": literal_mean_shift, "NumPy": literal_mean_shift_numpy}
    for name, loop in loops.items():
        seconds, labels = clock(lambda loop=loop: loop(embedding, truth > 0, step.bandwidth))  # type: ignore[misc]
        rows.append(row(f"literal loop in {name}, 200 objects", seconds, labels, truth))
    return rows


def row(task: str, seconds: float, labels: torch.Tensor, truth: torch.Tensor) -> dict[str, float | str]:
    """One row of the table."""
    return {"task": task, "seconds": seconds, "found": int(labels.long().max()), "ari": rand_index(labels, truth)}


def main() -> None:
    """Measure, print the table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--tiny", action="store_true", help="70,000 objects as well")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = measure(options.repeats, options.tiny)
    seconds = {line["task"]: float(line["seconds"]) for line in rows}
    ratios = {
        f"literal in {name} / MeanShift, 200 objects": seconds[f"literal loop in {name}, 200 objects"]
        / seconds["MeanShift, 200 objects"]
        for name in ("torch", "NumPy")
    } | {
        "1,000 / 20 objects": seconds["MeanShift, 1000 objects"] / seconds["MeanShift, 20 objects"],
    }
    for line in rows:
        print(f"{line['task']:40s} {line['seconds']:9.4f} s   {line['found']:6d} found   ARI {line['ari']:.5f}")
    for name, ratio in ratios.items():
        print(f"{name:40s} {ratio:9.1f}")
    if options.json:
        where = {"threads": options.threads, "shape": [CHANNELS, *SHAPE], "torch": torch.__version__}
        options.json.write_text(json.dumps({"rows": rows, "ratios": ratios, **where}, indent=2) + "\n")


if __name__ == "__main__":
    main()
