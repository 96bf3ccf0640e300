"""Inputs: the volumes that are meant by paths, patterns and plates; other images are converted on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_discern import io
from napari_discern.errors import BadArgument, BadFile
from napari_discern.image import Image
from napari_discern.lazy import LazyModule
from napari_discern.progress import Progress, Steps

if TYPE_CHECKING:
    import ngio
    import zarr
else:
    ngio, zarr = LazyModule("ngio"), LazyModule("zarr")

CHUNK = {"t": 1, "c": 1, "z": 32, "y": 512, "x": 512}
SMALLEST = 256
"""A converted image gets levels until its longest side is not longer, in pixels."""
UNITS = {"µm": "micrometer", "um": "micrometer", "nm": "nanometer", "mm": "millimeter", "pixel": None}


@dataclass(frozen=True)
class Source:
    """An image to find objects in.

    Attributes
    ----------
    path : Path
        Where it is.
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
        for path, in_plate in _paths(where):
            found.setdefault(path, Source(path, path if in_plate or _is_image(path) else _converted(path, out)))
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
    axes = [a for a in "tczyx" if a in image.axes.replace("s", "c")]
    shape = [image.size("s") if a == "c" and "s" in image.axes else image.size(a) for a in axes]
    with io.atomic(source.volume) as temporary:
        volume = _empty(temporary, image, axes, shape)
        array = volume.get_image().zarr_array
        parts = list(product(*(range(0, n, CHUNK[a]) for a, n in zip(axes, shape, strict=True))))
        for done, corner in enumerate(parts):
            yield Progress("convert", done, len(parts))
            box = {a: slice(c, min(n, c + CHUNK[a])) for a, c, n in zip(axes, corner, shape, strict=True)}
            array[tuple(box.values())] = _read(image, box)
        volume.get_image().consolidate(mode="auto")


def _empty(path: Path, image: Image, axes: list[str], shape: list[int]) -> Any:
    sizes = dict(zip(image.spatial_axes, image.spacing, strict=True))
    longest = max(image.spatial_shape[-2:])
    levels = 1 + max(0, int(np.ceil(np.log2(longest / SMALLEST))))
    unit: Any = UNITS.get(image.unit, image.unit)
    return ngio.create_empty_ome_zarr(
        path, shape, (sizes["y"], sizes["x"]), z_spacing=sizes.get("z", 1.0), levels=levels, axes_names=axes,
        space_unit=unit, chunks=tuple(min(n, CHUNK[a]) for a, n in zip(axes, shape, strict=True)),
        dtype=str(np.dtype(image.data.dtype)), name=image.name, ngff_version="0.5",
    )  # fmt: skip


def _read(image: Image, box: dict[str, slice]) -> np.ndarray:
    """A part of an image with its axes in the order of the box."""
    names = image.axes.replace("s", "c")
    part = np.asarray(image.data[tuple(box[a] for a in names)])
    return part.transpose([names.index(a) for a in box])


def _paths(where: str) -> Iterator[tuple[Path, bool]]:
    """The images that one word means, and whether they are of a plate."""
    path = Path(where)
    if (path / "zarr.json").is_file() or (path / ".zattrs").is_file():
        if "plate" in _stated(path):
            yield from ((image, True) for image in _images_of_plate(path))
        else:
            yield path, False
        return
    yield from ((image, False) for image in io.list_images(where))


def _images_of_plate(path: Path) -> list[Path]:
    try:
        images = ngio.open_ome_zarr_plate(path).images_paths(max_workers="auto")
    except Exception as error:
        raise BadFile(f"{path} is a plate that cannot be read ({error}). Give the folders of its images.") from error
    if not images:
        raise BadFile(f"{path} is a plate without images.")
    return [path / image for image in images]


def _is_image(path: Path) -> bool:
    return path.is_dir() and "multiscales" in _stated(path)


def _stated(path: Path) -> Any:
    try:
        attrs = dict(zarr.open_group(path, mode="r").attrs)
    except Exception:  # noqa: BLE001  whatever it is, it is no group that we know
        return {}
    return attrs.get("ome", attrs)


def _converted(path: Path, out: Path | None) -> Path:
    if out is None:
        raise BadArgument(f"{path} is no OME-Zarr image; give --out DIR, and it is converted to one there on the way.")
    return out / f"{io.stem(path)}.ome.zarr"
