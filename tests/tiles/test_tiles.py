"""Tiles: what is found tile by tile is what is found on the whole image."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from stubs import balls, same_partition

from napari_discern.instances import Instances
from napari_discern.progress import run
from napari_discern.tiles import Bank, Box, Grid, Joined, join


def components(mask: np.ndarray) -> np.ndarray:
    """A network by hand: what hangs together is an object."""
    return np.asarray(ndimage.label(mask)[0], np.uint32)


def join_tiles(
    folder: Path, find: Callable[[int, Box], np.ndarray], shape: Sequence[int], tile: Sequence[int], halo: Sequence[int]
) -> Joined:
    """Put together what `find` finds in each tile, given its number and region."""
    bank = Bank(folder, Grid(tuple(shape), tuple(tile), tuple(halo)))
    for number in range(len(bank.grid)):
        region = bank.grid.region(number)
        bank.write(number, Instances.from_labels(find(number, region)).planes, {})  # ids of a tile are its own
    return run(join(bank, 1))


def by_tiles(folder: Path, mask: np.ndarray, tile: Sequence[int], halo: Sequence[int]) -> np.ndarray:
    return join_tiles(folder, lambda _, region: components(mask[region]), mask.shape, tile, halo).labels()[0]


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
    joined = join_tiles(tmp_path, lambda _, region: truth[region], truth.shape, (20, 20), (10, 10))
    assert same_partition(joined.labels()[0], truth)
    assert not len(joined.seams)  # neither reaches into the other tile


@pytest.mark.parametrize(
    ("seen", "objects", "kinds"),
    [(slice(8, 17), 1, {"joined"}), (slice(8, 18), 1, {"joined"}), (slice(16, 20), 2, {"apart"})],
)
def test_tiles_that_agree_by_and_large_mean_one_object(
    tmp_path: Path, seen: slice, objects: int, kinds: set[str]
) -> None:
    left, right = np.zeros((2, 30, 40), np.uint32)
    left[8:18, 12:28], right[seen, 12:28] = 1, 1  # what the tiles on either side of column 20 make of it
    joined = join_tiles(tmp_path, lambda k, region: (left, right)[k][region], left.shape, (30, 20), (10, 10))
    found = joined.labels()[0]
    assert found.max() == joined.n == objects
    assert np.array_equal(found[:, :20] > 0, left[:, :20] > 0)
    assert np.array_equal(found[:, 20:] > 0, right[:, 20:] > 0)
    assert {seam.kind for seam in joined.seams} == kinds


def test_where_tiles_disagree_on_how_many_there_are_it_is_said(tmp_path: Path) -> None:
    left, right = np.zeros((2, 40, 40), np.uint32)
    left[5:35, 12:28] = 1  # one object here
    right[5:22, 12:28], right[22:35, 12:28] = 1, 2  # and two there
    joined = join_tiles(tmp_path, lambda k, region: (left, right)[k][region], left.shape, (40, 20), (10, 10))
    assert joined.n == 2  # the more alike pair is one object, the rest is left out of it
    conflict = next(seam for seam in joined.seams if seam.kind == "conflict")
    assert 5 <= conflict.place[0] < 35
    assert 20 <= conflict.place[1] < 28


def test_what_a_tile_sees_only_the_ends_of_is_one(tmp_path: Path) -> None:
    mask = np.zeros((40, 60), bool)
    mask[5:10, 10:50] = mask[25:30, 10:50] = mask[5:30, 45:50] = True  # the left tile does not see that they meet
    joined = join_tiles(tmp_path, lambda _, region: components(mask[region]), mask.shape, (40, 20), (8, 8))
    check(joined.labels()[0], mask)
    assert joined.objects["cut"].tolist() == [1]  # no tile saw all of it


def test_objects_are_measured_over_all_tiles(tmp_path: Path) -> None:
    truth = balls((61, 83), (3, 3), 40)
    joined = join_tiles(tmp_path, lambda _, region: truth[region], truth.shape, (20, 20), (8, 8))
    objects, whole = joined.objects, Instances.from_labels(joined.labels()[0]).features()
    assert np.array_equal(objects["own"], whole["area"])
    for axis in "yx":
        assert np.allclose(objects[f"sum_{axis}"] / objects["own"], whole[f"centroid_{axis}"])
        assert np.array_equal(objects[f"min_{axis}"], whole[f"min_{axis}"])
        assert np.array_equal(objects[f"max_{axis}"], whole[f"max_{axis}"])
    assert not objects["cut"].any()


def test_small_objects_are_left_out_of_the_whole_not_of_tiles(tmp_path: Path) -> None:
    truth = np.zeros((20, 40), np.uint32)
    truth[4:8, 18:22] = 1  # 16 px, 8 in either tile
    truth[12:15, 5:8] = 2  # 9 px
    bank = Bank(tmp_path, Grid((20, 40), (20, 20), (6, 6)))
    for number in range(len(bank.grid)):
        region = bank.grid.region(number)
        bank.write(number, components(truth[region] > 0)[None], {})
    assert same_partition(run(join(bank, 10)).labels()[0], np.where(truth == 1, 1, 0))


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


@given(st.data())
def test_cores_share_no_pixel_and_leave_none_out(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
    chunk = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    tile = tuple(c * data.draw(st.integers(1, 5)) for c in chunk)
    grid, count = Grid(shape, tile, (3, 5), chunk), np.zeros(shape, int)
    for number in range(len(grid)):
        core, region = grid.core(number), grid.region(number)
        count[core] += 1
        assert all(c.start % n == 0 and c.stop - c.start <= t for c, n, t in zip(core, chunk, tile, strict=True))
        assert [max(0, c.start - h) for c, h in zip(core, grid.halo, strict=True)] == [r.start for r in region]
        assert [min(n, c.stop + h) for c, h, n in zip(core, grid.halo, shape, strict=True)] == [r.stop for r in region]
    assert (count == 1).all()


@given(st.data())
def test_neighbours_are_all_pairs_that_see_the_same_pixels(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    halo = data.draw(st.tuples(st.integers(0, 15), st.integers(0, 15)))
    grid, expected = Grid(shape, data.draw(st.tuples(st.integers(5, 20), st.integers(5, 20))), halo), set()
    seen = np.zeros((len(grid), *shape), bool)
    for number in range(len(grid)):
        seen[(number, *grid.region(number))] = True
    for one, other in itertools.combinations(range(len(grid)), 2):
        if (seen[one] & seen[other]).any():
            expected.add((one, other))
    found = {(one, other): box for one in range(len(grid)) for other, box in grid.neighbours(one)}
    assert set(found) == expected
    for (one, other), box in found.items():
        inside = np.zeros(shape, bool)
        inside[box] = True
        assert np.array_equal(inside, seen[one] & seen[other])


def test_a_tile_is_there_once_all_of_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bank = Bank(tmp_path, Grid((20, 40), (20, 20), (6, 6)))
    labels = np.ones((1, 20, 26), np.uint32)
    assert not bank.has(0)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", stop)
        with pytest.raises(KeyboardInterrupt):
            bank.write(0, labels, {})
    assert not bank.has(0)
    bank.write(0, labels, {})
    assert bank.has(0)
    assert not bank.has(1)
    bank.write(0, 0 * labels, {})  # another process that had the same tile at hand comes late
    assert bank.found(0).n == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000"]


def test_a_failed_tile_is_to_be_done_again(tmp_path: Path) -> None:
    bank = Bank(tmp_path, Grid((20, 40), (20, 20), (6, 6)))
    bank.write(0, np.zeros((1, 20, 26), np.uint32), {}, failure="the disk was wet")
    assert not bank.has(0)
    assert bank.found(0).failure == "the disk was wet"
    bank.write(0, np.ones((1, 20, 26), np.uint32), {})
    assert bank.has(0)


def test_a_bank_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "gone", Grid((20, 40), (20, 20), (6, 6)))
    with pytest.raises(FileNotFoundError):
        bank.write(0, np.ones((1, 20, 26), np.uint32), {})
    assert not (tmp_path / "gone").exists()


def test_parts_are_joined_only_where_the_other_tile_sees_more(tmp_path: Path) -> None:
    """Two objects end below, at a side that both tiles see no further than: three tiles saw two, one saw one."""
    truth = np.zeros((60, 40), np.uint32)
    truth[24:40, 14:20], truth[24:40, 21:26] = 1, 2
    one = np.where(truth > 0, 1, 0)
    one[24:40, 14:26] = 1
    joined = join_tiles(tmp_path, lambda k, region: (one if k == 1 else truth)[region], truth.shape, (30, 20), (8, 8))
    assert joined.n == 2
    assert {"conflict", "apart"} & {seam.kind for seam in joined.seams}


def test_two_objects_that_a_tile_saw_apart_are_never_one(tmp_path: Path) -> None:
    """Three tiles see one object and the fourth two, neither of which is cut there."""
    truth = np.zeros((60, 60), np.uint32)
    truth[4:26, 24:34], truth[26:36, 4:30] = 1, 2
    one = (truth > 0).astype(np.uint32)
    joined = join_tiles(
        tmp_path, lambda k, region: (one if k in (1, 2) else truth)[region], truth.shape, (30, 30), (14, 14)
    )
    assert joined.ids[0][1] != joined.ids[0][2]
    assert "conflict" in {seam.kind for seam in joined.seams}


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_measures_survive_the_way_over_the_disk(tmp_path: Path) -> None:
    bank = Bank(tmp_path, Grid((20, 40), (20, 20), (6, 6)))
    bank.write(0, np.ones((1, 20, 26), np.uint32), {"gap": np.array([np.inf]), "score": np.array([1 / 3])})
    found = bank.found(0).objects
    assert found["gap"].tolist() == [np.inf]
    assert found["score"].tolist() == [1 / 3]


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
    check(by_tiles(tmp_path_factory.mktemp("bank"), mask, tile, (halo, halo)), mask)
