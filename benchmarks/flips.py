"""What looking at an image from several sides would give: flipped and transposed views of it, clustered as one.

    python benchmarks/flips.py --data DIR [--model nuclei]

DIR holds images/, and labels/ or masks/; of large images the middle is looked at. Embeddings of two views cannot be
averaged, but squared distances can: the embeddings of all views, one after another and over the root of their number,
are one embedding whose squared distances are the mean of theirs. Probabilities are averaged.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from common import cells, figures, labelled

from napari_discern import load_model
from napari_discern.evaluation import cut_window
from napari_discern.instances import Instances
from napari_discern.metrics import mean, score
from napari_discern.model import Embedded, Model, find_objects

VIEWS = (1, 2, 4, 8)


def main() -> None:
    """A row for each number of views."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="nuclei")
    known = parser.parse_args()
    model = load_model(known.model, "cpu")
    settings = model.card.settings
    scores, seconds = {n: [] for n in VIEWS}, dict.fromkeys(VIEWS, 0.0)
    for image, objects in labelled(known.data):
        window = cut_window(image, objects, settings.normalise(image))
        for number in VIEWS:
            begun = time.perf_counter()
            found = find_objects(together(list(views(model, window.patch, number))), settings)
            seconds[number] += time.perf_counter() - begun
            scores[number].append(score(Instances.from_layers(found), window.truth))
    print("| views | S(0.5) | mean S(0.5..0.9) | SBD | seconds |\n|---|---|---|---|---|")
    for number in VIEWS:
        found = figures(mean(scores[number]))
        print(f"| {number} | {cells(found, 'S_50', 'S_mean', 'SBD')} | {seconds[number]:.0f} |")


def views(model: Model, patch: np.ndarray, number: int) -> Iterator[Embedded]:
    """The first of eight views of a plane, (C, y, x), put back as it was: flipped along x, along y, transposed."""
    for bits in (0, 3, 1, 2, 4, 7, 5, 6)[:number]:
        axes = [axis for axis in (-1, -2) if bits & -axis]
        turn = (-1, -2) if bits & 4 else (-1, -1)
        seen = model.embed(np.ascontiguousarray(np.flip(patch, axes).swapaxes(*turn)))
        yield replace(
            seen,
            embedding=seen.embedding.transpose(*turn).flip(axes),
            probability=seen.probability.transpose(*turn).flip(axes),
        )


def together(seen: list[Embedded]) -> Embedded:
    """One embedding of all views."""
    every = torch.cat([e.embedding.float() for e in seen]) / len(seen) ** 0.5
    return replace(seen[0], embedding=every, probability=torch.stack([e.probability.float() for e in seen]).mean(0))


if __name__ == "__main__":
    main()
