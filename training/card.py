"""Make a trained model one that ships: 16 bits a weight, scored on data, with a card and a picture.

    python training/card.py MODEL OUT --name N --description TEXT --licence L --data TEXT --val DIR [--picture IMAGE]
        [--notice FILE]

DIR holds images/, and labels/ or masks/. The scores in the card are those of the weights as they are written. Where no
IMAGE is named, the picture is of the first of DIR. FILE is a notice that the licence of the data asks for.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import PIL.Image

from napari_discern import io, load_model
from napari_discern.evaluation import evaluate_model
from napari_discern.model import Model
from napari_discern.pictures import overlay
from napari_discern.progress import run
from napari_discern.segmentation import segment
from napari_discern.zoo import PICTURE

SIDE = 192
"""Pixels along the longer side of the picture."""
FIELDS = ("name", "description", "licence", "data")


def main() -> None:
    """Save, score, and save again with the scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    for name in FIELDS:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--notice", type=Path)
    known = parser.parse_args()
    trained = load_model(str(known.model), "cpu")
    words = {name: getattr(known, name) for name in FIELDS}
    replace(trained, card=trained.card.model_copy(update=words)).save(known.out, overwrite=True, half=True)
    half = load_model(str(known.out), "cpu")
    update = {"scores": scores(half, known.val)}
    replace(half, card=half.card.model_copy(update=update)).save(known.out, overwrite=True, half=True)
    draw(half, known.picture or min((known.val / "images").iterdir()), known.out / PICTURE)
    if known.notice:
        shutil.copyfile(known.notice, known.out / "NOTICE.txt")


def scores(model: Model, val: Path) -> dict[str, float]:
    """What the model reaches on the images of a folder: means over the images."""
    truth = "labels" if (val / "labels").is_dir() else "masks"
    found = run(evaluate_model(model, [pair.read() for pair in io.pair(val / "images", val / truth)])).mean
    figures = {"S_50": found["S"]["0.50"], "S_mean": found["S_mean"], "SBD": found["SBD"], "DiC": found["DiC"],
        "PQ": found["PQ"]}  # fmt: skip
    if model.card.architecture.layers > 1:
        figures["mean_iou"] = found["sharing"]["mean_iou"]
    print({name: round(value, 3) for name, value in figures.items()}, flush=True)
    return {name: round(value, 4) for name, value in figures.items()}


def draw(model: Model, file: Path, to: Path) -> None:
    """What the model finds in an image."""
    image = io.read(file)
    drawn = PIL.Image.fromarray(overlay(image, run(segment(image, model)), magnify=2))
    drawn.thumbnail((SIDE, SIDE))
    drawn.quantize(128).save(to, optimize=True)


if __name__ == "__main__":
    main()
