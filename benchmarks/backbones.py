"""Speed, size, memory and accuracy of the backbones (the paper's table 4), as a table for docs/backbones.md.

    python benchmarks/backbones.py --data DIR [--minutes 4] [--write docs/backbones.md]

DIR holds train/ and val/, each with images/ and labels/. Every backbone is trained from scratch for the same minutes
with the same crops; two threads. "APgt" is the mean S with the true foreground.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import cells, figures, labelled

from napari_discern import run
from napari_discern.backbones import BasicUNet, DynUNet, FlexibleUNet, ResidualUNet, SegResNet
from napari_discern.evaluation import ROWS, oracle
from napari_discern.training import Training, train

BACKBONES = {
    "SegResNet, 24 filters (default)": SegResNet(),
    "residual U-Net": ResidualUNet(filters=24),
    "BasicUNet": BasicUNet(filters=24),
    "DynUNet": DynUNet(filters=24),
    "FlexibleUNet, ResNet-18": FlexibleUNet(encoder="resnet18"),
}
HEAD = (
    "| backbone | parameters (million) | training (s a step) | forward (s a megapixel) | "
    "peak memory of training (GiB) | S(0.5) | mean S | mean S, true foreground |\n|---|---|---|---|---|---|---|---|\n"
)


def row(name: str, data: Path, minutes: float, answer: Any) -> None:
    """Train, time and score one backbone; sends a row of the table."""
    torch.set_num_threads(2)
    backbone = BACKBONES[name]
    pairs = {part: labelled(data / part) for part in ("train", "val")}
    taken: list[float] = []

    def count(progress: Any) -> None:
        if progress.stage == "train":
            taken.append(time.monotonic())

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = run(train(Training(minutes=minutes, backbone=backbone, checks=2), pairs["train"], pairs["val"]), count)
    pace = np.median(np.diff(taken))
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    scores = run(oracle(model, pairs["val"]))
    found, known = (figures(scores[ROWS[k]].mean) for k in (0, 2))
    size = sum(p.numel() for p in model.network.parameters()) / 1e6
    answer.send(
        f"| {name} | {size:.2f} | {pace:.2f} | {forward_seconds(model):.2f} | {memory:.1f} | "
        f"{cells(found, 'S_50', 'S_mean')} | {cells(known, 'S_mean')} |"
    )


def forward_seconds(model: Any) -> float:
    """Best of five passes over 1024x1024 pixels, in seconds a megapixel."""
    patch = np.random.default_rng(0).random((1, 1024, 1024), np.float32)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        model.embed(patch)
        times.append(time.perf_counter() - start)
    return min(times) / 1.048576


def main() -> None:
    """Fill the table, a process a backbone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--write", type=Path)
    known = parser.parse_args()
    context, lines = multiprocessing.get_context("spawn"), []
    for name in BACKBONES:
        here, there = context.Pipe()
        process = context.Process(target=row, args=(name, known.data, known.minutes, there))
        process.start()
        lines.append(here.recv())
        process.join()
        print(lines[-1], flush=True)
    if known.write:
        command = f"python benchmarks/backbones.py --data DIR --minutes {known.minutes:g} --write {known.write}"
        known.write.write_text(
            "# Backbones: speed against accuracy\n\n"
            f"Every backbone trained from scratch for {known.minutes:g} minutes on two cores on the `train` half of "
            "dsb2018 (BBBC038, corrected labels), scored on its `val` half. Made by\n\n"
            f"    {command}\n\n" + HEAD + "\n".join(lines) + "\n"
        )


if __name__ == "__main__":
    main()
