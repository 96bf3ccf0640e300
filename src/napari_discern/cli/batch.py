"""The command `batch`: OME-Zarr volumes larger than memory, labels written back into them."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_discern.batch import Batch, Estimate, Task, VolumeDone, estimate_all, job_script, label_all
from napari_discern.cli.console import blame, say, watch
from napari_discern.cli.flags import add_flags, given
from napari_discern.cli.segment import RECORDS, recipe_of
from napari_discern.errors import DiscernError
from napari_discern.progress import Progress
from napari_discern.progress import run as run_to_end
from napari_discern.segmentation import Recipe

DONE, FAILED_SOME, FAILED_ALL, SUSPICIOUS = 0, 1, 2, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which words the command takes."""
    parser.usage = "%(prog)s INPUT... --model NAME_OR_PATH [--dry-run | --resume] [--workers N] [--memory 8GB] ..."
    parser.epilog = (
        "Exit code 0: done; 1: some volumes could not be done; 2: none could; 3: done, but something at the seams "
        "should be looked at (labels/NAME/seams.csv, which napari opens as points)."
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="OME-Zarr images, plates, other images, patterns")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="do as this recipe says")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where images that are no OME-Zarr are converted to")
    parser.add_argument("--dry-run", action="store_true", help="say what it will take, from two tiles; change nothing")
    parser.add_argument("--resume", action="store_true", help="go on with runs that were stopped or killed")
    parser.add_argument("--overwrite", action="store_true", help="replace label images and unfinished runs")
    parser.add_argument("--slurm", type=Path, metavar="FILE", help="write a job script for SLURM, and run nothing")
    add_flags(parser, Batch, "batch", dashes=True)
    add_flags(parser, Recipe, "recipe", skip=RECORDS)


def run(args: argparse.Namespace) -> int:
    """Label all volumes; what is wrong with one does not stop the others."""
    flags = given(args)
    wishes = {name: flags.pop(name) for name in list(flags) if name in Batch.model_fields}
    batch, recipe = Batch.from_layers(("--", wishes)), recipe_of(args.recipe, flags)
    if args.slurm:
        say(job_script(args.slurm, args.inputs, recipe, batch, args.out, args.overwrite))
        return DONE
    task = Task(recipe, batch, args.resume, args.overwrite)
    if args.dry_run:
        done = run_to_end(estimate_all(task, args.inputs, args.out), _tell)
    else:
        done = watch(label_all(task, args.inputs, args.out), _tell)
    failed = sum(isinstance(each.result, DiscernError) for each in done)
    if failed:
        return FAILED_ALL if failed == len(done) else FAILED_SOME
    return SUSPICIOUS if any(each.report and each.report.suspicious for each in done) else DONE


def _tell(step: Progress) -> None:
    """Say a line of each volume."""
    if not isinstance(step, VolumeDone):
        return
    source, result = step.source, step.result
    if isinstance(result, DiscernError):
        blame(source.path, result)
    elif isinstance(result, Estimate):
        say(f"{source.path}: {result.line}")
    else:
        say(f"{source.volume}: {result.line}, {result.seconds:.1f} s")
