"""How long the table of all objects of an image takes, and the memory beside the labels.

    python benchmarks/features.py [--side 4096] [--objects 10000]

Discs in rows, one flat label image. An earlier version is measured by giving its folder `src` as PYTHONPATH.
"""

from __future__ import annotations

import argparse
import tracemalloc

import numpy as np
from common import median_seconds

from napari_discern import Instances


def discs(side: int, number: int) -> np.ndarray:
    """Labels of about equal discs, uint32 (side, side), ids 1..number in rows."""
    rows = int(np.ceil(np.sqrt(number)))
    step = side // rows
    y, x = np.ogrid[:step, :step]
    disc = (y - step / 2) ** 2 + (x - step / 2) ** 2 < (0.4 * step) ** 2
    labels = np.zeros((side, side), np.uint32)
    for k in range(number):
        top, left = step * (k // rows), step * (k % rows)
        labels[top : top + step, left : left + step][disc] = k + 1
    return labels


def main() -> None:
    """Time, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--objects", type=int, default=10_000)
    args = parser.parse_args()
    objects = Instances.from_labels(discs(args.side, args.objects))
    seconds = median_seconds(objects.features, repeats=5)
    tracemalloc.start()
    rows = len(objects.features())
    peak = tracemalloc.get_traced_memory()[1]
    print(f"{rows} objects of {args.side}x{args.side}: {seconds:.2f} s (at most 1), {peak / 2**20:.0f} MiB beside "
          f"{objects.planes.nbytes / 2**20:.0f} MiB of labels")  # fmt: skip


if __name__ == "__main__":
    main()
