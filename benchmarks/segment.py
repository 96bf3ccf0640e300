"""What `segment` costs beside the network, and how its memory grows with the image.

    python benchmarks/segment.py [--model nuclei]

Times a 2048x2048 image of cells, and the peak memory of 8192x8192 against 2048x2048, each in a process of its own,
beyond what the process held before, the image and the labels. Two threads.
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

from napari_discern import Image, load_model, run, segment
from napari_discern.normalise import Percentile
from napari_discern.segmentation import recipe_for
from napari_discern.synthetic import Cells


def picture(side: int) -> np.ndarray:
    """Cells, uint8 (side, side), repeated from one drawing of 1024 pixels."""
    image, _ = Cells(size=1024)(0)
    tile = Percentile(cofactor=0)(image)(image.read())[0].clip(0, 1)
    return np.tile((255 * tile).astype(np.uint8), (side // 1024, side // 1024))


def timed(model_name: str, repeats: int = 3) -> tuple[float, float, int]:
    """Seconds in all, seconds in the network, and objects, of the median run on 2048x2048 pixels."""
    model = load_model(model_name, "cpu")
    image, runs = Image(picture(2048), "yx"), []
    inner = model.network.forward
    spent = 0.0

    def watched(*args: Any) -> Any:
        nonlocal spent
        start = time.perf_counter()
        result = inner(*args)
        spent += time.perf_counter() - start
        return result

    model.network.forward = watched  # type: ignore[method-assign]
    for _ in range(repeats + 1):
        spent, start = 0.0, time.perf_counter()
        found = run(segment(image, model, recipe_for(model, model_name)))
        runs.append((time.perf_counter() - start, spent, found.n))
    return sorted(runs[1:])[repeats // 2]


def peak(model_name: str, side: int, answer: Any) -> None:
    """Send the peak memory in bytes of segmenting a picture, beyond the process, the image and the labels."""
    torch.set_num_threads(2)
    model = load_model(model_name, "cpu")
    data = picture(side)
    run(segment(Image(data[:64, :64], "yx"), model, recipe_for(model, model_name)))
    before = resident()
    found = run(segment(Image(data, "yx"), model, recipe_for(model, model_name)))
    top = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answer.send(top - before - found.planes.nbytes)


def resident() -> int:
    """Memory that the process holds now, in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def peak_of(model_name: str, side: int) -> int:
    """`peak` in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=peak, args=(model_name, side, there))
    process.start()
    value: int = here.recv()
    process.join()
    return value


def main() -> None:
    """Time, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nuclei")
    name = parser.parse_args().model
    torch.set_num_threads(2)
    total, network, objects = timed(name)
    print(f"2048x2048, {objects} objects: {total:.2f} s, of which network {network:.2f} s; "
          f"the rest is {100 * (total - network) / network:.0f} % of the network's (at most 35)")  # fmt: skip
    small, large = peak_of(name, 2048), peak_of(name, 8192)
    print(f"peak memory beyond image and labels: {small / 2**20:.0f} MiB at 2048x2048, {large / 2**20:.0f} MiB at "
          f"8192x8192, {large / small:.2f} times (at most 1.5)")  # fmt: skip


if __name__ == "__main__":
    main()
