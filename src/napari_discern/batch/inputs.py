"""Inputs: the volumes that are meant by paths, patterns and plates; other images are converted on the way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_discern import io
from napari_discern.errors import BadArgument, BadFile
from napari_discern.io.omezarr import write_parts
from napari_discern.lazy import LazyModule
from napari_discern.progress import Progress, Steps

if TYPE_CHECKING:
    import ngio
    import zarr
else:
    ngio, zarr = LazyModule("ngio"), LazyModule("zarr")

SMALLEST = 256
"""A converted image gets levels until its longest side is not longer, in pixels."""


@dataclass(frozen=True)
class Source:
    """An image to find objects in.

    Attributes
    ----------
    path : Path
        Where it is; of a URL, a path that looks through fsspec.
    volume : Path
        The OME-Zarr image that is worked on: itself, or what it is converted to.
    """

    path: Path
    volume: Path

    @property
    def is_converted(self) -> bool:
        """Whether another file is made of it."""
        return self.path != self.volume


def sources(inputs: Sequence[str], out: Path | None) -> list[Source]:
    """The images that are meant, each once, in the order given; of a plate all its images.

    Raises
    ------
    BadFile
        If nothing is found.
    BadArgument
        If images are no OME-Zarr and there is no folder to convert them to, or two would be converted to one.
    """
    found: dict[Path, Source] = {}
    for where in inputs:
        for path, name in _images(where):
            if path not in found:
                why = _why_not_ours(path)
                found[path] = Source(path, _converted(path, name, why, out) if why else path)
    seen: dict[Path, Path] = {}
    for source in found.values():
        other = seen.setdefault(source.volume, source.path)
        if other != source.path:
            raise BadArgument(f"{other} and {source.path} would both be converted to {source.volume}. Rename one.")
    return list(found.values())


def convert(source: Source) -> Steps[None]:
    """Make an OME-Zarr image 0.5 with a pyramid of an image, part by part; whole or not at all.

    Raises
    ------
    BadFile
        If the image cannot be read, or the other one not be written.
    """
    image = io.read(source.path)
    levels = 1 + max(0, math.ceil(math.log2(max(image.spatial_shape[-2:]) / SMALLEST)))
    with io.atomic(source.volume) as temporary:
        for done in write_parts(temporary, image, levels):
            yield Progress("convert", done, 1)
        ngio.open_ome_zarr_container(temporary).get_image().consolidate(mode="auto")


def _images(where: str) -> Iterator[tuple[Path, str]]:
    """The images that one word means, each with a name that tells it from the others."""
    path = io.located(where)
    if not (io.is_remote(path) or io.is_zarr(path)):
        yield from ((image, io.stem(image)) for image in io.list_images(where))
    elif "plate" in _stated(path):
        yield from ((path / image, "_".join((io.stem(path), *image.split("/")))) for image in _images_of_plate(path))
    else:
        yield path, io.stem(path)


def _images_of_plate(path: Path) -> list[str]:
    try:
        images = ngio.open_ome_zarr_plate(str(path), mode="r").images_paths(max_workers="auto")
    except Exception as error:
        raise BadFile(f"{path} is a plate that cannot be read ({error}). Give the folders of its images.") from error
    if not images:
        raise BadFile(f"{path} is a plate without images.")
    return list(images)


def _why_not_ours(path: Path) -> str:
    """Why labels cannot be written into an image; "" where they can: into OME-Zarr 0.4 and 0.5 on this machine."""
    if io.is_remote(path):
        return "does not lie on this machine"
    if not path.is_dir() or "multiscales" not in _stated(path):
        return "is no OME-Zarr image"
    try:
        ngio.open_ome_zarr_container(path, mode="r").get_image()
    except Exception as error:  # noqa: BLE001  whatever ngio finds amiss
        return f"is no OME-Zarr image of version 0.4 or 0.5 ({str(error).splitlines()[0]})"
    return ""


def _stated(path: Path) -> Any:
    try:
        attrs = dict(zarr.open_group(str(path), mode="r").attrs)
    except Exception:  # noqa: BLE001  whatever it is, it is no group that we know
        return {}
    return attrs.get("ome", attrs)


def _converted(path: Path, name: str, why: str, out: Path | None) -> Path:
    if out is None:
        raise BadArgument(f"{path} {why}; give --out DIR, and an OME-Zarr image is made of it there on the way.")
    volume = out / f"{name}.ome.zarr"
    if volume == path:
        raise BadArgument(f"{path} {why}, and would be converted onto itself. Give another --out DIR.")
    return volume
