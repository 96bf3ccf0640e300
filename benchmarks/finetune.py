"""S(0.5) on `val` against minutes of fine-tuning from five labelled images, from scratch and from a base model.

    python benchmarks/finetune.py --data DIR --base MODEL [--make-base MINUTES] [--minutes 1 2 5 10] [--write FIGURE]

DIR holds train/ and val/, each with images/ and labels/. The base must not have seen the images that are learnt from:
`--make-base MINUTES` trains one first and saves it there, on all of train/ but these. The images are the first by name.
Trained as the panel does: settings are chosen on the few images themselves, and `val` is only scored.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_discern import io, load_model, run, score, segment
from napari_discern.learning import Labelled, train
from napari_discern.metrics import Report
from napari_discern.model import Model
from napari_discern.training import Training


def read(folder: Path) -> list[io.Pair]:
    """The pairs of a half of the data, by name."""
    return io.pair(folder / "images", folder / "labels")


def scored(model: Model, val: Labelled) -> float:
    """Mean S(0.5) over the images."""
    scores = {image.name: score(run(segment(image, model)), truth) for image, truth in val}
    return float(Report(scores).mean["S"]["0.50"])


def main() -> None:
    """Train for each number of minutes, print a line for each, and draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--make-base", type=float, metavar="MINUTES", help="train the base first, on the other images")
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 2.0, 5.0, 10.0])
    parser.add_argument("--write", type=Path)
    known = parser.parse_args()
    pairs = read(known.data / "train")
    few, others = pairs[: known.images], pairs[known.images :]
    val = [pair.read() for pair in read(known.data / "val")]
    if known.make_base:
        run(train(Training(minutes=known.make_base), [p.read() for p in others])).save(Path(known.base), overwrite=True)
    base, data = load_model(known.base), [pair.read() for pair in few]
    curves: dict[str, list[tuple[float, float]]] = {"from scratch": [], "from the base": [(0.0, scored(base, val))]}
    print(f"from the base, 0 minutes: S(0.5) {curves['from the base'][0][1]:.3f}", flush=True)
    for minutes in known.minutes:
        for name, start in (("from scratch", None), ("from the base", base)):
            model = run(train(Training(minutes=minutes), data, base=start))
            curves[name].append((minutes, scored(model, val)))
            print(f"{name}, {minutes:g} minutes: S(0.5) {curves[name][-1][1]:.3f}", flush=True)
    if known.write:
        draw(curves, known.write, known.images)


def draw(curves: dict[str, list[tuple[float, float]]], path: Path, images: int) -> None:
    """The curves as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.5), dpi=150, layout="constrained")
    axes = figure.subplots()
    for (name, points), marker in zip(curves.items(), "os", strict=True):
        axes.plot(*zip(*points, strict=True), marker=marker, label=name)
    axes.set(xlabel=f"minutes of training on {images} images, two cores", ylabel="S(0.5) on val", ylim=(0, 1))
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    main()
