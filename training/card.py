"""Make a trained model one that ships: 16 bits a weight, scored on data, with a card and a picture.

    python training/card.py MODEL OUT --name N --description TEXT --licence L --data TEXT --val DIR [--picture IMAGE]
        [--notice FILE]
    python training/card.py MODEL OUT --settings --val DIR

The second form leaves the words of the card as they are and chooses the settings anew, on the images of DIR; so does
--settings in the first.

DIR holds images/, and labels/ or masks/. The scores in the card are those of the weights as they are written. Where no
IMAGE is named, the picture is of the first of DIR. FILE is a notice that the licence of the data asks for.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import PIL.Image

from napari_discern import io, load_model
from napari_discern.model import Model, Settings
from napari_discern.model.zoo import PICTURE
from napari_discern.pictures import overlay
from napari_discern.progress import run
from napari_discern.segmentation import segment
from napari_discern.training import Example, choose
from napari_discern.training.tuning import windows

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
from common import labelled, reached

SIDE = 192
"""Pixels along the longer side of the picture."""
FIELDS = ("name", "description", "licence", "data")


def main() -> None:
    """Save, score, and save again with the scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    for name in FIELDS:
        parser.add_argument(f"--{name}")
    parser.add_argument("--settings", action="store_true")
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--notice", type=Path)
    known = parser.parse_args()
    trained = load_model(str(known.model), "cpu")
    words: dict[str, Any] = {name: getattr(known, name) for name in FIELDS if getattr(known, name) is not None}
    if known.settings:
        words["settings"] = chosen(trained, known.val)
    replace(trained, card=trained.card.model_copy(update=words)).save(known.out, overwrite=True, half=True)
    half = load_model(str(known.out), "cpu")
    update = {"scores": scores(half, known.val)}
    replace(half, card=half.card.model_copy(update=update)).save(known.out, overwrite=True, half=True)
    draw(half, known.picture or min((known.val / "images").iterdir()), known.out / PICTURE)
    if known.notice:
        shutil.copyfile(known.notice, known.out / "NOTICE.txt")


def chosen(model: Model, val: Path) -> Settings:
    """The settings that are best on the images of a folder."""
    normalise, layers = model.card.settings.normalise, model.card.architecture.layers
    examples = [Example(image, truth, normalise(image), layers) for image, truth in labelled(val)]
    settings, _ = run(choose(model, windows(examples)))
    print(settings, flush=True)
    return settings


def scores(model: Model, val: Path) -> dict[str, float]:
    """What the model reaches on the images of a folder: means over the images."""
    found = reached(model, labelled(val))
    names = ["S_50", "S_mean", "SBD", "DiC", "PQ", *(["mean_iou"] if model.card.architecture.layers > 1 else [])]
    print({name: round(found[name], 3) for name in names}, flush=True)
    return {name: round(found[name], 4) for name in names}


def draw(model: Model, file: Path, to: Path) -> None:
    """What the model finds in an image."""
    image = io.read(file)
    drawn = PIL.Image.fromarray(overlay(image, run(segment(image, model)), magnify=2))
    drawn.thumbnail((SIDE, SIDE))
    drawn.quantize(128).save(to, optimize=True)


if __name__ == "__main__":
    main()
