"""Batch: volumes on disk, in tiles, over processes; killed, resumed, and read back by others."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import ngio
import numpy as np
import pytest
from scipy import ndimage
from stubs import Bright, balls, same_partition, tiny

from napari_discern.batch import Batch, Job, Plan, Report, crew_for, label_volume, plan
from napari_discern.batch.crew import Alone
from napari_discern.batch.workplace import Workplace
from napari_discern.errors import BadArgument, BadFile, OutputExists
from napari_discern.instances import Instances
from napari_discern.progress import run
from napari_discern.recipe import Recipe

TRUTH = balls((40, 61, 83), (3, 3, 3), 40)
SPACING = (2.0, 0.5, 0.5)
RECIPE = {
    "model": "stand-in",
    "tile": 24,
    "halo": 8,
    "normalise": {"kind": "percentile", "low": 0, "high": 100, "cofactor": 0},
}


def make(path: Path, values: np.ndarray, axes: str = "zyx", version: str = "0.5", **how: Any) -> Path:
    """An OME-Zarr image on disk."""
    ngio.create_ome_zarr_from_array(
        path, values, pixelsize=0.5, z_spacing=2.0, axes_names=list(axes), levels=3, ngff_version=version,
        chunks=how.pop("chunks", tuple({"t": 1, "c": 1, "z": 16, "y": 32, "x": 32}[a] for a in axes)), **how,
    )  # fmt: skip
    return path


def bright(truth: np.ndarray = TRUTH) -> np.ndarray:
    return np.where(truth > 0, 200, 10).astype(np.uint8)


BATCH, FINDER = Batch(), Bright()


def plan_for(path: Path, batch: Batch = BATCH, ndim: int = 3, **recipe: Any) -> Plan:
    return plan(path, Recipe.from_dict({**RECIPE, **recipe}, "test"), tiny(ndim=ndim), batch)


def label(path: Path, finder: Any = FINDER, batch: Batch = BATCH, ndim: int = 3, **how: Any) -> Report:
    recipe = how.pop("recipe", {})
    job = Job(path, plan_for(path, batch, ndim, **recipe), finder, batch, **how)
    with crew_for(batch) as crew:
        return run(label_volume(job, crew))


def labels_of(path: Path, name: str = "objects") -> np.ndarray:
    return np.asarray(ngio.open_ome_zarr_container(path).get_label(name).get_as_numpy())


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return make(tmp_path / "cells.ome.zarr", bright())


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_labels_are_those_of_the_whole(tmp_path: Path, version: str) -> None:
    path = make(tmp_path / "cells.ome.zarr", bright(), version=version)
    report = label(path)
    found = labels_of(path)
    assert found.dtype == np.uint32
    assert same_partition(found, TRUTH)
    assert report.objects == TRUTH.max() == found.max()
    assert report.tiles == 2 * 3 * 4
    assert not report.suspicious


def test_a_pyramid_with_the_axes_and_spacing_of_the_image(volume: Path) -> None:
    label(volume)
    container = ngio.open_ome_zarr_container(volume)
    assert container.list_labels() == ["objects"]
    image, found = container.get_image(), container.get_label("objects")
    assert found.axes == image.axes
    assert found.pixel_size == image.pixel_size
    assert found.meta.paths == image.meta.paths
    for level in found.meta.paths:
        assert container.get_label("objects", path=level).shape == container.get_image(path=level).shape
    small = container.get_label("objects", path=found.meta.paths[-1]).get_as_numpy()
    assert set(np.unique(small)) <= set(np.unique(labels_of(volume)))
    assert small.any()


def test_a_row_an_object_beside_the_labels(volume: Path) -> None:
    label(volume)
    table = ngio.open_ome_zarr_container(volume).get_table("objects").dataframe.reset_index()
    found = labels_of(volume)
    expected = Instances.from_labels(found).features()
    assert np.array_equal(table["label"], expected["label"])
    for column in ("area", "centroid_z", "centroid_x", "min_y", "max_z"):
        assert np.allclose(table[column], expected[column])
    assert np.array_equal(table["touches_border"].astype(bool), expected["touches_border"].astype(bool))
    assert np.allclose(table["area_units"], expected["area"] * np.prod(SPACING))


def test_the_recipe_and_what_happened_at_the_seams_lie_beside_them(volume: Path) -> None:
    label(volume)
    folder = volume / "labels" / "objects"
    assert Recipe.from_toml((folder / "recipe.toml").read_text()).tile == 24
    seams = json.loads((folder / "seams.json").read_text())
    assert seams["objects"] == TRUTH.max()
    assert seams["counts"]["joined"] > 5
    assert seams["counts"]["apart"] == seams["counts"]["conflict"] == seams["counts"]["failed"] == 0
    assert "begun" in (folder / "log.txt").read_text()
    assert not (volume / ".napari-discern").exists()


def test_time_points_one_by_one_with_ids_of_their_own(tmp_path: Path) -> None:
    series = np.stack([bright(), bright(TRUTH[::-1])])
    path = make(tmp_path / "series.ome.zarr", series[:, None], "tczyx")
    report = label(path)
    found = labels_of(path)
    assert found.shape == series.shape
    assert same_partition(found[0], TRUTH)
    assert same_partition(found[1], TRUTH[::-1])
    assert not set(np.unique(found[0][found[0] > 0])) & set(np.unique(found[1]))
    assert report.objects == found.max() == 2 * TRUTH.max()
    table = ngio.open_ome_zarr_container(path).get_table("objects").dataframe.reset_index()
    assert table.groupby("t").size().tolist() == [TRUTH.max()] * 2


def test_slices_only_when_asked_for(tmp_path: Path) -> None:
    path = make(tmp_path / "cells.ome.zarr", bright())
    with pytest.raises(BadArgument, match="--by-slice"):
        plan_for(path, ndim=2)
    label(path, ndim=2, batch=Batch(by_slice=True))
    found = labels_of(path)
    for z in (0, 17, 39):
        slices = np.asarray(ndimage.label(TRUTH[z] > 0)[0])
        assert same_partition(found[z], slices)


def test_nothing_is_replaced_unasked(volume: Path) -> None:
    label(volume)
    before = labels_of(volume)
    with pytest.raises(OutputExists, match="--label-name"):
        label(volume)
    assert np.array_equal(labels_of(volume), before)
    label(volume, batch=Batch(label_name="others"))
    assert ngio.open_ome_zarr_container(volume).list_labels() == ["objects", "others"]
    label(volume, overwrite=True, finder=Bright(2.0))
    assert not labels_of(volume).any()
    assert np.array_equal(labels_of(volume, "others"), before)


def stopped_after(job: Job, tiles: int) -> None:
    """Run until so many tiles are done, and stop there."""
    steps = label_volume(job, Alone())
    for progress in steps:
        if progress.values.get("tiles", 0) == tiles:
            break
    steps.close()


def test_a_stopped_run_is_taken_up_where_it_was(volume: Path) -> None:
    job = Job(volume, plan_for(volume), Bright())
    stopped_after(job, 5)
    assert ngio.open_ome_zarr_container(volume).list_labels() == []  # nothing looks finished
    with pytest.raises(OutputExists, match="--resume"):
        label(volume)
    with pytest.raises(OutputExists, match="tile"):
        label(volume, resume=True, recipe={"tile": 16})
    calls = Counting()
    report = label(volume, finder=calls, resume=True)
    assert calls.number == 24 - 5
    assert same_partition(labels_of(volume), TRUTH)
    assert report.objects == TRUTH.max()


class Counting:
    """Counts what it is asked."""

    number = 0

    def __call__(self, patch: np.ndarray) -> Any:
        self.number += 1
        return Bright()(patch)


def test_two_runs_at_once_are_refused(volume: Path) -> None:
    job = Job(volume, plan_for(volume), Bright())
    with Workplace(volume, "objects").locked(), pytest.raises(OutputExists, match="at work"):
        run(label_volume(job, Alone()))
    lock = volume / ".napari-discern" / "objects.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text(json.dumps({"host": socket.gethostname(), "process": 2**22 + 1}))
    run(label_volume(job, Alone()))  # that process is no more


def test_what_cannot_be_read_is_told_and_the_rest_is_kept(volume: Path) -> None:
    chunk = volume / "0" / "c" / "0" / "0" / "0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:20])
    calls = Counting()
    with pytest.raises(BadFile, match=r"\d of 24 tiles could not be done.*--resume"):
        label(volume, finder=calls)
    assert 0 < calls.number < 24
    assert ngio.open_ome_zarr_container(volume).list_labels() == []
    gaps = Batch(allow_gaps=True)
    report = label(volume, batch=gaps, resume=True)
    assert report.count("failed") == 24 - calls.number
    found = labels_of(volume)
    assert found.any()
    assert not found[:16, :24, :24].any()
    chunk.write_bytes(whole)
    label(volume, overwrite=True)
    assert same_partition(labels_of(volume), TRUTH)


def test_workers_find_the_same_and_one_may_die(volume: Path, tmp_path: Path) -> None:
    batch = Batch(workers=2)
    job = Job(volume, plan_for(volume, batch), Deadly(str(tmp_path / "died")), batch)
    with crew_for(batch) as crew:
        report = run(label_volume(job, crew))
    assert (tmp_path / "died").exists()
    assert report.objects == TRUTH.max()
    assert same_partition(labels_of(volume), TRUTH)


class Deadly:
    """Kills its process once."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __call__(self, patch: np.ndarray) -> Any:
        if not Path(self.mark).exists():
            Path(self.mark).write_text("x")
            os.kill(os.getpid(), signal.SIGKILL)
        return Bright()(patch)


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_discern.batch.crew.ANSWER", 0.2)
    with pytest.raises(BadArgument, match="dask scheduler"), crew_for(Batch(scheduler="tcp://127.0.0.1:9")):
        pass
