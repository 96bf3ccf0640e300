"""The command `evaluate`: labels and the truth in, scores out."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from napari_discern import io
from napari_discern.cli.console import say, watch
from napari_discern.errors import BadArgument
from napari_discern.evaluation import draw_worst, evaluate, oracle, score_proposals, verdict
from napari_discern.metrics import table_of
from napari_discern.model import zoo
from napari_discern.pictures import draw_proposals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which words the command takes."""
    parser.add_argument("--truth", type=Path, required=True, metavar="DIR", help="true labels or stacks of masks")
    parser.add_argument("--labels", type=Path, metavar="DIR", help="labels to score, by the stems of the true ones")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores to this file")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the worst images: PNG, PDF or SVG")
    parser.add_argument("--images", type=Path, metavar="DIR", help="the images, for the figure and for a model")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    box = parser.add_argument_group("what holds a result back")
    box.add_argument(
        "--oracle", action="store_true", help="score --model on --images, with true foreground and centres too"
    )
    box.add_argument(
        "--proposals", action="store_true", help="score the masks of --model's seeds on --images, by their number"
    )
    box.add_argument("--model", metavar="NAME_OR_PATH", help="the model to look at")
    box.add_argument("--device", default="auto", help="where it runs: auto, cpu, cuda, cuda:1 [default auto]")


def run(args: argparse.Namespace) -> int:
    """Score, print the table, and write what was asked for."""
    io.refuse_existing([args.json, args.figure], args.overwrite)
    if args.oracle and args.proposals:
        raise BadArgument("give --oracle or --proposals, not both.")
    return _look_into(args) if args.oracle else _propose(args) if args.proposals else _score(args)


def _score(args: argparse.Namespace) -> int:
    """Score a folder of labels."""
    if args.labels is None or args.model is not None:
        raise BadArgument(
            "give --labels DIR to score it against --truth, or --oracle or --proposals with --model and --images."
        )
    report = watch(evaluate(args.labels, args.truth))
    say(report.table().rstrip("\n"))
    if args.json:
        io.write_text(args.json, report.to_json(), args.overwrite)
    if args.figure:
        images, overwrite = args.images, args.overwrite
        draw_worst(report, args.labels, args.truth, args.figure, images=images, overwrite=overwrite)
    return 0


def _propose(args: argparse.Namespace) -> int:
    """Score the proposals of a model, and draw their curves."""
    if args.model is None or args.images is None or args.labels is not None:
        raise BadArgument("--proposals needs --model and --images beside --truth, and takes no --labels.")
    pairs = io.pair(args.images, args.truth)
    found = watch(score_proposals(zoo.load_model(args.model, args.device), [pair.read() for pair in pairs]))
    say(found.table().rstrip("\n"))
    if args.json:
        io.write_text(args.json, found.to_json(), args.overwrite)
    if args.figure:
        shares = {
            "recall, IoU 0.5": found.recall,
            "average recall": found.average_recall,
            "mAP$^r$, IoU 0.5": found.precision_by_number,
        }
        draw_proposals(found.precision, shares, found.calibration, args.figure, args.overwrite)
    return 0


def _look_into(args: argparse.Namespace) -> int:
    """Score a model with its foreground, its clustering, or both replaced by the truth."""
    if args.model is None or args.images is None or args.labels is not None or args.figure is not None:
        raise BadArgument("--oracle needs --model and --images beside --truth, and takes no --labels and no --figure.")
    pairs = io.pair(args.images, args.truth)
    rows = watch(oracle(zoo.load_model(args.model, args.device), [pair.read() for pair in pairs]))
    say(f"{table_of(rows)}{verdict(rows)}")
    if args.json:
        reports = {name: report.to_dict() for name, report in rows.items()}
        io.write_text(args.json, json.dumps(reports, indent=2, allow_nan=False) + "\n", args.overwrite)
    return 0
