"""What two layers cost against one: a training step, and `segment`, on the same translucent cells.

    python benchmarks/overlap.py

Default network, both with random weights after a few steps of training, two threads; medians, each ratio from one run.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import torch
from timing import median_seconds

from napari_discern import Image, run, segment
from napari_discern.instances import Instances
from napari_discern.learning import train
from napari_discern.model import Model
from napari_discern.segmentation import recipe_for
from napari_discern.synthetic import Translucent
from napari_discern.training import Training

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


def main() -> None:
    """Time, and print."""
    torch.set_num_threads(2)
    data = np.tile(scenes(1)[0][0].read()[0], (SIDE // 256, SIDE // 256))
    image, found = Image(data, "yx"), {}
    for layers in (1, 2):
        step, model = step_seconds(layers)
        seconds = median_seconds(lambda model=model: run(segment(image, model, recipe_for(model, "model"))))
        found[layers] = step, seconds
        print(f"{layers} layer(s): step {step:.3f} s, segment {SIDE}x{SIDE} {seconds:.2f} s", flush=True)
    (one, whole), (two, both) = found[1], found[2]
    print(f"two layers against one: step {two / one:.2f} times, segment {both / whole:.2f} times (at most 1.3)")


if __name__ == "__main__":
    main()
