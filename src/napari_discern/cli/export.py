"""The command `export`: a model for other tools."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_discern import io
from napari_discern.cli.console import say
from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.model import Card, zoo
from napari_discern.model.exchange import write_onnx, write_package
from napari_discern.synthetic import Cells, Nuclei3D, Rosette, Scene

SCENES: dict[tuple[int, int], Scene] = {(2, 1): Cells(), (3, 1): Nuclei3D(), (2, 3): Rosette()}
"""A sample for a model of so many dimensions and channels, where none is given."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which words the command takes."""
    parser.add_argument(
        "model", metavar="NAME_OR_PATH", help="a model of the list (napari-discern models), or a folder"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="STEM.zip, a bioimage.io package, or STEM.onnx"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    package = parser.add_argument_group("of a package")
    package.add_argument("--image", type=Path, metavar="FILE", help="the sample input [default a synthetic image]")
    package.add_argument("--author", action="append", default=[], metavar="NAME", help="who made it; several times")
    package.add_argument("--licence", default="", metavar="SPDX", help="such as CC0-1.0 [default that of the model]")


def run(args: argparse.Namespace) -> int:
    """Write the file."""
    io.refuse_existing([args.out], args.overwrite)
    model = zoo.load_model(args.model, "cpu")
    if args.out.suffix == ".onnx":
        write_onnx(model, args.out, args.overwrite)
    elif args.out.suffix == ".zip":
        sample = io.read(args.image) if args.image else _sample(model.card)
        write_package(model, args.out, sample, args.author, args.licence, args.overwrite)
    else:
        raise BadArgument(f"{args.out} must end in .zip (a bioimage.io package) or .onnx.")
    say(f"{args.model} is in {args.out}.")
    return 0


def _sample(card: Card) -> Image:
    kind = (card.architecture.ndim, card.architecture.channels)
    if kind not in SCENES:
        raise BadArgument(f"there is no sample of {kind[0]}D images with {kind[1]} channels; give one with --image.")
    return SCENES[kind](0)[0]
