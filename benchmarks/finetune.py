"""S(0.5) on `val` against the number of labelled images and the minutes of training, from scratch and from base models.

    python benchmarks/finetune.py --data DIR [--bases cells leaves ...] [--images 1 2 5 10 50] [--minutes 2 5 15]
        [--sparse SHARE] [--out FILE] [FLAGS]
    python benchmarks/finetune.py --draw FIGURE [--out FILE]

DIR holds train/ and val/, each with images/ and labels/. The bases must not have seen the set. The images are the first
by name. Trained as the panel does: of fewer than five images the settings are chosen on these themselves, else on a
tenth set aside; `val` is only scored. With --sparse only that share of the objects is labelled, at least one an image,
and the rest is unknown. FLAGS are further ones of `train`. Each row goes to FILE when done; --draw draws and
lists them all.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from common import labelled, learn, reached

from napari_discern import io, load_model
from napari_discern.instances import Instances

SCRATCH = "scratch"


def main() -> None:
    """Train each, print and keep a row for each, or draw what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--bases", nargs="+", default=[])
    parser.add_argument("--no-scratch", action="store_true")
    parser.add_argument("--images", type=int, nargs="+", default=[1, 2, 5, 10, 50])
    parser.add_argument("--minutes", type=float, nargs="+", default=[2.0, 5.0, 15.0])
    parser.add_argument("--sparse", type=float, default=1.0)
    parser.add_argument("--out", type=Path, default=Path("finetune/rows.jsonl"))
    parser.add_argument("--draw", type=Path)
    known, flags = parser.parse_known_args()
    if known.draw:
        draw(known.out, known.draw)
        return
    known.out.parent.mkdir(parents=True, exist_ok=True)
    for images in known.images:
        few = picked(known.data / "train", images, known.sparse, known.out.parent)
        for base in [*([] if known.no_scratch else [SCRATCH]), *known.bases]:
            for minutes in known.minutes:
                row = {"base": base, "images": images, "minutes": minutes, "sparse": known.sparse, "flags": flags}
                row |= measured(few, known.data / "val", base, minutes, known.out.parent / "model", flags)
                with known.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(row, flush=True)


def picked(train: Path, number: int, share: float, out: Path) -> Path:
    """A folder with the first images, and labels of a share of their objects."""
    folder = out / f"{number}-{share:g}"
    for pair in io.pair(train / "images", train / "labels")[:number]:
        image, truth = pair.read()
        io.write_image(folder / "images" / f"{pair.name}.tif", image, overwrite=True)
        io.write_masks(folder / "labels" / f"{pair.name}.npz", some(truth, share), overwrite=True)
    return folder


def some(truth: Instances, share: float) -> Instances:
    """A share of the objects, at least one, at random but the same each time."""
    count = max(1, round(share * truth.n))
    chosen = np.random.default_rng(0).permutation(truth.n)[:count] + 1
    return Instances.from_labels(np.where(np.isin(truth.labels, chosen), truth.labels, 0))


def measured(few: Path, val: Path, base: str, minutes: float, out: Path, flags: list[str]) -> dict[str, float]:
    """Train on some images and score on `val`."""
    start = [] if base == SCRATCH else ["--model", base]
    sparse = [] if few.name.endswith("-1") else ["--unlabelled", "unknown"]
    learn(few, out, minutes, *flags, *start, *sparse)
    model = load_model(str(out))
    return {"steps": model.card.training["steps_done"], **reached(model, labelled(val))}


def draw(rows: Path, to: Path) -> None:
    """S(0.5) against the number of images: a panel for each time, a line for each start, a dot for each run."""
    from matplotlib.figure import Figure

    runs: dict[tuple[str, float, float], dict[int, list[dict[str, float]]]] = {}
    for row in map(json.loads, rows.read_text(encoding="utf-8").splitlines()):
        runs.setdefault((row["base"], row["sparse"], row["minutes"]), {}).setdefault(row["images"], []).append(row)
    times = sorted({minutes for _, _, minutes in runs})
    starts = list(dict.fromkeys((base, sparse) for base, sparse, _ in runs))
    figure = Figure(figsize=(3.2 * len(times), 3.2), dpi=150, layout="constrained")
    for axes, minutes in zip(figure.subplots(1, len(times), sharey=True, squeeze=False)[0], times, strict=True):
        for number, ((base, sparse), marker) in enumerate(zip(starts, "osD^vP*X", strict=False)):
            found = runs.get((base, sparse, minutes), {})
            name = f"from {base}" + (f", {sparse:.0%} of the objects" if sparse < 1 else "")
            means = [(n, np.mean([run["S_50"] for run in found[n]])) for n in sorted(found)]
            axes.plot(*np.reshape(means, (-1, 2)).T, color=f"C{number}", label=name)
            dots = [(n, run["S_50"]) for n in found for run in found[n]]
            axes.plot(*np.reshape(dots, (-1, 2)).T, marker, color=f"C{number}", markersize=4)
            for n in sorted(found):
                scores = ", ".join(f"{run['S_50']:.3f} and {run['S_mean']:.3f}" for run in found[n])
                print(f"{minutes:g} minutes, {n} images, {name}: {scores}")
        axes.set(title=f"{minutes:g} minutes", xlabel="labelled images", xscale="log", ylim=(0, 1))
        axes.set_xticks([1, 2, 5, 10, 50], ["1", "2", "5", "10", "50"])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("S(0.5) on val")
    figure.axes[0].legend(fontsize="small")
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to)


if __name__ == "__main__":
    main()
