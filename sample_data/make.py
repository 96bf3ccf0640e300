"""Draw the sample data anew: ``python sample_data/make.py`` writes the same pixels every time.

The pictures lie as ``KIND/images/STEM.png`` (or ``.tif``), their truth as ``KIND/labels/STEM.tif``, or
``STEM.planes.tif`` where objects share pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_discern import io
from napari_discern.synthetic import Cells, Nuclei3D, Rosette, Scene, Sticks, Translucent, Worms

HERE = Path(__file__).resolve().parent
SAMPLES: list[tuple[str, str, Scene, int]] = [
    ("sticks", ".png", Sticks(), 2),
    ("sticks", ".png", Sticks(), 4),
    ("leaves", ".png", Rosette(most=9), 1),
    ("leaves", ".png", Rosette(fewest=10), 7),
    ("cells", ".tif", Cells(), 2),
    ("cells", ".tif", Cells(stain="membrane"), 5),
    ("nuclei_3d", ".tif", Nuclei3D(depth=24), 1),
    ("translucent", ".png", Translucent(), 1),
    ("translucent", ".png", Translucent(), 3),
    ("worms", ".png", Worms(), 3),
]
"""Folder, format of the picture, what is drawn, and from which seed."""


def make(out: Path) -> list[Path]:
    """Write all samples below a folder, over those that are there; returns the files of the pictures."""
    return [_write(out / folder, suffix, scene, seed) for folder, suffix, scene, seed in SAMPLES]


def _write(folder: Path, suffix: str, scene: Scene, seed: int) -> Path:
    image, truth = scene(seed)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    path = folder / "images" / f"{image.name}{suffix}"
    io.write_image(path, image, overwrite=True)
    if len(truth.planes) > 1:
        io.write_masks(folder / "labels" / f"{image.name}.planes.tif", truth, overwrite=True)
    else:
        io.write_labels(folder / "labels" / f"{image.name}.tif", truth, overwrite=True)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw the sample data anew.")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: this one)")
    make(parser.parse_args().out)
