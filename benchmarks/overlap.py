"""What two layers cost against one: a training step, and `segment`.

    python benchmarks/overlap.py
    python benchmarks/overlap.py --trained ONE TWO --images FILE...

The first trains a few steps on translucent cells, for the training step; `segment` then clusters what is still a cloud.
The second times `segment` with two models that were trained alike, with `--layers 1` and `--layers 2`. Default network,
two threads; medians, each ratio from one run.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import median_seconds

from napari_discern import Image, load_model, read, run, segment
from napari_discern.instances import Instances
from napari_discern.model import Model
from napari_discern.segmentation import recipe_for
from napari_discern.synthetic import Translucent
from napari_discern.training import Training, train

STEPS, SIDE = 60, 1024


def scenes(count: int) -> list[tuple[Image, Instances]]:
    """Pictures of translucent cells with their truth."""
    return [Translucent(size=256, fewest=14, most=22)(seed) for seed in range(count)]


def step_seconds(layers: int) -> tuple[float, Model]:
    """Median seconds of a training step, and the model after the last."""
    times, last = [], time.perf_counter()
    steps = train(Training(steps=STEPS, checks=1, layers=layers), scenes(8))
    model: Any = None
    for progress in steps:
        if progress.stage == "train":
            times.append(time.perf_counter() - last)
            model = progress.peek
            if progress.values["step"] == STEPS - 1:
                break
        last = time.perf_counter()
    made: Model = model()
    steps.close()
    return statistics.median(times[5:]), made


def segment_seconds(image: Image, model: Model) -> float:
    """Median seconds to find the objects of an image."""
    return median_seconds(lambda: run(segment(image, model, recipe_for(model, "model"))))


def main() -> None:
    """Time, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained", nargs=2, metavar=("ONE", "TWO"))
    parser.add_argument("--images", type=Path, nargs="+", default=[])
    known = parser.parse_args()
    torch.set_num_threads(2)
    if known.trained:
        models, images = [load_model(name, "cpu") for name in known.trained], [read(path) for path in known.images]
        seconds = [sum(segment_seconds(image, model) for image in images) for model in models]
        print(f"segment: {seconds[0]:.2f} and {seconds[1]:.2f} s, {seconds[1] / seconds[0]:.2f} times (at most 1.3)")
        return
    image = Image(np.tile(scenes(1)[0][0].read()[0], (SIDE // 256, SIDE // 256)), "yx")
    found = {}
    for layers in (1, 2):
        step, model = step_seconds(layers)
        found[layers] = step, segment_seconds(image, model)
        print(f"{layers} layer(s): step {step:.3f} s, segment {SIDE}x{SIDE} {found[layers][1]:.2f} s", flush=True)
    (one, whole), (two, both) = found[1], found[2]
    print(f"two layers against one: step {two / one:.2f} times (at most 1.3), segment {both / whole:.2f} times")


if __name__ == "__main__":
    main()
