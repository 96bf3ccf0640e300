"""Tiles: what is found tile by tile is what is found on the whole image."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from stubs import balls, same_partition

from napari_discern.tiles import Mosaic


def components(mask: np.ndarray) -> np.ndarray:
    """A network by hand: what hangs together is an object."""
    return np.asarray(ndimage.label(mask)[0], np.uint32)


def by_tiles(folder: Path, mask: np.ndarray, tile: Sequence[int], halo: Sequence[int]) -> np.ndarray:
    mosaic = Mosaic(folder, mask.shape, tile, halo)
    for part in mosaic.tiles():
        part.write(components(mask[part.region]))
    return mosaic.read()


def check(found: np.ndarray, mask: np.ndarray) -> None:
    whole = components(mask)
    assert found.dtype == np.uint32
    assert same_partition(found, whole)
    assert np.array_equal(np.unique(found[found > 0]), np.arange(1, whole.max() + 1))


@pytest.mark.parametrize(
    ("shape", "tile", "halo"),
    [
        ((60, 60), (20, 20), (8, 8)),
        ((61, 83), (20, 20), (8, 8)),
        ((47, 20), (23, 30), (6, 6)),
        ((9, 130), (16, 16), (8, 8)),
        ((1, 50), (16, 16), (8, 8)),
        ((17, 17), (16, 16), (8, 8)),
        ((40, 55), (40, 11), (1, 5)),
    ],
    ids=str,
)
def test_objects_across_tiles_are_whole(
    tmp_path: Path, shape: tuple[int, int], tile: tuple[int, int], halo: tuple[int, int]
) -> None:
    truth = balls(shape, (3, 3), 40)
    check(by_tiles(tmp_path, truth > 0, tile, halo), truth > 0)


@pytest.mark.parametrize(
    ("shape", "tile", "halo", "radius"),
    [((24, 30, 30), (12, 12, 12), (5, 5, 5), (3, 3, 3)), ((9, 31, 26), (4, 12, 12), (2, 6, 6), (1.2, 4, 4))],
    ids=["cube", "flat-voxels"],
)
def test_objects_across_tiles_are_whole_in_3d(
    tmp_path: Path, shape: tuple[int, ...], tile: tuple[int, ...], halo: tuple[int, ...], radius: tuple[float, ...]
) -> None:
    mask = balls(shape, radius, 12) > 0
    check(by_tiles(tmp_path, mask, tile, halo), mask)


@pytest.mark.parametrize(
    ("box", "tiles"),
    [
        ((slice(3, 8), slice(3, 8)), 1),
        ((slice(2, 7), slice(17, 24)), 2),
        ((slice(18, 23), slice(18, 23)), 4),
        ((slice(19, 20), slice(19, 20)), 1),
        ((slice(19, 21), slice(19, 21)), 4),
    ],
    ids=["inside", "over-an-edge", "over-a-corner", "a-corner-pixel", "a-pixel-of-each-tile"],
)
def test_an_object_is_one_however_many_tiles_hold_it(tmp_path: Path, box: tuple[slice, slice], tiles: int) -> None:
    mask = np.zeros((40, 40), bool)
    mask[box] = True
    cores = [mask[20 * y : 20 * y + 20, 20 * x : 20 * x + 20] for y, x in itertools.product((0, 1), (0, 1))]
    assert sum(core.any() for core in cores) == tiles  # what the case is meant to show
    check(by_tiles(tmp_path, mask, (20, 20), (6, 6)), mask)


def test_an_object_larger_than_a_tile_is_one(tmp_path: Path) -> None:
    mask = np.zeros((70, 70), bool)
    mask[5:65, 10:60] = True
    check(by_tiles(tmp_path, mask, (16, 16), (8, 8)), mask)


def test_objects_that_meet_at_a_seam_stay_two(tmp_path: Path) -> None:
    truth = np.zeros((20, 40), np.uint32)
    truth[5:15, 12:20], truth[5:15, 20:28] = 1, 2  # the seam is between the columns 19 and 20
    mosaic = Mosaic(tmp_path, truth.shape, (20, 20), (10, 10))
    for part in mosaic.tiles():
        part.write(np.unique(truth[part.region], return_inverse=True)[1].reshape(truth[part.region].shape))
    assert same_partition(mosaic.read(), truth)


@pytest.mark.parametrize(("seen", "objects"), [(slice(8, 17), 1), (slice(8, 18), 1), (slice(16, 20), 2)])
def test_tiles_that_agree_by_and_large_mean_one_object(tmp_path: Path, seen: slice, objects: int) -> None:
    left, right = np.zeros((2, 30, 40), np.uint32)
    left[8:18, 12:28], right[seen, 12:28] = 1, 1  # what the tiles on either side of column 20 make of it
    mosaic = Mosaic(tmp_path, left.shape, (30, 20), (10, 10))
    for part in mosaic.tiles():
        part.write((left if part.region[1].start == 0 else right)[part.region])
    found = mosaic.read()
    assert found.max() == objects
    assert np.array_equal(found[:, :20] > 0, left[:, :20] > 0)
    assert np.array_equal(found[:, 20:] > 0, right[:, 20:] > 0)


def test_an_empty_image_has_no_objects(tmp_path: Path) -> None:
    found = by_tiles(tmp_path, np.zeros((30, 45), bool), (16, 16), (4, 4))
    assert found.shape == (30, 45)
    assert not found.any()


def test_more_objects_than_sixteen_bits_count(tmp_path: Path) -> None:
    mask = np.zeros((540, 540), bool)
    mask[::2, ::2] = True
    found = by_tiles(tmp_path, mask, (180, 180), (4, 4))
    assert found.max() == 72_900
    check(found, mask)


def test_cores_share_no_pixel_and_leave_none_out(tmp_path: Path) -> None:
    shape, halo = (50, 37), 5
    mosaic, count, regions = Mosaic(tmp_path, shape, (16, 16), (halo, halo)), np.zeros(shape, int), []
    for part in mosaic.tiles():
        regions.append(part.region)
        core = tuple(
            slice(r.start + halo * (r.start > 0), r.stop - halo * (r.stop < n))
            for r, n in zip(part.region, shape, strict=True)
        )
        count[core] += 1
        part.write(np.zeros([r.stop - r.start for r in part.region], np.uint32))
    assert (count == 1).all()
    assert len(regions) == len(mosaic)


def test_labels_are_kept_in_chunks_on_disk(tmp_path: Path) -> None:
    mosaic = Mosaic(tmp_path, (64, 100), (32, 32), (8, 8))
    for part in mosaic.tiles():
        part.write(np.ones([r.stop - r.start for r in part.region], np.uint32))
    label = zarr.open_group(tmp_path / "mosaic.zarr", mode="r")["labels/objects/0"]
    assert isinstance(label, zarr.Array)
    assert label.chunks == (32, 32)
    assert np.array_equal(label[:], mosaic.read())
    assert not [p.name for p in (tmp_path / "mosaic.zarr").rglob("*stitch*")]


@settings(max_examples=12)
@given(st.data())
def test_any_tiling_gives_the_partition_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    shape = data.draw(st.tuples(st.integers(5, 70), st.integers(5, 70)))
    tile = data.draw(st.tuples(st.integers(8, 40), st.integers(8, 40)))
    radius = data.draw(st.sampled_from([1, 2, 4]))
    mask = balls(shape, (radius, radius), 25, data.draw(st.integers(0, 99))) > 0
    halo = 2 * radius + data.draw(st.integers(1, 6))
    check(by_tiles(tmp_path_factory.mktemp("mosaic"), mask, tile, (halo, halo)), mask)
