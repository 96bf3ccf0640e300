"""Draw what a model finds into its folder, for the list of models: python training/picture.py MODEL IMAGE."""

from __future__ import annotations

import sys
from pathlib import Path

import PIL.Image

from napari_discern import io, load_model
from napari_discern.pictures import overlay
from napari_discern.progress import run
from napari_discern.segmentation import segment
from napari_discern.zoo import PICTURE

SIDE = 192
"""Pixels along the longer side."""


def main(model: Path, file: Path) -> None:
    """Find, draw and save."""
    image = io.read(file)
    drawn = PIL.Image.fromarray(overlay(image, run(segment(image, load_model(str(model), "cpu"))), magnify=2))
    drawn.thumbnail((SIDE, SIDE))
    drawn.quantize(128).save(model / PICTURE, optimize=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
