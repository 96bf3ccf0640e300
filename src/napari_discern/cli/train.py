"""The command `train`: labelled images in, a model folder out."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_discern import io
from napari_discern.cli.console import note, notes, say, watch
from napari_discern.cli.flags import add_flags, given
from napari_discern.errors import BadArgument, OutputExists
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.model import MODEL_FILES, Card, zoo
from napari_discern.progress import Progress, Steps
from napari_discern.training import BEST, LEARNT, METHODS, Training, object_size, train

Labelled = list[tuple[Image, Instances]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which words the command takes."""
    parser.usage = "%(prog)s --images DIR --labels DIR --out MODEL [--minutes X | --steps N] [--model BASE] [...]"
    parser.epilog = "Stopped by Ctrl-C, the best model so far is in MODEL.training/best; --resume goes on."
    parser.add_argument("--images", required=True, metavar="DIR", help="images to train on")
    parser.add_argument("--labels", required=True, metavar="DIR", help="their labels, by the images' stems")
    parser.add_argument(
        "--val-images", metavar="DIR", help="images to choose weights and settings on; else some are set aside"
    )
    parser.add_argument("--val-labels", metavar="DIR", help="their labels")
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL", help="folder of the model to be")
    parser.add_argument("--model", metavar="BASE", help="model to start from, by name or path")
    parser.add_argument(
        "--name", metavar="TEXT", help="what the model is called in lists [default: that of its folder]"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the model that is there")
    parser.add_argument("--resume", action="store_true", help="go on with a training that was stopped")
    parser.add_argument(
        "--method",
        choices=list(METHODS),
        help="begin with what the authors of a method say of it, in place of our defaults",
    )
    add_flags(parser, Training, "training")


def run(args: argparse.Namespace) -> int:
    """Train a model and write it when it is done."""
    method = METHODS[args.method] if args.method else {}
    plain = Training().model_dump()
    training = Training.from_layers(("Training, ", plain), (f"--method {args.method}, ", method), ("--", given(args)))
    if (args.val_images is None) != (args.val_labels is None):
        raise BadArgument("give both --val-images and --val-labels, or neither.")
    io.refuse_existing([args.out], args.overwrite)
    io.refuse_foreign(args.out, MODEL_FILES)
    aside = args.out.with_name(f"{args.out.name}.training")
    _check_aside(aside, args)
    base = zoo.load_model(args.model, training.device) if args.model else None
    data = _read_all(args.images, args.labels)
    validation = _read_all(args.val_images, args.val_labels) if args.val_images else []
    try:
        with notes():
            model = watch(train(training, data, validation, base, aside, args.resume))
    except BaseException:
        note(_how_to_go_on(aside))
        raise
    card = model.card.model_copy(update={"name": args.name or args.out.name})
    saved = replace(model, card=card).save(args.out, args.overwrite)
    io.remove_ours(aside, LEARNT)
    say(f"{_summary(saved.card)}\nThe model is in {args.out}.")
    return 0


def _check_aside(aside: Path, args: argparse.Namespace) -> None:
    """Refuse to write over what an interrupted training left, unless this one goes on with it."""
    if args.resume and not aside.exists():
        raise BadArgument(f"there is nothing to resume: {aside} does not exist. Leave out --resume to start.")
    if aside.exists() and not (args.overwrite or args.resume):
        raise OutputExists(
            f"{aside} holds a training that was stopped; nothing was done. Go on with it with --resume, or discard it "
            "with --overwrite."
        )
    if others := io.strangers(aside, LEARNT):
        raise OutputExists(
            f"{aside} is where an unfinished training is kept, and holds {others[0]!r}, which we have not written; "
            "nothing was done. Move that away, or choose another --out."
        )
    if not args.resume:
        io.remove_ours(aside, LEARNT)


def _read_all(images: str, labels: str) -> Labelled:
    """All images with their labels, and a line that says what they are."""
    data = watch(_read(io.pair(images, labels)))
    counts = [truth.n for _, truth in data]
    size = object_size([truth for _, truth in data])
    say(
        f"{images}: {len(data)} images, {sum(counts)} objects, {np.median(counts):.0f} in the median image, "
        f"about {size:.0f} px across"
    )
    return data


def _read(pairs: list[io.Pair]) -> Steps[Labelled]:
    data: Labelled = []
    for pair in pairs:
        yield Progress("read", len(data), len(pairs))
        data.append(pair.read())
    return data


def _how_to_go_on(aside: Path) -> str:
    if not aside.is_dir():
        return "training ended before anything was kept; nothing was written."
    best = f"the best model so far is in {aside / BEST}; " if (aside / BEST).is_dir() else ""
    return f"{best}to go on, give the same command with --resume"


def _summary(card: Card) -> str:
    """Scores, chosen settings and time, on three lines."""
    s, how = card.settings, card.training
    scores = ", ".join(f"{name} {value:.3f}" for name, value in card.scores.items())
    tried = dict.fromkeys(name for change in s.cluster.trials for name in change)
    clustering = ", ".join(f"{name} {getattr(s.cluster, name):g}" for name in tried)
    joined = f"pieces joined up to {s.join_share:g}, " if s.join_share else ""
    chosen = f"{clustering}, foreground {s.foreground_threshold:g}, {joined}smallest object {s.min_size} px"
    return (
        f"on validation images: {scores}\nchosen there: {chosen}\n"
        f"trained for {how['steps_done']} steps, {how['minutes_done']:g} minutes"
    )
