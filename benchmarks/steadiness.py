"""How much the result depends on which images the settings are chosen on, by their number.

    python benchmarks/steadiness.py --model MODEL --data DIR [--images 1 2 4 8 16] [--times 8]

DIR holds train/ and val/, each with images/ and labels/. Settings are chosen so many times, each time on other images
of train, from the same start; val only scores. Large images are cut to their middle (see `cut_window`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from common import figures, labelled

from napari_discern import load_model
from napari_discern.evaluation import Window
from napari_discern.instances import Instances
from napari_discern.metrics import mean, score
from napari_discern.model import Embedded, Settings, find_objects
from napari_discern.progress import run
from napari_discern.training import Example, choose
from napari_discern.training.tuning import windows


def main() -> None:
    """A row for each number of images: mean and standard deviation of what val scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--times", type=int, default=8)
    known = parser.parse_args()
    model, random = load_model(known.model), np.random.default_rng(0)
    model = model.with_settings(Settings(normalise=model.card.settings.normalise))
    train, val = (seen(known.data / part, model.card.settings) for part in ("train", "val"))
    held_out = [(model.embed(window.patch), window) for window in val]
    print("| images | S(0.5) | mean S(0.5..0.9) |\n|---|---|---|")
    for count in known.images:
        rows = []
        for _ in range(known.times):
            some = [train[k] for k in random.permutation(len(train))[:count]]
            rows.append(reached(held_out, run(choose(model, some))[0]))
        middle, spread = np.mean(rows, axis=0), np.std(rows, axis=0)
        print(f"| {count} | " + " | ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(middle, spread, strict=True)) + " |",
            flush=True)  # fmt: skip


def seen(folder: Path, settings: Settings) -> list[Window]:
    """The middle of each image of a folder."""
    return windows([Example(image, truth, settings.normalise(image)) for image, truth in labelled(folder)])


def reached(held_out: list[tuple[Embedded, Window]], settings: Settings) -> tuple[float, float]:
    """S(0.5) and mean S with some settings."""
    scores = [score(Instances.from_layers(find_objects(e, settings)), w.truth) for e, w in held_out]
    found = figures(mean(scores))
    return found["S_50"], found["S_mean"]


if __name__ == "__main__":
    main()
