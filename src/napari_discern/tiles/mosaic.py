"""Mosaic: the tiles of an image, and their stitching into one label image.

The stitching is ngio's: every tile banks the labels of its grown region, objects of two tiles that agree
over the pixels that both saw become one, and ids are made 1..N at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from ngio.iterators import SegmentationIterator

LARGEST_ID = 2**32 - 2


@dataclass(frozen=True)
class Tile:
    """A part of the image to find objects in.

    Attributes
    ----------
    region : tuple of slice
        The core grown by the halo, one slice a spatial axis.
    writer : callable
        Takes the labels of `region`, uint32, ids 1..N.
    """

    region: tuple[slice, ...]
    writer: Any

    def write(self, labels: np.ndarray) -> None:
        """Hand in the labels of `region`."""
        self.writer(labels.astype(np.uint32, copy=False))


class Mosaic:
    """A label image kept on disk while its tiles are being found.

    Parameters
    ----------
    folder : Path
        An empty folder for the label image and what stitching needs; the caller removes it.
    shape : sequence of int
        Spatial shape of the image in pixels, (z,) y, x.
    tile : sequence of int
        Size of a core along each axis, in pixels.
    halo : sequence of int
        By how many pixels a core is grown on either side along each axis.
    """

    def __init__(self, folder: Path, shape: Sequence[int], tile: Sequence[int], halo: Sequence[int]) -> None:
        from ngio import create_empty_ome_zarr

        axes = "zyx"[3 - len(shape) :]
        chunks = tuple(min(n, t) for n, t in zip(shape, tile, strict=True))
        frame = create_empty_ome_zarr(
            folder / "mosaic.zarr", shape, 1.0, levels=1, axes_names=list(axes), chunks=chunks, dtype="uint8"
        )
        self.label = frame.derive_label("objects", dtype="uint32", chunks=chunks)
        self.iterator = _plan(frame.get_image(), self.label, axes, tile, halo)

    def __len__(self) -> int:
        return len(self.iterator.rois)

    def tiles(self) -> Iterator[Tile]:
        """Every tile in turn; write to each before asking for the next. The last one is followed by stitching."""
        for getter, setter in self.iterator.iter(lazy=True, data_mode="numpy"):
            yield Tile(cast("tuple[slice, ...]", getter.slicing_ops.normalized_slicing_tuple), setter)

    def read(self) -> np.ndarray:
        """The stitched labels, uint32, ids 1..N."""
        return np.asarray(self.label.get_as_numpy())


def _plan(image: Any, label: Any, axes: str, tile: Sequence[int], halo: Sequence[int]) -> SegmentationIterator:
    from ngio.iterators import SegmentationIterator, StitchConfig

    sizes: dict[str, Any] = {f"size_{a}": t for a, t in zip(axes, tile, strict=True)}
    grid = SegmentationIterator(image, label).by_grid(**sizes, tail="balance")
    block = LARGEST_ID // (len(grid.rois) + 1)
    config = StitchConfig(block_size=min(block, int(np.prod([t + 2 * h for t, h in zip(tile, halo, strict=True)]) + 1)))
    return grid.with_halo(**dict(zip(axes, halo, strict=True))).with_stitch(config)
