"""The command `segment`: images in, a folder with labels, features and the recipe out."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_discern import io
from napari_discern.cli.console import blame, note, say, watch
from napari_discern.cli.flags import add_flags, given
from napari_discern.progress import Progress
from napari_discern.segmentation import MASKS, Recipe, ResultFolder, Written, make_recipe, read_layer, segment_files

RECORDS = ("weights_sha256", "version")
"""Fields of a recipe that say what made it; they are no wishes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which words the command takes."""
    parser.usage = "%(prog)s IMAGE... --model NAME_OR_PATH --out DIR [--recipe FILE] [--cluster.bandwidth X ...]"
    parser.epilog = "The recipe goes before the settings in the model's card, and flags go before the recipe."
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="files, folders, or patterns such as 'scans/*.tif'")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for STEM.tif, STEM.csv, recipe")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="do as this recipe says, such as DIR/recipe.toml")
    parser.add_argument(
        "--masks", choices=MASKS, default="npz", help="how objects that share pixels are written [default npz]"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace results that are there")
    add_flags(parser, Recipe, "recipe", skip=RECORDS)


def run(args: argparse.Namespace) -> int:
    """Find the objects of all images; 1 if some of them could not be done, 2 if none could."""
    images = list(dict.fromkeys(path for where in args.images for path in io.list_images(where)))
    folder = ResultFolder(args.out, recipe_of(args.recipe, given(args)), args.overwrite, args.masks)
    done = 0

    def tell(step: Progress) -> None:
        nonlocal done
        if isinstance(step, Written):
            done += not step.left
            say(f"{step.name}: {step.objects} objects -> {step.labels}, {step.seconds:.1f} s")

    try:
        failures = watch(segment_files(images, folder), tell)
    except KeyboardInterrupt:
        note(f"{done} of {len(images)} images are done" + (f" and stay in {args.out}." if done else "."))
        raise
    for path, error in failures.items():
        blame(path, error)
    if failures and len(images) > 1:
        note(f"{len(failures)} of {len(images)} images could not be done.")
    return (1 if done else 2) if failures else 0


def recipe_of(file: Path | None, flags: Mapping[str, Any]) -> Recipe:
    """The recipe to follow: the model's settings, over them the recipe file, over them the flags; see `make_recipe`."""
    return make_recipe(*([read_layer(file)] if file else []), ("--", flags))
