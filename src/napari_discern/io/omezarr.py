"""OME-Zarr 0.1 to 0.5 and plain zarr arrays, from a folder; pixels stay on disk until they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_discern.errors import BadArgument, BadFile
from napari_discern.image import KNOWN_AXES, Image
from napari_discern.io.reading import Lazy, worth_keeping
from napari_discern.io.spacing import spacing_of
from napari_discern.lazy import LazyModule

if TYPE_CHECKING:
    import zarr
else:
    zarr = LazyModule("zarr")

MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
FILES = ("zarr.json", "0/", "0/zarr.json", "0/c/*")
"""What we write of an image; a folder with anything else in it is never replaced."""
CHUNK = {"t": 1, "c": 1, "z": 32, "y": 512, "x": 512}
TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


def is_zarr(path: Path) -> bool:
    """Whether a folder holds a zarr array or group, whatever its name."""
    return any((path / mark).is_file() for mark in MARKS)


def read(path: Path) -> Image:
    """Level 0 of an OME-Zarr image, or a plain zarr array, lazily.

    Axes, spacing and unit come from the metadata; those of a plain array without names are guessed from its shape
    (see `Image.wrap`). Axes of length 1 other than y and x are left out.
    """
    found = zarr.open(str(path), mode="r")
    if isinstance(found, zarr.Array):
        return _view(found, path, _plain_axes(found), {})
    multiscale = _multiscale(found, path)
    level = multiscale["datasets"][0]
    array = found[level["path"]]
    if not isinstance(array, zarr.Array):
        raise BadFile(f"{path / level['path']} is not an array, though the metadata says so. Get a new copy.")
    axes = [a if isinstance(a, dict) else {"name": a} for a in multiscale.get("axes", "tczyx")]
    letters = "".join(_letter(axis) for axis in axes)
    scale = _scale(level, len(axes)) * _scale(multiscale, len(axes))
    sizes = {a: (size, str(axis.get("unit", "pixel"))) for a, size, axis in zip(letters, scale, axes, strict=True)}
    return _view(array, path, letters, sizes)


def _view(array: Any, path: Path, axes: str, sizes: dict[str, tuple[float, str]]) -> Image:
    if len(axes) != array.ndim:
        raise BadArgument(f"axes {axes!r} do not fit an array of shape {array.shape}; name one letter a dimension.")
    keep = worth_keeping(axes, array.shape)
    kept = "".join(axes[i] for i in keep)
    spacing, unit = spacing_of(kept, sizes, str(path))
    return Image(Lazy(array, path, keep), kept, spacing, unit)


def _plain_axes(array: Any) -> str:
    names = getattr(array.metadata, "dimension_names", None)
    if names and all(isinstance(n, str) and n.lower() in KNOWN_AXES for n in names):
        return "".join(n.lower() for n in names)
    return Image.wrap(array).axes


def _multiscale(group: Any, path: Path) -> dict[str, Any]:
    """The description of the first image in a group: under "ome" since 0.5, at the top before."""
    stated = group.attrs.get("ome", group.attrs)
    if "multiscales" in stated:
        found: dict[str, Any] = stated["multiscales"][0]
        return found
    inside = sorted(name for name in group)[:5]
    raise BadFile(
        f"{path} is a zarr folder without an OME-Zarr image at its top; it holds {inside}. "
        f"Give the folder of one image inside, such as {path / (inside[0] if inside else '0')}."
    )


def _letter(axis: dict[str, Any]) -> str:
    name = str(axis["name"]).lower()
    letter = name if name in TYPES else {"time": "t", "channel": "c"}.get(str(axis.get("type")))
    if letter is None:
        raise BadArgument(f"its axis {axis['name']!r} is none of t, c, z, y, x. Rename it in the metadata.")
    return letter


def _scale(stated: dict[str, Any], ndim: int) -> np.ndarray:
    """The product of the scales stated, one a dimension."""
    scales = [t["scale"] for t in stated.get("coordinateTransformations", []) if t.get("type") == "scale"]
    product: np.ndarray = np.prod([np.ones(ndim), *(np.asarray(s, float) for s in scales)], axis=0)
    return product


def write_image(path: Path, image: Image) -> None:
    """OME-Zarr 0.5 with one level, and spacing. The samples of an RGB image become channels."""
    for _ in write_parts(path, image):
        pass


def write_parts(path: Path, image: Image, levels: int = 1) -> Iterator[float]:
    """The same chunk by chunk, so that the image need not fit into memory; yields the share that is done.

    Further levels, each half as wide and high as the one before, are described and left empty.
    """
    source = image.axes.replace("s", "c")
    axes = "".join(a for a in TYPES if a in source)
    shape = [int(image.data.shape[source.index(a)]) for a in axes]
    shapes = [
        [-(-n // 2**level) if a in "yx" else n for a, n in zip(axes, shape, strict=True)] for level in range(levels)
    ]
    group = zarr.open_group(path, mode="w-", zarr_format=3)
    group.attrs["ome"] = {"version": "0.5", "multiscales": [_describe(image, axes, levels)]}
    array, *_ = [
        group.create_array(
            str(level),
            shape=small,
            dtype=image.data.dtype,
            chunks=tuple(min(n, CHUNK[a]) for a, n in zip(axes, small, strict=True)),
            dimension_names=list(axes),
        )
        for level, small in enumerate(shapes)
    ]
    corners = list(product(*(range(0, n, CHUNK[a]) for a, n in zip(axes, shape, strict=True))))
    for done, corner in enumerate(corners):
        yield done / len(corners)
        box = {a: slice(c, min(n, c + CHUNK[a])) for a, c, n in zip(axes, corner, shape, strict=True)}
        part = np.asarray(image.data[tuple(box[a] for a in source)])
        array[tuple(box.values())] = part.transpose([source.index(a) for a in axes])


def _describe(image: Image, axes: str, levels: int) -> dict[str, Any]:
    sizes = dict(zip(image.spatial_axes, image.spacing, strict=True))
    unit = {} if image.unit == "pixel" else {"unit": image.unit}
    return {
        "name": image.name,
        "axes": [{"name": a, "type": TYPES[a]} | (unit if a in sizes else {}) for a in axes],
        "datasets": [
            {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": _sizes(axes, sizes, level)}]}
            for level in range(levels)
        ],
    }


def _sizes(axes: str, sizes: dict[str, float], level: int) -> list[float]:
    """Size of a pixel of a level along each axis."""
    return [sizes.get(a, 1.0) * (2**level if a in "yx" else 1) for a in axes]
