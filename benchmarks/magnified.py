"""What a model finds in images at other magnifications, as it is and where it is told how large the objects are.

    python benchmarks/magnified.py --data DIR [--model nuclei] [--times 0.6 1 2 3] [--every 1]

DIR holds images/ and labels/. Each image, or one in so many, is magnified so many times with its labels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from common import cells, figures, labelled
from skimage.transform import resize

from napari_discern import load_model
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.metrics import mean, score
from napari_discern.progress import run
from napari_discern.segmentation import recipe_for, segment


def main() -> None:
    """A row for each magnification."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--times", type=float, nargs="+", default=[0.6, 1.0, 2.0, 3.0])
    parser.add_argument("--every", type=int, default=1)
    known = parser.parse_args()
    model = load_model(known.model)
    pairs = labelled(known.data, known.every)
    print("| magnified | as it is: S(0.5) | mean S(0.5..0.9) | told the size: S(0.5) | mean S(0.5..0.9) |")
    print("|---|---|---|---|---|")
    for times in known.times:
        images = magnified(pairs, times)
        recipes = [recipe_for(model, known.model, object_size=s) for s in ("auto", times * model.card.object_size)]
        scores = [[score(run(segment(image, model, recipe)), truth) for image, truth in images] for recipe in recipes]
        found = [cells(figures(mean(each)), "S_50", "S_mean") for each in scores]
        print(f"| {times:g} | {' | '.join(found)} |", flush=True)


def magnified(pairs: list[tuple[Image, Instances]], times: float) -> list[tuple[Image, Instances]]:
    """Images of one channel and their labels, in another size."""
    made = []
    for image, truth in pairs:
        size = [round(n * times) for n in truth.shape]
        pixels = resize(image.read()[0].astype(np.float32), size, order=1, anti_aliasing=times < 1)
        labels = resize(truth.labels.astype(np.int32), size, order=0, anti_aliasing=False, preserve_range=True)
        made.append((Image(pixels.astype(np.float32), "yx", name=image.name), Instances.from_labels(labels)))
    return made


if __name__ == "__main__":
    main()
