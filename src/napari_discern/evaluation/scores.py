"""Evaluation: score a model, or a folder of labels against a folder of true ones, and draw the worst."""

from __future__ import annotations

from pathlib import Path

from napari_discern import io
from napari_discern.errors import BadFile
from napari_discern.evaluation.windows import Labelled, distinct
from napari_discern.instances import Instances
from napari_discern.metrics import Report, Score, score
from napari_discern.model import Model
from napari_discern.pictures import Case, draw_misses
from napari_discern.progress import Progress, Steps, part_of
from napari_discern.segmentation import segment


def evaluate(labels: Path, truth: Path) -> Steps[Report]:
    """Score each file of `labels` against the file of the same stem in `truth`.

    Parameters
    ----------
    labels, truth : Path
        Folders with flat label images or stacks of masks.

    Yields
    ------
    Progress
        After each image, with its S(0.5).

    Raises
    ------
    BadFile
        If a file has no partner, cannot be read, or is of another shape than its partner.
    """
    pairs = io.match(io.list_labels(labels), io.list_labels(truth))
    scores: dict[str, Score] = {}
    yield Progress("evaluate", 0, len(pairs))
    for name, found, true in pairs:
        scores[name] = score(*_read_both(found, true))
        yield Progress("evaluate", len(scores), len(pairs), {"S(0.50)": scores[name].S[0.5]})
    return Report(scores)


def evaluate_model(model: Model, data: Labelled) -> Steps[Report]:
    """Segment labelled images with a model and its settings, and score what it finds.

    Parameters
    ----------
    model : Model
    data : sequence of (Image, Instances)
        Labelled images.

    Raises
    ------
    BadArgument
        If an image does not fit the model, or its labels are of another shape.
    """
    scores: dict[str, Score] = {}
    for done, (image, truth) in enumerate(data):
        found = yield from part_of(segment(image, model), "evaluate", done, 1, len(data))
        scores[distinct(image.name, scores, done + 1)] = score(found, truth)
    return Report(scores)


def draw_worst(
    report: Report,
    labels: Path,
    truth: Path,
    path: Path,
    *,
    images: Path | None = None,
    count: int = 6,
    overwrite: bool = False,
) -> None:
    """Draw the images with the lowest mean S, the worst first, with their misses; see `draw_misses`.

    Parameters
    ----------
    report : Report
        What `evaluate` made of the same folders.
    labels, truth : Path
        The folders; the files to draw are read anew.
    path : Path
        The picture to write: PNG, PDF or SVG.
    images : Path, optional
        A folder with images of the same stems. Without it true objects are drawn in grey.
    count : int
        Number of images to draw, at the most.
    overwrite : bool
        Whether `path` may exist.

    Raises
    ------
    BadFile
        If a file is missing, cannot be read or is of another shape than its partner.
    OutputExists
        If `path` exists and `overwrite` is not set.
    """
    draw_misses(_cases(report, report.worst(count), labels, truth, images), path, overwrite)


def _cases(report: Report, names: list[str], labels: Path, truth: Path, images: Path | None) -> list[Case]:
    """What is to be drawn, read anew."""
    found = {io.stem(file): file for file in io.list_labels(labels)}
    true = {io.stem(file): file for file in io.list_labels(truth)}
    pixels = {} if images is None else {io.stem(file): file for file in io.list_images(images)}
    lacking = [name for name in names if not (name in found and name in true and (images is None or name in pixels))]
    if lacking:
        raise BadFile(f"no file for {', '.join(lacking)} in {labels}, {truth} or {images}; add it, or evaluate anew.")
    cases = []
    for name in names:
        objects = _read_both(found[name], true[name])
        image = io.read(pixels[name]) if name in pixels else None
        if image is not None and image.spatial_shape != objects[1].shape:
            raise _differ(pixels[name], image.spatial_shape, true[name], objects[1].shape)
        cases.append(Case(name, *objects, report.scores[name], image))
    return cases


def _read_both(found_path: Path, truth_path: Path) -> tuple[Instances, Instances]:
    found, truth = io.read_instances(found_path), io.read_instances(truth_path)
    if found.shape != truth.shape:
        raise _differ(found_path, found.shape, truth_path, truth.shape)
    return found, truth


def _differ(one: Path, shape: tuple[int, ...], other: Path, other_shape: tuple[int, ...]) -> BadFile:
    return BadFile(f"{one} has shape {shape}, {other} {other_shape}; both must be of the same image, at its full size.")
