"""Reading: what fails while a file is read, in our words, and arrays that stay on disk until they are sliced."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from napari_discern.errors import BadArgument, BadFile, DiscernError, OutOfMemory
from napari_discern.image import ArrayView, Key

Readable: TypeAlias = str | os.PathLike[str]
DAMAGED = "It is damaged, cut off, or of another format than its name says. Get a new copy, or save it anew as TIFF."
CODEC = "It is compressed in a way that needs one more package: pip install imagecodecs"


def is_remote(path: Readable) -> bool:
    """Whether something is a URL: an object store, a web server."""
    return re.match(r"[A-Za-z][\w+.:-]+://", str(path)) is not None


def located(path: Readable) -> Path:
    """Where something is; a URL becomes a path that looks through fsspec.

    Raises
    ------
    BadFile
        If it is a URL of a kind that fsspec does not know.
    """
    if not is_remote(path):
        return Path(path)
    from upath import UPath

    try:
        place: Any = UPath(path)
    except ValueError as error:
        raise BadFile(
            f"{path} is no address that can be read from ({error}). Use https://, s3:// or the like."
        ) from error
    return cast(Path, place)  # as far as it is read from


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a library raises while `path` is read into an error that names the file.

    Raises
    ------
    BadFile
        If the file is damaged, or holds what an `Image` or `Instances` cannot.
    OutOfMemory
        If the file does not fit into memory.
    """
    try:
        yield
    except BadArgument as error:
        raise BadFile(f"{path} cannot be used: {error}") from error
    except DiscernError:
        raise
    except MemoryError as error:
        raise OutOfMemory(f"{path} does not fit into memory. Save it as OME-Zarr, which is read in parts.") from error
    except Exception as error:
        advice = CODEC if "imagecodecs" in str(error) else DAMAGED
        raise BadFile(f"{path} cannot be read ({type(error).__name__}: {error}). {advice}") from error


def worth_keeping(axes: str, shape: Sequence[int]) -> list[int]:
    """The axes that say something: y, x, and those longer than 1. A volume of one slice is a 2D image."""
    return [i for i, (axis, n) in enumerate(zip(axes, shape, strict=True)) if axis in "yx" or n != 1]


class Lazy(ArrayView):
    """An array on disk, read only where it is sliced; a failure names the file.

    Parameters
    ----------
    array : zarr array
        What is sliced.
    path : Path
        The file to name where reading fails.
    keep : sequence of int
        The axes in view; the others have length 1 and are left out.
    """

    def __init__(self, array: Any, path: Path, keep: Sequence[int]) -> None:
        super().__init__(array, [slice(None) if axis in keep else 0 for axis in range(len(array.shape))])
        self._array, self._path, self._keep = array, path, tuple(keep)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Length of a chunk along each axis in view."""
        return tuple(int(self._array.chunks[axis]) for axis in self._keep)

    def __getitem__(self, key: Key, /) -> NDArray[Any]:
        with reading(self._path):
            return np.asarray(super().__getitem__(key))
