"""TIFF: images, flat labels and stacks of masks, with axes and spacing; OME-TIFF and ImageJ included."""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_discern.errors import BadArgument, BadFile
from napari_discern.image import KNOWN_AXES, ArrayLike, Image
from napari_discern.instances import Instances
from napari_discern.io.labels import as_masks, from_image
from napari_discern.io.reading import Lazy, worth_keeping
from napari_discern.io.spacing import spacing_of, unit_symbol
from napari_discern.io.tiff_tags import MASKS, check_complete, holds_masks, pixel_sizes
from napari_discern.lazy import LazyModule

if TYPE_CHECKING:
    import tifffile
else:
    tifffile = LazyModule("tifffile")

logger = logging.getLogger(__name__)

BIG = 1 << 28
"""Bytes above which pixels stay on disk until they are asked for."""

TYPES = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
ALPHA = (1, 2)  # the tag ExtraSamples: associated and unassociated alpha


def read(path: Path) -> Image:
    """The first image of a TIFF file; above `BIG` it stays on disk.

    Axes are those that OME, ImageJ or tifffile wrote; pages that nothing names are z. Spacing and unit come from
    OME, ImageJ, or the resolution in pixels per centimetre (dots per inch are a size in print, and are ignored).
    Axes of length 1 other than y and x, and an alpha channel, are dropped.
    """
    with tifffile.TiffFile(path) as tif:
        series = _first(tif, path)
        axes = _axes(series)
        keep = worth_keeping(axes, series.shape)
        data = _pixels(path, series, keep)
        axes = "".join(axes[i] for i in keep)
        if "s" in axes and [int(e) for e in series.keyframe.extrasamples][-1:] in [[a] for a in ALPHA]:
            logger.info("%s: the alpha channel is dropped", path)
            data = data[(slice(None),) * axes.index("s") + (slice(-1),)]
        spacing, unit = spacing_of(axes, pixel_sizes(tif), str(path))
    return Image(data, axes, spacing, unit)


def _first(tif: tifffile.TiffFile, path: Path) -> tifffile.TiffPageSeries:
    """The first series, whole."""
    series = tif.series[0]
    if len(tif.series) > 1:
        logger.warning("%s holds %d images; the first, of shape %s, is read", path, len(tif.series), series.shape)
    check_complete(tif, series, path)
    return series


def _axes(series: tifffile.TiffPageSeries) -> str:
    """The letters of `series`, pages that nothing names being z."""
    axes: str = series.axes.lower()
    unnamed = [i for i, a in enumerate(axes) if a not in KNOWN_AXES and series.shape[i] != 1]
    if len(unnamed) > 1 or (unnamed and "z" in axes):
        raise BadArgument(
            f"its axes are {series.axes} of shape {series.shape}, which does not say which is z, channel and time. "
            "Save it as OME-TIFF, OME-Zarr or ImageJ hyperstack, which do."
        )
    return "".join("z" if i in unnamed else a for i, a in enumerate(axes))


def _pixels(path: Path, series: tifffile.TiffPageSeries, keep: list[int]) -> ArrayLike:
    """The pixels: read, or where they are many mapped, or sliced out of the file as asked for."""
    shape = tuple(series.shape[i] for i in keep)
    native = series.parent is not None and series.parent.byteorder == "<>"[sys.byteorder == "big"]
    if series.nbytes < BIG or series.keyframe.extrasamples:
        return series.asarray().reshape(shape)
    if series.dataoffset is not None and native:
        mapped: np.ndarray = tifffile.memmap(path, series=0, mode="r")
        return mapped.reshape(shape)
    return _stored(path, keep)


def _stored(path: Path, keep: list[int]) -> Lazy:
    import zarr

    store: Any = tifffile.imread(path, aszarr=True, series=0, level=0)
    lazy = Lazy(zarr.open_array(store, mode="r"), path, keep)
    weakref.finalize(lazy, store.close)
    return lazy


def write_image(path: Path, image: Image) -> None:
    """OME-TIFF, compressed, with axes and spacing.

    Raises
    ------
    BadArgument
        If OME-TIFF has no place for the type of the pixels.
    """
    axes = "".join(a for a in KNOWN_AXES if a in image.axes)
    pixels = np.asarray(image.data[...]).transpose([image.axes.index(a) for a in axes])
    colour = "s" in axes
    if pixels.dtype.name not in TYPES[colour:] or (colour and pixels.shape[-1] not in (3, 4)):
        raise BadArgument(
            f"OME-TIFF has no place for {pixels.dtype} pixels of axes {axes!r}, shape {pixels.shape}. Convert them to "
            f"one of {', '.join(TYPES[colour:])}" + (", with 3 or 4 samples." if colour else ".")
        )
    _write(path, axes, image.spatial_axes, image.spacing, image.unit, data=pixels)


def write_labels(path: Path, instances: Instances) -> None:
    """Flat labels, uint32, as compressed OME-TIFF with spacing."""
    _write(path, instances.axes, instances.axes, instances.spacing, instances.unit, data=instances.labels)


def write_masks(path: Path, instances: Instances) -> None:
    """A mask an object, 0 and 255, as channels of a compressed OME-TIFF that says that it holds masks.

    Raises
    ------
    BadArgument
        If there is no object: a TIFF has at least one page.
    """
    if not instances.n:
        raise BadArgument("there are no objects, and a TIFF has no place for an empty stack. Write STEM.npz instead.")
    content = {"data": _pages(instances), "shape": (instances.n, *instances.shape), "dtype": "uint8"}
    _write(path, f"c{instances.axes}", instances.axes, instances.spacing, instances.unit, masks=True, **content)


def write_planes(path: Path, instances: Instances) -> None:
    """The label planes, uint32, ids unique over them, as channels of a compressed OME-TIFF."""
    axes = f"c{instances.axes}"
    _write(path, axes, instances.axes, instances.spacing, instances.unit, data=instances.planes)


def _pages(instances: Instances) -> Iterator[np.ndarray]:
    for _, box, mask in instances.masks():
        whole = np.zeros(instances.shape, np.uint8)
        whole[box][mask] = 255
        yield from whole.reshape(-1, *instances.shape[-2:])


def _write(
    path: Path, axes: str, spatial: str, spacing: tuple[float, ...], unit: str, masks: bool = False, **content: Any
) -> None:
    metadata: dict[str, Any] = {"axes": axes.upper()}
    for axis, size in zip(spatial, spacing, strict=True):
        metadata[f"PhysicalSize{axis.upper()}"] = float(size)
        metadata[f"PhysicalSize{axis.upper()}Unit"] = unit_symbol(unit)
    if masks:
        metadata["Name"] = MASKS
    photometric = "rgb" if "s" in axes else "minisblack"
    tifffile.imwrite(path, ome=True, metadata=metadata, compression="zlib", photometric=photometric, **content)


def read_instances(path: Path) -> Instances:
    """Flat labels; or masks, where `write_masks` made the file. Other masks need the name `STEM.masks.tif`.

    Raises
    ------
    BadArgument
        If the file might as well be a stack of masks: pages that nothing names, bool or of 0 and 255 alone.
    """
    with tifffile.TiffFile(path) as tif:
        masks = holds_masks(tif)
        unnamed = not set(tif.series[0].axes) <= set(KNOWN_AXES.upper())
    if masks:
        return read_masks(path)
    image = read(path)
    instances = from_image(image)
    if unnamed and "z" in image.axes and instances.n == 1 and _two_valued(image.read()):
        raise BadArgument(
            "it is a stack of pages with two values only. If each page is the mask of one object, name the file "
            "STEM.masks.tif; if it is a volume with one object, save that with id 1."
        )
    return instances


def _two_valued(pixels: np.ndarray) -> bool:
    return pixels.dtype == bool or int(pixels.max()) == 255


def read_masks(path: Path) -> Instances:
    """Objects out of a stack of masks, bool, 0 and 1, or 0 and 255: the first axis counts the objects."""
    with tifffile.TiffFile(path) as tif:
        series = _first(tif, path)
        stack = series.asarray()
        if "S" in series.axes:
            raise BadFile(f"{path} is a colour picture ({series.axes}, {series.shape}), not a stack of masks.")
        if holds_masks(tif):
            stack = _channel_first(stack, series)
        masks = as_masks(stack if stack.ndim > 2 else stack[None])
        spacing, unit = spacing_of("zyx"[4 - masks.ndim :], pixel_sizes(tif), str(path))
    return Instances.from_masks(masks, spacing=spacing, unit=unit)


def read_planes(path: Path) -> Instances:
    """Objects out of label planes: the first axis counts the planes, and an id in several of them is one object."""
    with tifffile.TiffFile(path) as tif:
        series = _first(tif, path)
        stack = _channel_first(series.asarray(), series) if tif.is_ome else series.asarray()
        stack = stack if stack.ndim > 2 else stack[None]
        spacing, unit = spacing_of("zyx"[4 - stack.ndim :], pixel_sizes(tif), str(path))
    return Instances.from_painted(stack, spacing=spacing, unit=unit)


def _channel_first(stack: np.ndarray, series: tifffile.TiffPageSeries) -> np.ndarray:
    """Masks or planes as we write them, (n, y, x) or (n, z, y, x): tifffile drops axes of length 1, also n."""
    axes = series.get_axes(squeeze=False)
    whole = stack.reshape(series.get_shape(squeeze=False))
    ordered = whole.transpose([axes.index(a) for a in "CZYX"] + [axes.index(a) for a in axes if a not in "CZYX"])
    stack = ordered.reshape(ordered.shape[:4])
    return stack[:, 0] if stack.shape[1] == 1 else stack
