"""Many: the objects of many images, by one recipe; of those in memory, and of files into a folder of results."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_discern import io
from napari_discern.errors import BadArgument, DiscernError
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.metrics import abridged
from napari_discern.model import Model, zoo
from napari_discern.progress import Progress, Steps, part_of
from napari_discern.segmentation.recipe import Recipe
from napari_discern.segmentation.results import ResultFolder
from napari_discern.segmentation.single import find_in_image, in_smaller_tiles


@dataclass(frozen=True, kw_only=True)
class Written(Progress):
    """Progress, when the objects of an image, or of one of its time points, have been written.

    Attributes
    ----------
    labels : Path
        Where they are.
    objects, left : int
        How many there are, and how many time points of this image are still to come.
    """

    name: str
    labels: Path
    objects: int
    seconds: float
    left: int


def segment_all(images: Sequence[Image], model: Model, recipe: Recipe) -> Steps[tuple[list[Instances], Recipe]]:
    """Find the objects of several images by one recipe, and which that was in the end.

    Where memory runs out all are begun anew with smaller tiles, so that the recipe is that of each.

    Parameters
    ----------
    images : sequence of Image
        As `segment` wants them.
    model : Model
        What finds the objects.
    recipe : Recipe
        Settings and tiling; see `make_recipe`.

    Raises
    ------
    BadArgument, OutOfMemory
        As `segment`.
    """

    def one_by_one(tried: Recipe) -> Steps[list[Instances]]:
        found = []
        for k, image in enumerate(images):
            found.append((yield from part_of(find_in_image(image, model, tried), "segment", k, 1, len(images))))
        return found

    return (yield from in_smaller_tiles(one_by_one, recipe, model.card))


def segment_files(paths: Sequence[Path], folder: ResultFolder) -> Steps[dict[Path, DiscernError]]:
    """Find the objects of image files, each time point by itself, and write them into a folder; `Written` for each.

    Parameters
    ----------
    paths : sequence of Path
        Images; no two of one stem.
    folder : ResultFolder
        Where results go, and the recipe; it names the model.

    Returns
    -------
    dict of Path to DiscernError
        What went wrong with an image, which does not stop the others.

    Raises
    ------
    BadArgument, OutputExists
        Before any work is done, if the folder refuses.
    BadFile
        If the folder cannot be written to.
    """
    folder.check(paths)
    model = zoo.load_model(folder.recipe.model, folder.recipe.device)
    failures: dict[Path, DiscernError] = {}
    for k, path in enumerate(paths):
        name = abridged(path.name, 24)
        yield Progress(name, k, len(paths))
        try:
            frames = list(io.read(path).split_frames())
        except DiscernError as error:
            failures[path] = error
            continue
        for f, frame in enumerate(frames):
            steps = _into(folder, frame, model, len(frames) - f - 1)
            failure = yield from part_of(steps, name, k + f / len(frames), 1 / len(frames), len(paths))
            if failure is not None:
                failures[path] = failure
                break
    return failures


def _into(folder: ResultFolder, image: Image, model: Model, left: int) -> Steps[DiscernError | None]:
    """Find the objects of an image and write them into a folder; what was wrong with that image."""
    begun = time.perf_counter()
    try:
        (objects,), recipe = yield from segment_all([image], model, folder.recipe)
    except DiscernError as error:
        return error
    try:
        labels = folder.write(image.name, objects, recipe)
    except BadArgument as error:  # such objects have no place in such files
        return error
    seconds = time.perf_counter() - begun
    yield Written("write", 1, 1, name=image.name, labels=labels, objects=objects.n, seconds=seconds, left=left)
    return None
