"""Train from scratch, segment and score: the three commands of the README, on one set.

    python benchmarks/accuracy.py dsb2018 --data DIR [--minutes 30] [--out DIR]
    python benchmarks/accuracy.py sticks|rosettes|translucent|worms|kinds [--minutes 15] [--out DIR]

DIR holds train/ and val/, each with images/ and labels/ (or masks/). The others draw their own: 200 images to learn
from and 40 others to score; kinds are round and elongated cells, two classes.

Training sees val only to choose weights and settings, as `train --val-images` does.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from napari_discern import io
from napari_discern.cli import main as discern
from napari_discern.synthetic import Cells, Rosette, Scene, Sticks, Translucent, Worms

FLAGS: dict[str, list[str]] = {
    "dsb2018": [],
    "sticks": ["--backbone.levels", "5"],  # sticks are long: see far
    "rosettes": [],
    "translucent": [],
    "worms": [],
    "kinds": [],
}
SCENES: dict[str, Scene] = {"sticks": Sticks(), "rosettes": Rosette(), "translucent": Translucent(), "worms": Worms(),
    "kinds": Cells(elongated=0.5)}  # fmt: skip


def draw(scene: Scene, folder: Path) -> Path:
    """Synthetic pictures on disk, the same ones every time."""
    for part, seeds in (("train", range(200)), ("val", range(10_000, 10_040))):
        for seed in seeds:
            image, truth = scene(seed)
            io.write_image(folder / part / "images" / f"{seed}.png", image, overwrite=True)
            io.write_masks(folder / part / "masks" / f"{seed}.npz", truth, overwrite=True)
            io.write_features(folder / part / "masks" / f"{seed}.csv", truth, overwrite=True)
    return folder


def main() -> None:
    """Train, segment, evaluate, and print one line of scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[*FLAGS, "other"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--out", type=Path, default=Path("accuracy"))
    known, flags = parser.parse_known_args()
    data = known.data or draw(SCENES[known.name], known.out / f"{known.name}_data")
    measured(known.name, data, known.out / known.name, known.minutes, [*FLAGS.get(known.name, []), *flags])


def measured(name: str, data: Path, out: Path, minutes: float, flags: list[str]) -> None:
    """Train on data/train, segment and score data/val."""
    truth = "labels" if (data / "train" / "labels").is_dir() else "masks"
    train, val = ([str(data / part / kind) for kind in ("images", truth)] for part in ("train", "val"))
    start = time.monotonic()
    run(["train", "--images", train[0], "--labels", train[1], "--val-images", val[0], "--val-labels", val[1],
         "--out", str(out / "model"), "--minutes", str(minutes), "--overwrite", *flags])  # fmt: skip
    took = (time.monotonic() - start) / 60
    run(["segment", val[0], "--model", str(out / "model"), "--out", str(out / "labels"), "--overwrite"])
    scores = out / "scores.json"
    run(["evaluate", "--labels", str(out / "labels"), "--truth", val[1], "--json", str(scores), "--overwrite",
         "--figure", str(out / "worst.png"), "--images", val[0]])  # fmt: skip
    said = json.loads(scores.read_text())
    mean = said["mean"]
    print(f"{name}: S(0.5) {mean['S']['0.50']:.3f}, mean S(0.5..0.9) {mean['S_mean']:.3f}, "
          f"SBD {mean['SBD']:.3f}, |DiC| {mean['DiC']:.2f} after {took:.1f} minutes of training")  # fmt: skip
    shared = mean["sharing"]
    if "class_accuracy" in said:
        print(f"{said['class_accuracy']:.3f} of the matched objects are of the right class")
    print(f"PQ {mean['PQ']:.3f}")
    print(f"S(0.7) {mean['S']['0.70']:.3f}, mean IoU {shared['mean_iou']:.3f}, overlap pixels recall "
          f"{shared['overlap_recall']:.3f}, objects missed {shared['object_fnr']:.3f}")  # fmt: skip


def run(arguments: list[str]) -> None:
    """One command; stops the benchmark where it fails."""
    print("napari-discern", *arguments, flush=True)
    if code := discern(arguments):
        raise SystemExit(code)


if __name__ == "__main__":
    main()
