"""The command `batch`: OME-Zarr volumes larger than memory, labels written back into them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from napari_discern.batch import Batch, Report, Source, Task, crew_for, job_script, sources
from napari_discern.batch.crew import Crew
from napari_discern.cli.console import note, say, watch
from napari_discern.cli.flags import add_flags, build, given
from napari_discern.cli.segment import RECORDS
from napari_discern.cli.segment import plan as recipe_of
from napari_discern.errors import DiscernError
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
    batch, recipe = build(Batch, ("", wishes)), recipe_of(args.recipe, flags)
    if args.slurm:
        say(job_script(args.slurm, args.inputs, recipe, batch, args.out, args.overwrite))
        return DONE
    work, images = Work(Task(recipe, batch, args.resume, args.overwrite)), sources(args.inputs, args.out)
    if args.dry_run:
        return work.try_all(images)
    with crew_for(batch) as crew:
        return work.label_all(images, crew)


@dataclass
class Work:
    """Volumes being done: reports of those that are, and what went wrong with the others."""

    task: Task
    reports: list[Report] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def try_all(self, images: list[Source]) -> int:
        """Say what each volume will take."""
        for source in images:
            try:
                say(f"{source.path}: {self.task.estimate(source).line}")
            except DiscernError as error:
                self._fail(source.path, error)
        return FAILED_ALL if len(self.failures) == len(images) else min(FAILED_SOME, len(self.failures))

    def label_all(self, images: list[Source], crew: Crew) -> int:
        """Label one volume after another, and say a line of each."""
        for source in images:
            try:
                report = watch(self.task.label(source, crew))
            except DiscernError as error:
                self._fail(source.path, error)
                continue
            self.reports.append(report)
            say(f"{source.volume}: {report.line}, {report.seconds:.1f} s")
        if self.failures:
            return FAILED_SOME if self.reports else FAILED_ALL
        return SUSPICIOUS if any(report.suspicious for report in self.reports) else DONE

    def _fail(self, path: Path, error: DiscernError) -> None:
        text = str(error) if path.name in str(error) else f"{path}: {error}"
        self.failures.append(text)
        note(f"error: {text}")
