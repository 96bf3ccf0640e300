"""Results: a folder with labels, tables, and the recipe that made them."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_discern import io
from napari_discern.errors import BadArgument, OutputExists
from napari_discern.instances import Instances
from napari_discern.segmentation.recipe import Recipe

RECIPE = "recipe.toml"
MASKS = {"npz": ".npz", "tif": ".masks.tif", "planes": ".planes.tif", "coco": ".coco.json"}
"""Ways to write objects that share pixels, and the suffix of each."""


@dataclass
class ResultFolder:
    """Where the results of many images go: `STEM.tif`, `STEM.csv`, and the recipe that made them.

    Attributes
    ----------
    path : Path
        The folder; it is made with the first result.
    recipe : Recipe
        What all results are found by. Once memory ran out at the first, the one with smaller tiles; where it runs out
        later, that image gets a recipe of its own, `STEM.recipe.toml`.
    overwrite : bool
        Whether to replace results.
    masks : str
        How objects that share pixels are written; one of `MASKS`.
    """

    path: Path
    recipe: Recipe
    overwrite: bool = False
    masks: str = "npz"

    def __post_init__(self) -> None:
        self._earlier = self._written() is not None  # else nothing in it is a result of ours

    def check(self, images: Sequence[Path]) -> None:
        """Refuse, before any work is done, what would mix up results or lose something.

        Raises
        ------
        BadArgument
            If two images have one stem, results would lie on an image, or the folder is a file.
        OutputExists
            If results are there and may not be overwritten, or others stay that another recipe has made.
        """
        self._check_names(images)
        io.refuse_existing((old for path in images for old in self._outputs(path)), self.overwrite)
        if self.path.exists() and not self.path.is_dir():
            raise BadArgument(f"{self.path} is a file; --out names the folder that results go to.")
        if self._written() in (None, self.recipe.to_toml()):
            return
        if not self.overwrite:
            raise OutputExists(
                f"{self.path} holds results of another recipe ({RECIPE}); nothing was done. "
                "Choose another folder, or allow to overwrite (--overwrite)."
            )
        redone = {io.stem(path) for path in images}
        found = {re.sub(r"_t\d{4}$", "", file.stem): file for file in self.path.glob("*.csv")}
        others = sorted(file.name for stem, file in found.items() if not {stem, file.stem} & redone)
        if others:
            raise OutputExists(
                f"{self.path} also holds results of other images by another recipe ({others[0]} is one of "
                f"{len(others)}); {RECIPE} can describe one only. Choose another folder, or do all images anew."
            )

    def write(self, name: str, objects: Instances, recipe: Recipe) -> Path:
        """Write what a recipe found in one image, the labels last; returns their path.

        Raises
        ------
        BadArgument
            If such objects have no place in such files.
        BadFile
            If they cannot be written.
        """
        if self._written() != self.recipe.to_toml():
            self.recipe = recipe
            io.write_text(self.path / RECIPE, recipe.to_toml(), self.overwrite)
        table, own = self.path / f"{name}.csv", self.path / f"{name}.{RECIPE}"
        redone = self._earlier and table.is_file()
        io.write_features(table, objects, self.overwrite)
        flat, masks = len(objects.planes) == 1, MASKS[self.masks]
        labels = self.path / f"{name}{'.tif' if flat else masks}"
        try:
            (io.write_labels if flat else io.write_masks)(labels, objects, self.overwrite)
        except BadArgument:
            table.unlink(missing_ok=True)
            raise
        if redone:
            for outdated in (own, *(self.path / f"{name}{suffix}" for suffix in (".tif", masks))):
                if outdated != labels:
                    outdated.unlink(missing_ok=True)
        if recipe != self.recipe:
            io.write_text(own, recipe.to_toml(), self.overwrite)
        return labels

    def _written(self) -> str | None:
        """The recipe that the folder holds."""
        file = self.path / RECIPE
        return file.read_text(encoding="utf-8") if file.is_file() else None

    def _outputs(self, image: Path) -> Iterable[Path]:
        """The results of an image that are, or may be, in the folder; of each of its time points as well."""
        stem = io.stem(image)
        yield from (self.path / f"{stem}{suffix}" for suffix in (".tif", ".csv", f".{RECIPE}", *MASKS.values()))
        yield from self.path.glob(f"{glob.escape(stem)}_t[0-9][0-9][0-9][0-9].*")

    def _check_names(self, images: Sequence[Path]) -> None:
        """Refuse images that share a stem, and results that would lie on an image."""
        seen: dict[str, Path] = {}
        for path in images:
            other = seen.setdefault(io.stem(path), path)
            if other is not path:
                raise BadArgument(
                    f"{other} and {path} have one stem, so their results would. Rename one, or do it apart."
                )
        results = {(self.path / f"{stem}{suffix}").resolve() for stem in seen for suffix in (".tif", *MASKS.values())}
        for path in images:
            if path.resolve() in results:
                raise BadArgument(
                    f"the labels of {path} would lie on the image itself. Choose another folder than {self.path}."
                )
