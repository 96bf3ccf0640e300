"""Both methods and both crossed at equal budget: each loss with each clustering, on one set.

    python benchmarks/methods.py --data DIR [--minutes 30] [--losses discriminative similarity] [--out DIR] [FLAGS]

DIR holds train/ and val/, each with images/ and labels/. Each loss is trained once, with seediness, on train; FLAGS are
further ones of `train`. A tenth of train is set aside: weights are chosen on it with the method's own clustering, and
the settings of both clusterings. val only scores.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from common import labelled, learn, reached, sides

from napari_discern import io, load_model
from napari_discern.clustering import MeanShift, Seeds
from napari_discern.model import Model
from napari_discern.progress import run
from napari_discern.training import Example, choose, set_aside
from napari_discern.training.tuning import pick, windows

CLUSTERINGS = (MeanShift(), Seeds())
OWN = {"discriminative": "mean-shift", "similarity": "seeds"}


def train(loss: str, data: Path, minutes: float, out: Path, flags: list[str]) -> Model:
    """A model of a loss, with seediness."""
    method = ["--seeds", "--loss.kind", loss, "--settings.cluster.kind", OWN[loss]]
    learn(data / "train", out / loss, minutes, *method, *flags)
    return load_model(str(out / loss))


def main() -> None:
    """Train, choose the settings of each clustering, and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--losses", nargs="+", choices=OWN, default=list(OWN))
    parser.add_argument("--out", type=Path, default=Path("methods"))
    known, flags = parser.parse_known_args()
    pairs = io.pair(*sides(known.data / "train"))
    aside = [pairs[k].read() for k in set_aside(len(pairs), 0)]
    for loss in known.losses:
        model = train(loss, known.data, known.minutes, known.out, flags)
        start = model.card.settings
        examples = [Example(image, truth, start.normalise(image)) for image, truth in aside]
        seen = windows(pick(examples, 0))
        for cluster in CLUSTERINGS:
            settings = start
            if cluster.kind != start.cluster.kind:
                settings, _ = run(choose(model.with_settings(start.model_copy(update={"cluster": cluster})), seen))
            report(loss, model.with_settings(settings), known.data)


def report(loss: str, model: Model, data: Path) -> None:
    """One line of scores."""
    held_out = labelled(data / "val")
    begun = time.perf_counter()
    found, seconds = reached(model, held_out), time.perf_counter() - begun
    scores = f"S(0.5) {found['S_50']:.3f}, mean S {found['S_mean']:.3f}, SBD {found['SBD']:.3f}"
    steps = model.card.training["steps_done"]
    kind = model.card.settings.cluster.kind
    print(f"{loss} with {kind}: {scores}, |DiC| {found['DiC']:.2f}; {seconds:.0f} s, {steps} steps", flush=True)


if __name__ == "__main__":
    main()
