"""The command `demo`: the objects of a sample, in napari, or as files where there is no screen."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from napari_discern import io
from napari_discern.cli.console import say, watch
from napari_discern.errors import BadModel
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.metrics import Report, score
from napari_discern.model import zoo
from napari_discern.pictures import save_overlay
from napari_discern.segmentation import segment
from napari_discern.synthetic import Cells

FILES = ("scores.json", "image.tif", "labels.tif", "features.csv", "overlay.png")
SEED = 2
MODEL = "nuclei"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which words the command takes."""
    parser.add_argument("--model", metavar="NAME_OR_PATH", help=f"what finds the objects [default {MODEL}]")
    parser.add_argument("--no-window", action="store_true", help="write files, even where there is a screen")
    out = Path("napari-discern-demo")
    parser.add_argument("--out", type=Path, default=out, metavar="DIR", help=f"where files go [default {out}]")


def run(args: argparse.Namespace) -> int:
    """Draw the sample, find its objects, and show them or write them down."""
    from napari_discern import gui

    name, (image, truth) = args.model or _pick(), Cells()(SEED)
    model = zoo.load_model(name)
    begun = time.perf_counter()
    objects = watch(segment(image, model))
    seconds = time.perf_counter() - begun
    say(f"{image.name}: {objects.n} objects found in {seconds:.1f} s by {name}; {truth.n} are there.")
    if gui.has_screen() and not args.no_window:
        gui.show(image, objects)
    else:
        _write(args.out, image, objects, truth)
    return 0


def _pick() -> str:
    """The bundled model for the sample: `MODEL`, or the first for 2D images of one channel."""
    fitting = [n for n, c in zoo.list_models() if (c.architecture.ndim, c.architecture.channels) == (2, 1)]
    if not fitting:
        raise BadModel("no model for the sample comes along with this version; name one of your own (--model).")
    return MODEL if MODEL in fitting else fitting[0]


def _write(out: Path, image: Image, objects: Instances, truth: Instances) -> None:
    """Image, labels, features, overlay and scores, in a folder of their own; that of an earlier demo is replaced."""
    report = Report({image.name: score(objects, truth)})
    with io.atomic(out, overwrite=True, ours=FILES) as folder:
        io.write_image(folder / "image.tif", image)
        io.write_labels(folder / "labels.tif", objects)
        io.write_features(folder / "features.csv", objects)
        save_overlay(image, objects, folder / "overlay.png")
        (folder / "scores.json").write_text(report.to_json(), encoding="utf-8")
    say(f"{report.table()}\n{', '.join(FILES)} are in {out.resolve()}")
