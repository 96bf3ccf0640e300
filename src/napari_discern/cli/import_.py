"""The command `import`: a model of a bioimage.io package, for us."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_discern import io
from napari_discern.cli.console import say
from napari_discern.model import zoo
from napari_discern.model.exchange import read_package


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which words the command takes."""
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="a bioimage.io package, .zip or a folder")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the model's folder [default among your own models]")
    parser.add_argument("--overwrite", action="store_true", help="replace a model that is there")


def run(args: argparse.Namespace) -> int:
    """Read the package and write the model."""
    out = args.out or zoo.own_models() / args.package.name.removesuffix(".zip")
    io.refuse_existing([out], args.overwrite)
    model = read_package(args.package)
    model.save(out, args.overwrite)
    say(f"{model.card.name} is in {out}.")
    if model.card.description:
        say(f"    {model.card.description}")
    return 0
