"""The smaller levels of a label image."""

from __future__ import annotations

from pathlib import Path

import ngio
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_discern.batch import pyramid
from napari_discern.progress import run


def levels_of(*arrays: tuple[tuple[int, ...], tuple[int, ...]]) -> list[zarr.Array]:
    """Empty levels in memory, each of a shape and its chunks."""
    group = zarr.group(zarr.storage.MemoryStore())
    return [
        group.create_array(str(k), shape=shape, chunks=chunks, dtype="uint32")
        for k, (shape, chunks) in enumerate(arrays)
    ]


@pytest.mark.parametrize("shape", [(16, 32, 48), (8, 64, 64)])
def test_as_ngio_builds_it_where_sizes_are_multiples(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 1000, shape).astype(np.uint32)
    built = []
    for name in ("theirs", "ours"):
        container = ngio.create_empty_ome_zarr(
            tmp_path / name, shape, 0.5, levels=3, axes_names=list("zyx"), chunks=(8, 16, 16), dtype="uint32"
        )
        label = container.derive_label("objects")
        label.zarr_array[...] = values
        arrays = [container.get_label("objects", path=path).zarr_array for path in label.meta.paths]
        if name == "ours":
            run(pyramid.build(arrays))
        else:
            label.consolidate(mode="dask")
        built.append([np.asarray(array[...]) for array in arrays])
    for theirs, ours in zip(*built, strict=True):
        assert np.array_equal(theirs, ours)
    assert len(built[0]) == 3


def test_odd_sizes_and_an_axis_that_stays() -> None:
    levels = levels_of(((1, 5, 7), (1, 2, 3)), ((1, 2, 3), (1, 2, 2)), ((1, 1, 1), (1, 1, 1)))
    levels[0][...] = np.arange(35, dtype=np.uint32).reshape(1, 5, 7)
    run(pyramid.build(levels))
    assert levels[1][0].tolist() == [[8, 10, 12], [22, 24, 26]]  # rows 1 and 3, columns 1, 3 and 5
    assert levels[2][0].tolist() == [[24]]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
def test_each_pixel_is_the_one_at_its_middle_whatever_the_chunks(of: int, to: int, chunk: int) -> None:
    levels = levels_of(((of,), (7,)), ((to,), (chunk,)))
    levels[0][...] = np.arange(1, of + 1, dtype=np.uint32)
    run(pyramid.build(levels))
    middles = (np.arange(to) + 0.5) * of / to
    assert np.array_equal(levels[1][...], np.floor(middles + 1e-9).astype(int) + 1)


def test_progress_and_no_more_than_a_chunk_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = levels_of(((64, 64), (16, 16)), ((32, 32), (16, 16)), ((16, 16), (16, 16)))
    levels[0][...] = 7
    read: list[int] = []
    get = zarr.Array.__getitem__

    def counted(array: zarr.Array, where: object) -> object:
        block = get(array, where)
        read.append(np.asarray(block).size)
        return block

    monkeypatch.setattr(zarr.Array, "__getitem__", counted)
    fractions = [progress.fraction for progress in pyramid.build(levels)]
    assert fractions == [pytest.approx(k / 5) for k in range(1, 6)]
    assert max(read) <= 32 * 32
