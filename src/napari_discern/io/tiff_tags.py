"""What a TIFF says about itself: whether it is whole, the size of its pixels, whether it holds masks."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_discern.errors import BadFile
from napari_discern.io.spacing import Sizes
from napari_discern.lazy import LazyModule

if TYPE_CHECKING:
    import tifffile
else:
    tifffile = LazyModule("tifffile")

MASKS = "napari-discern masks"
"""The name of the image in an OME-TIFF that holds a mask an object."""

CENTIMETRE = 3  # the tag ResolutionUnit


def check_complete(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path) -> None:
    """See whether every page and every byte of the pixels is in the file; tifffile passes over some that are not.

    Raises
    ------
    BadFile
        If the file is cut off, or planes are missing.
    """
    size = tif.filehandle.size
    missing = sum(page is None for page in series.pages)
    if missing:
        raise BadFile(f"{path}: {missing} of {len(series.pages)} planes are missing. Export it anew, as one file.")
    end = max(_ends(tif, series), default=0)
    if end > size:
        raise BadFile(f"{path} is cut off: it has {size} bytes, and goes on to byte {end} at least. Get a new copy.")


def _ends(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Iterator[int]:
    """Where parts of the file end: the directories of pages, and the pixels."""
    yield from _directory_ends(tif)
    if series.dataoffset is not None:
        yield series.dataoffset + series.nbytes
    for page in series.pages:
        if page is not None and page.parent is tif:
            yield from (o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False))


def _directory_ends(tif: tifffile.TiffFile) -> Iterator[int]:
    """Follow the chain of page directories, up to the first that lies outside of the file."""
    handle, form = tif.filehandle, tif.tiff
    at = 8 if form.is_bigtiff else 4
    seen: set[int] = set()
    while at + form.offsetsize <= handle.size:
        handle.seek(at)
        (start,) = struct.unpack(form.offsetformat, handle.read(form.offsetsize))
        if start == 0 or start in seen:
            return
        seen.add(start)
        if start + form.tagnosize > handle.size:
            yield start + form.tagnosize
            return
        handle.seek(start)
        (tags,) = struct.unpack(form.tagnoformat, handle.read(form.tagnosize))
        at = start + form.tagnosize + tags * form.tagsize
        yield at + form.offsetsize


def holds_masks(tif: tifffile.TiffFile) -> bool:
    """Whether this package wrote the file as a stack of masks."""
    return bool(_ome_image(tif).get("Name") == MASKS)


def pixel_sizes(tif: tifffile.TiffFile) -> Sizes:
    """Size of a pixel and its unit along each axis that the file says it of."""
    pixels = _ome_image(tif).get("Pixels")
    if pixels:
        return {
            a: (float(pixels[f"PhysicalSize{a.upper()}"]), str(pixels.get(f"PhysicalSize{a.upper()}Unit", "µm")))
            for a in "zyx"
            if f"PhysicalSize{a.upper()}" in pixels
        }
    if tif.is_imagej:
        stated = tif.imagej_metadata or {}
        unit = str(stated.get("unit", "pixel"))
        depth = {"z": (float(stated.get("spacing", 1.0)), unit)}
        return depth | _resolutions(tif, 1.0, unit)
    if _tag(tif, "ResolutionUnit") == CENTIMETRE:
        return _resolutions(tif, 1e4, "micrometer")
    return {}


def _resolutions(tif: tifffile.TiffFile, length: float, unit: str) -> dict[str, tuple[float, str]]:
    """Sizes out of the tags that count pixels in `length` units."""
    found = {axis: _tag(tif, f"{axis.upper()}Resolution") for axis in "yx"}
    return {a: (length * ratio[1] / ratio[0], unit) for a, ratio in found.items() if ratio and ratio[0]}


def _tag(tif: tifffile.TiffFile, name: str) -> Any:
    tag = tif.pages.first.tags.get(name)
    return None if tag is None else tag.value


def _ome_image(tif: tifffile.TiffFile) -> dict[str, Any]:
    """The first image of the OME description, or nothing."""
    text = tif.ome_metadata
    images = tifffile.xml2dict(text).get("OME", {}).get("Image", {}) if text else {}
    return dict(images[0] if isinstance(images, list | tuple) else images)
