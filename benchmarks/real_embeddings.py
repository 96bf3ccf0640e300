"""`MeanShift` against the literal loop of the paper's text, on a trained model's embeddings of real images.

    python benchmarks/real_embeddings.py --model MODEL --data DIR

DIR holds images/ and labels/ (a val half). Both cluster the same embeddings with the model's settings; the figure is
the difference of S(0.5).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from common import figures, labelled
from literal import literal_mean_shift

from napari_discern import Instances, load_model
from napari_discern.metrics import mean, score
from napari_discern.model import drop_small


def main() -> None:
    """Cluster by both, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    known = parser.parse_args()
    torch.set_num_threads(2)
    model = load_model(known.model, "cpu")
    settings = model.card.settings
    scores: dict[str, list] = {"MeanShift": [], "literal loop": []}
    seconds = dict.fromkeys(scores, 0.0)
    bandwidth, seed = settings.cluster.bandwidth, settings.cluster.seed
    methods = {
        "MeanShift": settings.cluster,
        "literal loop": lambda embedding, foreground: literal_mean_shift(embedding, foreground, bandwidth, seed),
    }
    for image, truth in labelled(known.data):
        embedded = model.embed(settings.normalise(image)(image.read()))
        embedding = embedded.embedding
        foreground = embedded.foreground(settings.foreground_threshold)
        for name, method in methods.items():
            start = time.perf_counter()
            labels = method(embedding, foreground).cpu().numpy()
            seconds[name] += time.perf_counter() - start
            found = Instances(drop_small(labels.astype(np.uint32), settings.min_size)[None])
            scores[name].append(score(found, truth))
    means = {name: figures(mean(found)) for name, found in scores.items()}
    for name, found in means.items():
        print(f"{name:14} S(0.5) {found['S_50']:.4f}   mean S {found['S_mean']:.4f}   {seconds[name]:.1f} s")
    difference = abs(np.subtract(*(found["S_50"] for found in means.values())))
    print(f"difference of S(0.5): {difference:.4f} (at most 0.005)")


if __name__ == "__main__":
    main()
