"""Folders: which images there are, and which labels belong to which."""

from __future__ import annotations

import glob
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_discern.errors import BadFile
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.io import coco
from napari_discern.io.formats import Deed, can, is_class_map, read, read_instances, stem, suffixes
from napari_discern.io.reading import reading

SHOWN = 5


@dataclass(frozen=True)
class Pair:
    """An image and its labels on disk; nothing is read before `read`.

    `entry` is the name of the image in a file that describes several.
    """

    name: str
    image: Path
    labels: Path
    entry: str = ""

    def read(self) -> tuple[Image, Instances]:
        """Read both; the labels lie on the image's pixels, whatever their own file says of its spacing.

        Raises
        ------
        BadFile
            If either cannot be read, or their shapes differ.
        """
        image, instances = read(self.image), self._instances()
        if image.frames > 1:
            raise BadFile(f"{self.image} has {image.frames} time points. Save each as a file, with labels of its own.")
        if image.spatial_shape != instances.shape:
            raise BadFile(
                f"{self.labels} has the shape {instances.shape} ({instances.axes}), but its image {self.image} has "
                f"{image.spatial_shape} ({image.spatial_axes}). {self._advice(image, instances)}"
            )
        placed = replace(instances, axes=image.spatial_axes, spacing=image.spacing, unit=image.unit)
        return image, placed

    def _instances(self) -> Instances:
        if not self.entry:
            return read_instances(self.labels)
        with reading(self.labels):
            return coco.read(self.labels, self.entry)

    def _advice(self, image: Image, instances: Instances) -> str:
        if instances.shape[1:] == image.spatial_shape:
            return f"If each page is the mask of one object, name the file {self.name}.masks.tif."
        return "Labels must lie on the pixels of their image: export them at its full size."


def list_images(where: str | os.PathLike[str]) -> list[Path]:
    """The images in a folder, those that a pattern such as `scans/*.tif` fits, or one file; sorted by name.

    Hidden files, masks, class maps and files of other kinds are passed over. Folders are not searched, and an OME-Zarr
    folder is one image.

    Raises
    ------
    BadFile
        If there is none.
    """
    return _list(where, "read")


def list_labels(where: str | os.PathLike[str]) -> list[Path]:
    """The labels and stacks of masks in a folder, by the rules of `list_images`.

    Raises
    ------
    BadFile
        If there is none.
    """
    return _list(where, "read_instances")


def _list(where: str | os.PathLike[str], deed: Deed) -> list[Path]:
    path = Path(where)
    if path.exists():
        found = [path] if path.is_file() or can(path, deed) else list(path.iterdir())
    else:
        found = [Path(name) for name in glob.glob(os.fspath(where))]  # noqa: PTH207 (takes absolute patterns too)
    kept = sorted(p for p in found if can(p, deed) and not p.name.startswith(".") and not is_class_map(p))
    if not kept:
        state = f"holds {len(found)} others" if found else "is empty" if path.is_dir() else "does not exist"
        raise BadFile(f"no file to use in {where}, which {state}. Give files that end in {suffixes(deed)}.")
    return kept


def pair(images: str | os.PathLike[str], labels: str | os.PathLike[str], alone: list[Path] | None = None) -> list[Pair]:
    """Pair each image with the labels of its stem: `a.ome.zarr` with `a.tif`, `a.png`, `a.npz` or `a.masks.tif`.

    Parameters
    ----------
    images, labels : folder, pattern or file
        As `list_images` and `list_labels` take them. The labels may also be one COCO JSON file of all images.
    alone : list, optional
        Gets the files without a partner, which are refused where it is not given.

    Raises
    ------
    BadFile
        If a folder has none, no file has a partner, or not each has, or two files of one folder share a stem.
    """
    file = Path(labels)
    if not (file.suffix.lower() == ".json" and file.is_file()):
        return [Pair(*found) for found in match(list_images(images), list_labels(labels), alone)]
    entries = {Path(name): name for name in coco.names(file)}
    found = match(list_images(images), list(entries), alone)
    return [Pair(name, image, file, entries[entry]) for name, image, entry in found]


def match(
    firsts: Sequence[Path], seconds: Sequence[Path], alone: list[Path] | None = None
) -> list[tuple[str, Path, Path]]:
    """Match two lists of files by stem: (stem, first, second), sorted by stem.

    Parameters
    ----------
    firsts, seconds : sequence of Path
        The files of both lists.
    alone : list of Path, optional
        Takes the files without a partner, which are an error otherwise.

    Raises
    ------
    BadFile
        If a file has no partner, or none has, or two files of one list share a stem; up to five of each are named.
    """
    left, right = _by_stem(firsts), _by_stem(seconds)
    both = sorted(left.keys() & right.keys())
    if alone is not None and both:
        alone += [files[name] for files in (left, right) for name in sorted(files) if name not in both]
        return [(name, left[name], right[name]) for name in both]
    lone = [f"{file.name} (in {file.parent})" for name, file in sorted(left.items()) if name not in right]
    surplus = [f"{file.name} (in {file.parent})" for name, file in sorted(right.items()) if name not in left]
    if lone or surplus:
        raise BadFile(
            f"{len(lone)} of {len(left)} files have no partner of the same stem{_some(lone)}; "
            f"{len(surplus)} of {len(right)} partners have none{_some(surplus)}. "
            "Rename, add or remove files until each has its partner, such as a.tif and a.npz."
        )
    return [(name, left[name], right[name]) for name in sorted(left)]


def _by_stem(files: Iterable[Path]) -> dict[str, Path]:
    groups: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        groups[stem(file)].append(file)
    double = [f"{' and '.join(f.name for f in fs)} (in {fs[0].parent})" for fs in groups.values() if len(fs) > 1]
    if double:
        raise BadFile(f"{len(double)} stems are not unique{_some(double)}. Keep one file of each.")
    return {name: group[0] for name, group in groups.items()}


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f": {', '.join(names[:SHOWN])}{more}" if names else ""
