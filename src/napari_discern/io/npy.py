"""NumPy files: arrays as `.npy`, stacks of masks as `.npz`. Nothing in them can run code."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.io.labels import as_masks, from_image


def read(path: Path) -> Image:
    """An array, memory-mapped; axes are guessed from its shape (see `Image.wrap`)."""
    return Image.wrap(np.load(path, mmap_mode="r", allow_pickle=False))


def read_instances(path: Path) -> Instances:
    """Flat labels out of an array of integers (y, x) or (z, y, x)."""
    return from_image(read(path))


def write_array(path: Path, image: Image) -> None:
    """The array alone; axes and spacing have no place in the file."""
    _save(path, np.asarray(image.data[...]))


def write_labels(path: Path, instances: Instances) -> None:
    """Flat labels, uint32; spacing has no place in the file."""
    _save(path, instances.labels)


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def read_masks(path: Path) -> Instances:
    """Objects out of `masks`, bool (n, y, x) or (n, z, y, x), with `spacing` and `unit` where they are there."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        if "masks" not in stored:
            raise BadArgument(
                f"it holds {sorted(stored.files)[:5]}, but no array named 'masks'. "
                "Save it with numpy.savez_compressed(path, masks=stack), bool of shape (n, y, x)."
            )
        masks = as_masks(stored["masks"])
        spacing = tuple(float(s) for s in stored["spacing"]) if "spacing" in stored else ()
        unit = str(stored["unit"]) if "unit" in stored else "pixel"
    return Instances.from_masks(masks, spacing=spacing, unit=unit)


def write_masks(path: Path, instances: Instances) -> None:
    """`masks`, bool (n, \\*S), compressed, written one by one; and `spacing` and `unit`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("masks.npy", "w", force_zip64=True) as file:
            _stream(file, instances)
        for name, value in (("spacing", instances.spacing), ("unit", instances.unit)):
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(value), allow_pickle=False)


def _stream(file: IO[bytes], instances: Instances) -> None:
    shape = (instances.n, *instances.shape)
    np.lib.format.write_array_header_1_0(file, {"descr": "|b1", "fortran_order": False, "shape": shape})
    for _, box, mask in instances.masks():
        whole = np.zeros(instances.shape, bool)
        whole[box] = mask
        file.write(whole.tobytes())
