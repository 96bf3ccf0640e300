"""Formats: one row each. To add one, write its file in this folder and its row here."""

from __future__ import annotations

import glob
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from napari_discern.errors import BadArgument, BadFile
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.io import classes, coco, npy, omezarr, picture, tiff
from napari_discern.io.atomic import atomic
from napari_discern.io.reading import Readable, is_remote, located, reading


@dataclass(frozen=True)
class Format:
    """What can be done with files of a suffix; None is what cannot.

    The functions take a path that is there to be read, or free to be written; existence, damage, overwriting and
    half-written files are seen to around them.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], Image] | None = None
    read_instances: Callable[[Path], Instances] | None = None
    write_image: Callable[[Path, Image], None] | None = None
    write_labels: Callable[[Path, Instances], None] | None = None
    write_masks: Callable[..., None] | None = None
    named: bool = False
    """Whether masks are written with the name of their image."""


Deed: TypeAlias = Literal["read", "read_instances", "write_image", "write_labels", "write_masks"]

# fmt: off
FORMATS = (
    Format("TIFF", (".ome.tif", ".ome.tiff", ".tif", ".tiff"), tiff.read, tiff.read_instances,
           tiff.write_image, tiff.write_labels, tiff.write_masks),
    Format("TIFF of masks", (".masks.tif", ".masks.tiff"), read_instances=tiff.read_masks,
           write_masks=tiff.write_masks),
    Format("TIFF of planes", (".planes.tif", ".planes.tiff"), read_instances=tiff.read_planes,
           write_masks=tiff.write_planes),
    Format("COCO JSON", (".coco.json",), read_instances=coco.read, write_masks=coco.write, named=True),
    Format("PNG", (".png",), picture.read, picture.read_instances, picture.write_image),
    Format("JPEG", (".jpg", ".jpeg"), picture.read),
    Format("OME-Zarr", (".ome.zarr", ".zarr"), omezarr.read, write_image=omezarr.write_image),
    Format("NumPy", (".npy",), npy.read, npy.read_instances, npy.write_array, npy.write_labels),
    Format("NumPy masks", (".masks.npz", ".npz"), read_instances=npy.read_masks, write_masks=npy.write_masks),
)
# fmt: on


def suffix_of(path: Path) -> str:
    """The longest known suffix that the name ends in, as written; "" where there is none."""
    known = [s for row in FORMATS for s in row.suffixes if path.name.lower().endswith(s) and path.name[: -len(s)]]
    return path.name[-max(map(len, known)) :] if known else ""


def stem(path: Readable) -> str:
    """The name that an image and its labels share: the file's without its known suffix (`a.ome.zarr`: "a")."""
    path = located(path)
    suffix = suffix_of(path)
    return path.name[: -len(suffix)] if suffix else path.stem


def can(path: Path, deed: Deed) -> bool:
    """Whether the suffix of a file (or what a folder holds) lets one do `deed` with it."""
    row = _row(path)
    return row is not None and getattr(row, deed) is not None


def suffixes(deed: Deed) -> str:
    """The suffixes one can do `deed` with, for messages."""
    return ", ".join(s for row in FORMATS if getattr(row, deed) for s in row.suffixes)


def _row(path: Path) -> Format | None:
    suffix = suffix_of(path).lower() or (".zarr" if omezarr.is_zarr(path) else "")
    return next((row for row in FORMATS if suffix in row.suffixes), None)


def _find(path: Path, deed: Deed) -> Any:
    row = _row(path)
    function = getattr(row, deed, None)
    if function is None:
        error = BadArgument if deed.startswith("write") else BadFile
        kind = row.name if row else f"a file with the suffix {path.suffix!r}"
        raise error(f"{path}: cannot {deed.replace('_', ' ')} here, for it is {kind}. Use one of {suffixes(deed)}.")
    return function


def _check_reached(path: Path) -> None:
    try:
        found = omezarr.is_zarr(path)
    except Exception as error:
        raise BadFile(
            f"{path} cannot be reached ({error}). Check the address and your right to read there; s3:// and the like "
            "each need a package of fsspec's (s3fs, gcsfs, adlfs)."
        ) from error
    if not found:
        raise BadFile(f"{path}: no zarr image is found there. Check the address; copy other files here first.")


def _check_there(path: Path) -> None:
    if is_remote(path):
        _check_reached(path)
        return
    if not path.exists():
        raise BadFile(f"{path} does not exist. Check the path.")
    if path.is_dir() and not omezarr.is_zarr(path):
        raise BadFile(f"{path} is a folder, not an image. Give a file in it, or an OME-Zarr folder.")
    if path.is_file() and path.stat().st_size == 0:
        raise BadFile(f"{path} is empty (0 bytes). Get a new copy.")


def read(path: Readable) -> Image:
    """Read an image; the suffix tells the format. Big ones stay on disk until they are sliced.

    An OME-Zarr image may be a URL (``s3://``, ``https://``), read through fsspec.

    Returns
    -------
    Image
        Of any real dtype, with the axes, spacing and unit that the file states, named after its stem.
        Axes of length 1 other than y and x are dropped.

    Raises
    ------
    BadFile
        If the file is missing, empty, damaged, of an unknown suffix, or not an image.

    Examples
    --------
    >>> from napari_discern.io import write_image
    >>> write_image("cells.tif", Image(np.zeros((8, 9), np.uint16), "yx"))
    >>> read("cells.tif").spatial_shape
    (8, 9)
    """
    path = located(path)
    with reading(path):
        _check_there(path)
        image: Image = _find(path, "read")(path)
    return replace(image, name=stem(path))


def read_instances(path: Readable) -> Instances:
    """Read objects, from flat labels or a stack of masks.

    Flat labels (TIFF, PNG, `.npy`) are integers, 0 for background; ids are made 1..N in their order. Masks are
    bool, 0 and 1, or 0 and 255, the first axis counting the objects: `.npz` with `masks`, or a TIFF named
    `STEM.masks.tif`, or one that `write_masks` made. `STEM.planes.tif` holds label planes, in which an id is one
    object, `STEM.coco.json` polygons or run lengths. Any other TIFF of pages is a volume of labels.

    If a table `STEM.csv` with the columns `label` and `class` lies beside the file, the objects have these classes; or
    those of a class map, `STEM.classes.tif` (or another image format): the number under most of their pixels.

    Raises
    ------
    BadFile
        If the file is missing, empty, damaged, of an unknown suffix; or holds colours, floats, negative ids,
        or an empty mask; or the table has not a row for each object, or the class map another shape.

    Examples
    --------
    >>> from napari_discern.io import write_labels
    >>> write_labels("cells.tif", Instances.from_labels(np.array([[1, 0], [0, 7]])))
    >>> read_instances("cells.tif").n
    2
    """
    path = Path(path)
    with reading(path):
        _check_there(path)
        instances: Instances = _find(path, "read_instances")(path)
    table = path.with_name(f"{stem(path)}.csv")
    if table.is_file():
        instances = classes.give(instances, table)
    for file in path.parent.glob(f"{glob.escape(stem(path))}{classes.MAP}.*"):
        if can(file, "read"):
            instances = classes.paint(instances, read(file), file)
    return instances


def is_class_map(path: Path) -> bool:
    """Whether a file is a class map of others by its name, `STEM.classes.tif` and alike."""
    return stem(path).endswith(classes.MAP)


def write_image(path: Readable, image: Image, overwrite: bool = False) -> None:
    """Write an image as TIFF (OME), PNG, OME-Zarr or `.npy`, by suffix, whole or not at all.

    Parameters
    ----------
    path : path
        The suffix says the format.
    image : Image
        Its pixels, axes and spacing.
    overwrite : bool
        Whether `path` may exist.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is not set.
    BadArgument
        If the format has no place for such pixels.
    BadFile
        If the file cannot be written.
    """
    _write(path, "write_image", image, overwrite)


def write_labels(path: Readable, instances: Instances, overwrite: bool = False) -> None:
    """Write flat labels, uint32, as TIFF (with axes and spacing) or `.npy`, whole or not at all.

    Parameters
    ----------
    path : path
        The suffix says the format.
    instances : Instances
        Objects that share no pixels.
    overwrite : bool
        Whether `path` may exist.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is not set.
    BadArgument
        If objects share pixels: write masks then.
    BadFile
        If the file cannot be written.
    """
    _write(path, "write_labels", instances, overwrite)


def write_masks(path: Readable, instances: Instances, overwrite: bool = False) -> None:
    """Write objects that may share pixels, whole or not at all, by suffix.

    `.npz` (`masks`, bool, (N, \\*S)) and `.masks.tif` hold a mask an object, `.planes.tif` label planes,
    `.coco.json` run lengths.

    Parameters
    ----------
    path : path
        The suffix says the format.
    instances : Instances
        The objects.
    overwrite : bool
        Whether `path` may exist.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is not set.
    BadArgument
        If the format has no place for them: a TIFF of masks none for no object, COCO JSON none for volumes.
    BadFile
        If the file cannot be written.
    """
    _write(path, "write_masks", instances, overwrite)


def _write(path: Readable, deed: Deed, what: Image | Instances, overwrite: bool) -> None:
    function, row = _find(Path(path), deed), _row(Path(path))
    names = (stem(path),) if deed == "write_masks" and row is not None and row.named else ()
    with atomic(path, overwrite, omezarr.FILES) as temporary:
        function(temporary, what, *names)


def write_features(path: Readable, instances: Instances, overwrite: bool = False) -> None:
    """Write the table of the objects (see `Instances.features`) as CSV, whole or not at all.

    Parameters
    ----------
    path : path
        The CSV file.
    instances : Instances
        The objects.
    overwrite : bool
        Whether `path` may exist.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is not set.
    BadFile
        If the file cannot be written.
    """
    with atomic(path, overwrite) as temporary:
        instances.features().to_csv(temporary, index=False)
