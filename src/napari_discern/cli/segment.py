"""The command `segment`: images in, a folder with labels, features and the recipe out."""

from __future__ import annotations

import argparse
import glob
import re
import time
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_discern import __version__, io
from napari_discern.cli.console import note, say, watch
from napari_discern.cli.flags import add_flags, build, given
from napari_discern.cli.outputs import refuse_existing, write_text
from napari_discern.errors import BadArgument, BadFile, DiscernError, OutputExists
from napari_discern.instances import Instances
from napari_discern.metrics import abridged
from napari_discern.model import Model, read_card, zoo
from napari_discern.progress import Progress, Steps, part_of
from napari_discern.segmentation import Recipe, segment

RECIPE = "recipe.toml"
MASKS = {"npz": ".npz", "tif": ".masks.tif", "planes": ".planes.tif", "coco": ".coco.json"}
"""Ways to write objects that share pixels, and the suffix of each."""
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
    _check_names(images, args.out)
    refuse_existing((old for path in images for old in _outputs(path, args.out)), args.overwrite)
    recipe = plan(args.recipe, given(args))
    folder = Folder(args.out, recipe, args.overwrite, MASKS[args.masks])
    folder.refuse_mixture([io.stem(path) for path in images])
    work = Work(folder, zoo.load_model(recipe.model, recipe.device))
    try:
        watch(work.segment_all(images))
    except KeyboardInterrupt:
        note(f"{work.done} of {len(images)} images are done" + (f" and stay in {args.out}." if work.done else "."))
        raise
    for failure in work.failures:
        note(f"error: {failure}")
    if work.failures and len(images) > 1:
        note(f"{len(work.failures)} of {len(images)} images could not be done.")
    return (1 if work.done else 2) if work.failures else 0


def plan(file: Path | None, flags: dict[str, Any]) -> Recipe:
    """The recipe to follow: the model's settings, over them the recipe file, over them the flags.

    Raises
    ------
    BadArgument
        If a value does not fit, no model is named, or the recipe was made with other weights.
    """
    written = _read_recipe(file) if file else {}
    name = flags.get("model") or written.get("model")
    if not isinstance(name, str):
        raise BadArgument("no model is named: give --model NAME_OR_PATH, or a --recipe that names one.")
    location = zoo.locate_model(name)
    card = read_card(location)
    pinned = written.get("weights_sha256")
    if pinned and pinned != card.weights_sha256:
        raise BadArgument(
            f"{file} was made with other weights than those of model {name!r} ({location}); the labels would differ. "
            "Find the model that it was made with, or take the line weights_sha256 out of the recipe to use this one."
        )
    if written.get("version", __version__) != __version__:
        note(f"warning: {file} was made by version {written['version']}, this is {__version__}; labels may differ.")
    made = {
        "model": name if location.parent == zoo.BUNDLED else str(location),
        "weights_sha256": card.weights_sha256,
        "version": __version__,
    }
    settings = card.settings.model_dump()
    recipe = build(Recipe, (f"the card of {name}", settings), (str(file), written), ("", flags), ("the model", made))
    return recipe if "min_size" in {**written, **flags} else recipe.with_least_size(card)


def _read_recipe(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadFile(f"{file} cannot be read ({error.strerror}). Give the recipe.toml of a result folder.") from error
    except ValueError as error:
        raise BadFile(f"{file} is not valid TOML: {error}. Mend that line, or copy the recipe anew.") from error


def _outputs(image: Path, out: Path) -> Iterable[Path]:
    """The results of an image that are, or may be, in the folder; of each of its time points as well."""
    stem = io.stem(image)
    yield from (out / f"{stem}{suffix}" for suffix in (".tif", ".csv", *MASKS.values()))
    yield from out.glob(f"{glob.escape(stem)}_t[0-9][0-9][0-9][0-9].*")


def _check_names(images: list[Path], out: Path) -> None:
    """Refuse images that share a stem, and results that would lie on an image."""
    seen: dict[str, Path] = {}
    for path in images:
        other = seen.setdefault(io.stem(path), path)
        if other is not path:
            raise BadArgument(f"{other} and {path} have one stem, so their results would. Rename one, or do it apart.")
    results = {(out / f"{stem}{suffix}").resolve() for stem in seen for suffix in (".tif", *MASKS.values())}
    for path in images:
        if path.resolve() in results:
            raise BadArgument(f"the labels of {path} would lie on the image itself. Choose another folder than {out}.")


@dataclass(frozen=True)
class Folder:
    """Where results go: labels, features, and the recipe that made them."""

    path: Path
    recipe: Recipe
    overwrite: bool
    masks: str = MASKS["npz"]

    def __post_init__(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise BadArgument(f"{self.path} is a file; --out names the folder that results go to.")
        if not self.overwrite and self._recipe() not in (None, self.recipe.to_toml()):
            raise OutputExists(
                f"{self.path} holds results of another recipe ({RECIPE}); nothing was done. "
                "Choose another folder, or allow to overwrite (--overwrite)."
            )

    def refuse_mixture(self, stems: Iterable[str]) -> None:
        """Refuse to leave results of another recipe beside those of these images."""
        redone = set(stems)
        found = {re.sub(r"_t\d{4}$", "", file.stem): file for file in self.path.glob("*.csv")}
        others = sorted(file.name for stem, file in found.items() if not {stem, file.stem} & redone)
        if others and self._recipe() not in (None, self.recipe.to_toml()):
            raise OutputExists(
                f"{self.path} also holds results of other images by another recipe ({others[0]} is one of "
                f"{len(others)}); {RECIPE} can describe one only. Choose another folder, or do all images anew."
            )

    def write(self, name: str, objects: Instances) -> Path:
        """Write the results of one image, the labels last; returns their path."""
        if self._recipe() != self.recipe.to_toml():
            write_text(self.path / RECIPE, self.recipe.to_toml(), self.overwrite)
        io.write_features(self.path / f"{name}.csv", objects, self.overwrite)
        flat = len(objects.planes) == 1
        written = self.path / f"{name}{'.tif' if flat else self.masks}"
        try:
            (io.write_labels if flat else io.write_masks)(written, objects, self.overwrite)
        except BadArgument:
            (self.path / f"{name}.csv").unlink(missing_ok=True)
            raise
        for suffix in (".tif", self.masks):
            if written.name != f"{name}{suffix}":
                (self.path / f"{name}{suffix}").unlink(missing_ok=True)
        return written

    def _recipe(self) -> str | None:
        file = self.path / RECIPE
        return file.read_text(encoding="utf-8") if file.is_file() else None


@dataclass
class Work:
    """Images being done: how many are, and what went wrong with the others."""

    folder: Folder
    model: Model
    done: int = 0
    failures: list[str] = field(default_factory=list)

    def segment_all(self, images: list[Path]) -> Steps[None]:
        """One image after another. What is wrong with one does not stop the others; a full disk does."""
        for k, path in enumerate(images):
            name = abridged(path.name, 24)
            yield Progress(name, k, len(images))
            try:
                frames = list(io.read(path).split_frames())
            except DiscernError as error:
                self._fail(path, error)
                continue
            for f, frame in enumerate(frames):
                begun, steps = time.perf_counter(), segment(frame, self.model, self.folder.recipe)
                try:
                    objects = yield from part_of(steps, name, k + f / len(frames), 1 / len(frames), len(images))
                except DiscernError as error:
                    self._fail(path, error)
                    break
                try:
                    written = self.folder.write(frame.name, objects)
                except BadArgument as error:  # such objects have no place in such files
                    self._fail(path, error)
                    break
                seconds = time.perf_counter() - begun
                say(f"{frame.name}: {objects.n} objects -> {written}, {seconds:.1f} s")
            else:
                self.done += 1

    def _fail(self, path: Path, error: DiscernError) -> None:
        self.failures.append(str(error) if path.name in str(error) else f"{path}: {error}")
