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

from common import SCENES, discern, draw, figures, learn, sides

FLAGS: dict[str, list[str]] = {"sticks": ["--backbone.levels", "5"]}  # sticks are long: see far


def main() -> None:
    """Train, segment, evaluate, and print one line of scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["dsb2018", *SCENES, "other"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--out", type=Path, default=Path("accuracy"))
    known, flags = parser.parse_known_args()
    data = known.data or draw(SCENES[known.name], known.out / f"{known.name}_data")
    measured(known.name, data, known.out / known.name, known.minutes, [*FLAGS.get(known.name, []), *flags])


def measured(name: str, data: Path, out: Path, minutes: float, flags: list[str]) -> None:
    """Train on data/train, segment and score data/val."""
    images, truth = sides(data / "val")
    start = time.monotonic()
    learn(data / "train", out / "model", minutes, "--val-images", str(images), "--val-labels", str(truth), *flags)
    took = (time.monotonic() - start) / 60
    discern("segment", images, "--model", out / "model", "--out", out / "labels", "--overwrite")
    scores = out / "scores.json"
    discern("evaluate", "--labels", out / "labels", "--truth", truth, "--json", scores, "--overwrite",
            "--figure", out / "worst.png", "--images", images)  # fmt: skip
    said = json.loads(scores.read_text())
    found = figures(said["mean"])
    print(f"{name}: S(0.5) {found['S_50']:.3f}, mean S(0.5..0.9) {found['S_mean']:.3f}, "
          f"SBD {found['SBD']:.3f}, |DiC| {found['DiC']:.2f} after {took:.1f} minutes of training")  # fmt: skip
    if "class_accuracy" in said:
        print(f"{said['class_accuracy']:.3f} of the matched objects are of the right class")
    print(f"PQ {found['PQ']:.3f}")
    print(f"S(0.7) {found['S_70']:.3f}, mean IoU {found['mean_iou']:.3f}, overlap pixels recall "
          f"{found['overlap_recall']:.3f}, objects missed {found['object_fnr']:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
