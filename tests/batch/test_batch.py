"""Batch: volumes on disk, in tiles, over processes; killed, resumed, and read back by others."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ngio
import numpy as np
import pandas as pd
import pytest
import zarr
from distributed import LocalCluster
from scipy import ndimage
from stubs import Bright, balls, same_partition, tiny
from zarr.storage import LocalStore

from napari_discern import io
from napari_discern.batch import (
    Batch,
    Estimate,
    Job,
    Plan,
    Report,
    Task,
    convert,
    crew_for,
    estimate_all,
    fitting_tile,
    label_all,
    label_volume,
    plan,
    sources,
)
from napari_discern.batch import report as report_module
from napari_discern.batch.crew import Alone
from napari_discern.batch.estimate import Trial
from napari_discern.batch.settings import bytes_of
from napari_discern.batch.tile import ModelFinder
from napari_discern.batch.workplace import Workplace
from napari_discern.cli import main
from napari_discern.clustering import MeanShift
from napari_discern.errors import BadArgument, BadFile, OutOfMemory, OutputExists, TileFailed
from napari_discern.image import Image
from napari_discern.instances import CHANCE, Instances
from napari_discern.io import omezarr
from napari_discern.model import Model, Settings
from napari_discern.progress import run
from napari_discern.segmentation import Recipe, find_in_patch, recipe_for, set_up
from napari_discern.tiles import sides

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
        consolidation_mode="auto",
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


@dataclass(frozen=True)
class Sorting:
    """Finds objects and says of the brightest that they are bright, surely but for one in five."""

    def __call__(self, patch: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        labels, _ = Bright()(patch)
        ids = np.arange(1, 1 + labels.max())
        chance = np.where(ndimage.mean(patch[0], labels[0], ids) > 0.9, 0.8, 0.2) if len(ids) else np.zeros(0)
        return labels, {f"{CHANCE}bright": chance, f"{CHANCE}dim": 1 - chance}


def test_a_tile_is_looked_at_for_objects_of_the_size_that_is_said(tmp_path: Path) -> None:
    settings = Settings(foreground_threshold=0.01, cluster=MeanShift(bandwidth=0.5))
    card = tiny(stride=2, coordinate_scale=4.0).model_copy(update={"settings": settings})
    model = Model.create(card, "cpu").save(tmp_path / "model")
    patch = np.random.default_rng(0).random((1, 32, 32), dtype=np.float32)
    said, plain = (recipe_for(model, str(tmp_path / "model"), object_size=size) for size in (16, "auto"))
    labels, expected = ModelFinder(said)(patch)[0], run(find_in_patch(patch, set_up(model, said), said))[0]
    assert labels.max() > 0
    assert np.array_equal(labels, expected)
    assert not np.array_equal(labels, ModelFinder(plain)(patch)[0])


def test_the_table_has_the_class_of_each_object_over_all_tiles(tmp_path: Path) -> None:
    path = make(tmp_path / "two.ome.zarr", np.where(TRUTH % 2, bright(), bright() // 4 * 3).astype(np.uint8))
    label(path, Sorting())
    table = ngio.open_ome_zarr_container(path).get_table("objects").dataframe.reset_index()
    middle = table[["centroid_z", "centroid_y", "centroid_x"]].round().to_numpy(int)
    odd = TRUTH[tuple(middle.T)] % 2 == 1
    assert table["class"].tolist() == np.where(odd, "bright", "dim").tolist()
    assert np.allclose(table["confidence"], 0.8)
    assert not any(name.startswith(CHANCE) for name in table)


def test_tables_are_the_same_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With halos that are too small, so that much is to be said of the seams."""
    written = []
    for part in (1_000_000, 7):
        monkeypatch.setattr(report_module, "PART", part)
        path = make(tmp_path / f"{part}.ome.zarr", bright())
        label(path, recipe={"halo": 2})
        files = ("tables/objects/table.csv", "labels/objects/seams.csv", "labels/objects/seams.json")
        written.append([(path / file).read_text().replace(path.name, "") for file in files])
    assert written[0] == written[1]
    assert written[0][0].count("\n") > 2 * 7
    assert written[0][1].count("\n") > 2 * 7


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
    path = make(tmp_path / "cells.ome.zarr", bright()[14:22])
    with pytest.raises(BadArgument, match="--by-slice"):
        plan_for(path, ndim=2)
    label(path, ndim=2, batch=Batch(by_slice=True))
    found = labels_of(path)
    for z in (0, 3, 7):
        slices = np.asarray(ndimage.label(TRUTH[14 + z] > 0)[0])
        assert same_partition(found[z], slices)


def test_a_model_for_other_images_is_refused(tmp_path: Path) -> None:
    channels = make(tmp_path / "channels.ome.zarr", np.stack([bright(TRUTH[20])] * 3), "cyx")
    with pytest.raises(BadArgument, match=r"3 channel\(s\)"):
        plan_for(channels, ndim=2)
    with pytest.raises(BadArgument, match="made for 3D"):
        plan_for(make(tmp_path / "flat.ome.zarr", bright(TRUTH[20]), "yx"))


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
    run(label_volume(job, Alone()))


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


def test_others_read_the_labels(volume: Path) -> None:
    label(volume)
    check_others(volume, labels_of(volume))


def test_others_read_the_labels_of_the_older_version(tmp_path: Path) -> None:
    path = make(tmp_path / "cells.ome.zarr", bright(), version="0.4")
    label(path)
    check_others(path, labels_of(path))


def check_others(path: Path, found: np.ndarray) -> None:
    """What napari-ome-zarr, the standard's models, and ome-zarr-py where it is installed, make of a volume."""
    from napari_ome_zarr._reader import napari_get_reader

    read = napari_get_reader(str(path))
    layers = [layer for layer in read(str(path)) if layer[2] == "labels"] if read else []
    assert [np.array_equal(np.asarray(data[0]), found) for data, _, _ in layers] == [True]
    group = zarr.open_group(path / "labels" / "objects", mode="r")
    models = importlib.import_module(f"ome_zarr_models.{'v05' if 'ome' in group.attrs else 'v04'}.image_label")
    described = models.ImageLabelAttrs.model_validate(group.attrs.get("ome", dict(group.attrs)))
    assert [axis.name for axis in described.multiscales[0].axes] == ["z", "y", "x"]
    assert {axis.unit for axis in described.multiscales[0].axes} == {"micrometer"}
    assert described.multiscales[0].datasets[0].coordinateTransformations[0].scale == list(SPACING)
    if importlib.util.find_spec("ome_zarr"):  # its release of this year cannot be installed beside all others
        from ome_zarr.io import parse_url
        from ome_zarr.reader import Reader

        nodes = [node for node in Reader(parse_url(path))() if "labels/objects" in str(node.zarr)]
        assert np.array_equal(np.asarray(nodes[0].data[0]), found)


@dataclass(frozen=True)
class Stacked:
    """Finds two kinds of objects that lie on one another: bit 1 and bit 2 of the pixels, layer by layer."""

    def __call__(self, patch: np.ndarray) -> Any:
        value = np.round(patch[0] * 3).astype(int)
        low = np.asarray(ndimage.label(value & 1)[0], np.uint32)
        high = np.asarray(ndimage.label(value & 2)[0], np.uint32)
        return np.stack([low, np.where(high > 0, high + low.max(), 0)]).astype(np.uint32), {}


def test_objects_that_share_pixels_are_one_label_image_a_plane(tmp_path: Path) -> None:
    below, above = balls((61, 83), (5, 5), 15), balls((61, 83), (4, 4), 15, seed=7)
    values = ((below > 0) + 2 * (above > 0)).astype(np.uint8)
    path = make(tmp_path / "cells.ome.zarr", values, "yx")
    report = label(path, finder=Stacked(), ndim=2)
    container = ngio.open_ome_zarr_container(path)
    assert container.list_labels() == ["objects", "objects_2"]
    planes = np.stack([labels_of(path), labels_of(path, "objects_2")])
    assert report.objects == below.max() + above.max() == planes.max()
    masks = {np.packbits((planes == k).any(axis=0)).tobytes() for k in range(1, planes.max() + 1)}
    truth = {np.packbits(t == k).tobytes() for t in (below, above) for k in range(1, t.max() + 1)}
    assert masks == truth
    table = container.get_table("objects").dataframe.reset_index()
    whole = Instances(planes).features()
    assert np.array_equal(table["overlap_area"], whole["overlap_area"])
    assert np.array_equal(table["plane"], whole["plane"])


def test_a_tiff_is_converted_on_the_way(tmp_path: Path) -> None:
    io.write_image(tmp_path / "cells.tif", Image(bright(), "zyx", SPACING, "µm"))
    with pytest.raises(BadArgument, match="--out"):
        sources([str(tmp_path / "cells.tif")], None)
    source = sources([str(tmp_path / "cells.tif")], tmp_path / "out")[0]
    run(convert(source))
    image = io.read(source.volume)
    assert np.array_equal(image.read()[0], bright())
    assert image.spacing == SPACING
    assert image.unit == "micrometer"
    label(source.volume)
    assert same_partition(labels_of(source.volume), TRUTH)


def test_older_versions_are_converted_before_anything_is_done(tmp_path: Path) -> None:
    path = make(tmp_path / "old.ome.zarr", bright(), version="0.4")
    described = json.loads((path / ".zattrs").read_text(encoding="utf-8"))
    described["multiscales"][0]["version"] = "0.2"
    described["multiscales"][0].pop("axes")
    for level in described["multiscales"][0]["datasets"]:
        level.pop("coordinateTransformations")
    (path / ".zattrs").write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(BadArgument, match=r"old.ome.zarr is no OME-Zarr image of version 0.4 or 0.5 .*give --out DIR"):
        sources([str(path)], None)
    with pytest.raises(BadArgument, match="onto itself"):
        sources([str(path)], tmp_path)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which a web server on this machine shows it."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # fsspec keeps its connection
class TestElsewhere:
    """Volumes that do not lie on this machine are copied on the way."""

    def test_the_same_labels_as_of_the_volume_itself(self, served: tuple[Path, str], tmp_path: Path) -> None:
        here = make(served[0] / "cells.ome.zarr", bright())
        [source] = sources([f"{served[1]}/cells.ome.zarr"], tmp_path / "out")
        assert source.volume == tmp_path / "out" / "cells.ome.zarr"
        run(convert(source))
        for volume in (here, source.volume):
            label(volume)
        assert same_partition(labels_of(source.volume), labels_of(here))
        assert io.read(source.volume).spacing == SPACING

    def test_images_of_a_plate_have_names_of_their_own(self, served: tuple[Path, str], tmp_path: Path) -> None:
        wells = [ngio.ImageInWellPath(row=row, column=3, path="0") for row in "AB"]
        ngio.create_empty_plate(served[0] / "plate.zarr", "plate", images=wells)
        for well in "AB":
            make(served[0] / "plate.zarr" / well / "03" / "0", bright(TRUTH[20]), "yx", overwrite=True)
        found = sources([f"{served[1]}/plate.zarr"], tmp_path)
        assert [s.volume.name for s in found] == ["plate_A_03_0.ome.zarr", "plate_B_03_0.ome.zarr"]
        assert [io.read(s.path).spatial_shape for s in found] == [TRUTH[20].shape] * 2

    def test_a_place_to_copy_to_is_asked_for(self, served: tuple[Path, str]) -> None:
        make(served[0] / "cells.ome.zarr", bright())
        with pytest.raises(BadArgument, match="does not lie on this machine; give --out DIR"):
            sources([f"{served[1]}/cells.ome.zarr"], None)

    @pytest.mark.parametrize(
        ("address", "message"),
        [("/nothing.zarr", "no zarr image is found there"), ("nosuch://a/b.zarr", "no address that can be read from")],
    )
    def test_what_is_not_there(self, served: tuple[Path, str], tmp_path: Path, address: str, message: str) -> None:
        with pytest.raises(BadFile, match=message):
            run(convert(sources([address if "://" in address else served[1] + address], tmp_path)[0]))

    def test_a_store_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def down(_: Path) -> bool:
            raise PermissionError("no credentials")

        monkeypatch.setattr(omezarr, "is_zarr", down)
        with pytest.raises(BadFile, match=r"cannot be reached \(no credentials\)"):
            io.read("http://127.0.0.1:9/cells.ome.zarr")


def test_all_images_of_a_plate(tmp_path: Path) -> None:
    wells = [ngio.ImageInWellPath(row=row, column=3, path="0") for row in "AB"]
    ngio.create_empty_plate(tmp_path / "plate.zarr", "plate", images=wells)
    for well in "AB":
        make(tmp_path / "plate.zarr" / well / "03" / "0", bright(TRUTH[20]), "yx", overwrite=True)
    found = [source.path for source in sources([str(tmp_path / "plate.zarr")], None)]
    assert found == [tmp_path / "plate.zarr" / well / "03" / "0" for well in "AB"]
    label(found[0], ndim=2)
    assert labels_of(found[0]).any()


KILLED = """
import os, signal, sys
sys.path[:0] = {paths!r}
from pathlib import Path
import test_batch
from napari_discern.batch import workplace, output, Job, label_volume
from napari_discern.batch import report as report_module
from napari_discern.batch.crew import Alone
from napari_discern.tiles import bank

path, moment = Path(sys.argv[1]), int(sys.argv[2])
count = 0
def counted(function):
    def call(*args, **kwargs):
        global count
        count += 1
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return call
from zarr.storage import LocalStore
LocalStore.set = counted(LocalStore.set)
Path.rename = counted(Path.rename)
Path.replace = counted(Path.replace)
for step in label_volume(Job(path, test_batch.plan_for(path), test_batch.FINDER, resume=True), Alone()):
    pass
"""


@pytest.mark.parametrize("moment", [3, 60, 131, 176, 185])
def test_killed_at_any_moment_and_resumed_it_is_the_same(volume: Path, tmp_path: Path, moment: int) -> None:
    other = tmp_path / "undisturbed.ome.zarr"
    shutil.copytree(volume, other)
    label(other)
    script = KILLED.format(paths=[str(folder) for folder in Path(__file__).parents[:2]])
    ended = subprocess.run([sys.executable, "-c", script, str(volume), str(moment)], check=False).returncode
    assert ended == -signal.SIGKILL
    label(volume, resume=True)
    assert np.array_equal(labels_of(volume), labels_of(other))
    for name in ("labels/objects/seams.csv", "tables/objects/table.csv"):
        assert (volume / name).read_text() == (other / name).read_text()
    assert not (volume / ".napari-discern").exists()


def test_a_chunk_is_read_and_written_no_more_often_than_it_must(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: Counter[str] = Counter()
    writes: Counter[str] = Counter()
    get, put = LocalStore.get, LocalStore.set

    async def counted_get(self: Any, key: str, *args: Any, **kwargs: Any) -> Any:
        reads[f"{self.root}/{key}"] += 1
        return await get(self, key, *args, **kwargs)

    async def counted_put(self: Any, key: str, *args: Any, **kwargs: Any) -> None:
        writes[f"{self.root}/{key}"] += 1
        await put(self, key, *args, **kwargs)

    monkeypatch.setattr(LocalStore, "get", counted_get)
    monkeypatch.setattr(LocalStore, "set", counted_put)
    label(volume)
    chunks = [name for name in writes if "/c/" in name]
    assert chunks
    assert sum(writes[name] for name in chunks if "/tiles/" in name) == 24  # a file a tile
    assert {writes[name] for name in chunks if "/result.zarr/labels/objects/0" in name} == {1}
    plan, expected = plan_for(volume), Counter()
    for region in (plan.grid.region(k) for k in range(len(plan.grid))):
        corners = [range(r.start // c, -(-r.stop // c)) for r, c in zip(region, (16, 32, 32), strict=True)]
        expected.update("/".join(map(str, corner)) for corner in itertools.product(*corners))
    whole = 1  # the look at the whole that normalises it
    assert all(1 + whole <= reads[f"{volume}/0/c/{name}"] <= n + whole for name, n in expected.items())


def test_the_command_labels_and_tells(volume: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Model.create(tiny(ndim=3), "cpu").save(tmp_path / "model")
    words = ["batch", str(volume), "--model", str(tmp_path / "model"), "--tile", "40", "--label-name", "mine"]
    assert main([*words, "--dry-run"]) == 0
    assert "tiles of" in capsys.readouterr().out
    assert ngio.open_ome_zarr_container(volume).list_labels() == []
    assert main(words) in (0, 3)
    assert "objects in" in capsys.readouterr().out
    assert ngio.open_ome_zarr_container(volume).list_labels() == ["mine"]
    assert main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*words, "--overwrite", "--memory", "1kB"]) == 2
    assert "--memory" in capsys.readouterr().err
    assert main([*words, "--slurm", str(tmp_path / "job.sh"), "--workers", "8"]) == 0
    script = (tmp_path / "job.sh").read_text()
    assert "--ntasks=8" in script
    assert subprocess.run(["sh", "-n", str(tmp_path / "job.sh")], check=False).returncode == 0


def test_a_dask_cluster_by_its_address(volume: Path) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        report = label(volume, batch=Batch(scheduler=cluster.scheduler_address))
    assert report.objects == TRUTH.max()
    assert same_partition(labels_of(volume), TRUTH)


def test_workers_of_another_version_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        monkeypatch.setattr("napari_discern.batch.crew.__version__", "0.0.0")
        with pytest.raises(BadArgument, match="same version"), crew_for(Batch(scheduler=cluster.scheduler_address)):
            pass


def test_tiles_fit_in_the_memory_that_is_given(volume: Path) -> None:
    planned = plan_for(volume, tile=40)
    trial = Trial(base=100, peak=100 + 2 * 40 * 56 * 56, seconds=1.0, finishing=0.1, written=10)
    tried = Estimate(planned, trial, workers=2, pixel_bytes=1)
    assert fitting_tile(tried, 10**9) is None
    side = fitting_tile(tried, 300_000)
    assert side is not None
    smaller = plan_for(volume, tile=side)
    region = max(np.prod(sides(smaller.grid.region(k))) for k in range(len(smaller.grid)))
    assert 2 * (100 + 2 * region) <= 300_000
    with pytest.raises(OutOfMemory, match="--memory"):
        fitting_tile(tried, 100)


@pytest.mark.parametrize(("text", "number"), [("8GB", 8 * 10**9), ("1.5 GiB", 3 * 2**29), ("500m", 5 * 10**8)])
def test_amounts_of_memory(text: str, number: int) -> None:
    assert bytes_of(text) == number


@pytest.mark.parametrize("text", ["much", "-1GB", "0", "8 GB of it"])
def test_what_is_no_amount_of_memory(text: str) -> None:
    with pytest.raises(BadArgument, match="memory"):
        Batch.from_dict({"memory": text}, "test")


def test_to_go_on_with_what_is_done_is_no_mistake(volume: Path) -> None:
    report = label(volume)
    again = label(volume, resume=True, finder=Counting())
    assert (again.objects, list(again.events)) == (report.objects, list(report.events))


def test_what_another_program_has_made_stays(tmp_path: Path) -> None:
    below, above = balls((61, 83), (5, 5), 15), balls((61, 83), (4, 4), 15, seed=7)
    path = make(tmp_path / "cells.ome.zarr", ((below > 0) + 2 * (above > 0)).astype(np.uint8), "yx")
    container = ngio.open_ome_zarr_container(path)
    container.derive_label("objects_2").set_array(patch=np.full((61, 83), 7, np.uint32))
    for overwrite in (False, True):
        with pytest.raises(OutputExists, match="objects_2"):
            label(path, finder=Stacked(), ndim=2, overwrite=overwrite)
        assert (labels_of(path, "objects_2") == 7).all()
        assert ngio.open_ome_zarr_container(path).list_labels() == ["objects_2"]


@pytest.mark.parametrize("kind", ["labels", "tables"])
def test_a_result_of_another_program_is_not_overwritten(volume: Path, kind: str) -> None:
    """Also where it has the very name that ours would have."""
    container = ngio.open_ome_zarr_container(volume)
    if kind == "labels":
        container.derive_label("objects").set_array(patch=np.full(TRUTH.shape, 7, np.uint32))
    else:
        table = pd.DataFrame({"area": [7.0]}, index=pd.Index([1], name="label"))
        container.add_table("objects", ngio.tables.FeatureTable(table, reference_label="objects"), backend="csv")
    before = {p: p.read_bytes() for p in (volume / kind / "objects").rglob("*") if p.is_file()}
    assert before
    for overwrite in (False, True):
        with pytest.raises(OutputExists, match=r"--label-name\."):
            label(volume, overwrite=overwrite)
    assert {p: p.read_bytes() for p in (volume / kind / "objects").rglob("*") if p.is_file()} == before


def test_planes_that_are_no_longer_needed_go(tmp_path: Path) -> None:
    below, above = balls((61, 83), (5, 5), 15), balls((61, 83), (4, 4), 15, seed=7)
    path = make(tmp_path / "cells.ome.zarr", ((below > 0) + 2 * (above > 0)).astype(np.uint8), "yx")
    label(path, finder=Stacked(), ndim=2)
    label(path, finder=Bright(0.2), ndim=2, overwrite=True)
    assert ngio.open_ome_zarr_container(path).list_labels() == ["objects"]
    assert not (path / "labels" / "objects_2").exists()


def test_metadata_kept_in_one_place_know_of_the_labels(volume: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(str(volume))
    label(volume)
    assert "labels/objects" in zarr.open_group(volume, mode="r")


def test_gaps_are_told_also_after_a_stop(volume: Path) -> None:
    chunk = volume / "0" / "c" / "0" / "0" / "0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:20])
    gaps = Batch(allow_gaps=True)
    steps = label_volume(Job(volume, plan_for(volume), Bright(), gaps), Alone())
    for progress in steps:
        if progress.stage == "write":
            break
    steps.close()
    assert label(volume, batch=gaps, resume=True).count("failed") > 0
    chunk.write_bytes(whole)
    label(volume, overwrite=True)


def test_a_finder_that_breaks_is_told_in_words(volume: Path) -> None:
    with pytest.raises(TileFailed, match=r"CUDA.*--resume"):
        label(volume, finder=Broken())


class Broken:
    """Fails as a library does."""

    def __call__(self, patch: np.ndarray) -> Any:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


def test_slices_are_normalised_as_the_whole(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(8, 12, (12, 40, 40)).astype(np.uint8)
    values[5, 10:20, 10:20] = 200
    path = make(tmp_path / "cells.ome.zarr", values)
    report = label(path, ndim=2, batch=Batch(by_slice=True))
    assert report.objects == 1  # and not the noise of the other slices


def test_weights_other_than_those_pinned_are_refused(volume: Path, tmp_path: Path) -> None:
    Model.create(tiny(ndim=3), "cpu").save(tmp_path / "model")
    recipe = Recipe.from_dict({**RECIPE, "model": str(tmp_path / "model"), "weights_sha256": "0" * 64}, "test")
    with pytest.raises(BadArgument, match="other weights"):
        Task(recipe, Batch()).job(volume)


@dataclass(frozen=True)
class Narrow:
    """Has no memory for patches of more pixels than a cube of that side."""

    most: int

    def __call__(self, patch: np.ndarray) -> Any:
        if patch.size > self.most**3:
            raise OutOfMemory("take smaller ones with --tile.")
        return Bright()(patch)


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    """Label with tiles of 64 px at first, where there is room for a cube of 34 px with its halo."""
    Model.create(tiny(ndim=3), "cpu").save(tmp_path / "model")
    monkeypatch.setattr("napari_discern.batch.task.ModelFinder", lambda recipe: Narrow(34))
    monkeypatch.setattr("napari_discern.segmentation.recipe.SMALLEST_TILE", {3: 16})
    wishes = {**RECIPE, "model": str(tmp_path / "model"), "tile": 64}
    return Task(Recipe.from_dict(wishes, "test"), BATCH)


@pytest.mark.parametrize("workers", [1, 2])
def test_where_memory_runs_out_a_volume_is_begun_anew_with_smaller_tiles(
    task: Task, volume: Path, workers: int
) -> None:
    said: list[str] = []
    task = replace(task, batch=Batch(workers=workers))
    (done,) = run(label_all(task, [str(volume)]), lambda p: said.append(p.warning))
    assert done.report is not None
    assert done.report.objects == TRUTH.max()
    assert same_partition(labels_of(volume), TRUTH)
    assert [line for line in said if line] == [f"memory ran out; begun anew with tiles of {n} px." for n in (32, 16)]
    written = Recipe.from_toml((volume / "labels" / "objects" / "recipe.toml").read_text())
    assert written == task.recipe.model_copy(update={"tile": 16})
    assert not (volume / ".napari-discern").exists()


def test_a_run_with_smaller_tiles_is_taken_up_by_the_same_words(
    task: Task, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = label_all(task, [str(volume)])
    for progress in steps:
        if progress.values.get("tiles") == 5:
            break
    steps.close()
    calls = Counting()
    monkeypatch.setattr("napari_discern.batch.task.ModelFinder", lambda recipe: calls)
    (done,) = run(label_all(replace(task, resume=True), [str(volume)]))
    assert done.report is not None
    assert calls.number == done.report.tiles - 5
    assert same_partition(labels_of(volume), TRUTH)


def test_where_memory_runs_out_later_what_is_done_is_kept(volume: Path) -> None:
    for resume, before in ((False, 20), (True, 0)):
        with pytest.raises(TileFailed, match=r"after 20 of 24 tiles.*--resume.*--overwrite"):
            label(volume, finder=Filling(before), resume=resume)
    calls = Counting()
    label(volume, finder=calls, resume=True)
    assert calls.number == 4
    assert same_partition(labels_of(volume), TRUTH)


class Filling:
    """Has memory for some tiles only."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, patch: np.ndarray) -> Any:
        if not self.left:
            raise OutOfMemory("take smaller ones with --tile.")
        self.left -= 1
        return Bright()(patch)


def test_the_largest_tiles_come_first(volume: Path) -> None:
    calls: list[int] = []
    label(volume, finder=lambda patch: calls.append(patch.size) or Bright()(patch))
    assert calls == sorted(calls, reverse=True)


def test_what_does_not_fit_in_the_smallest_tiles_leaves_nothing(
    task: Task, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_discern.batch.task.ModelFinder", lambda recipe: Narrow(20))
    (done,) = run(label_all(task, [str(volume)]))
    assert isinstance(done.result, OutOfMemory)
    assert volume.name in str(done.result)
    assert not (volume / ".napari-discern" / "objects").exists()


def test_what_it_takes_is_said_of_the_tiles_that_fit(task: Task, volume: Path) -> None:
    (done,) = run(estimate_all(task, [str(volume)]))
    assert isinstance(done.result, Estimate)
    assert done.result.plan.recipe.tile == 16


def test_one_volume_does_not_stop_the_others(task: Task, volume: Path, tmp_path: Path) -> None:
    flat = make(tmp_path / "flat.ome.zarr", bright(TRUTH[20]), "yx")
    for pipeline, kind in ((estimate_all, Estimate), (label_all, Report)):
        told: list[Any] = []
        results = run(pipeline(task, [str(flat), str(volume)]), told.append)
        assert [type(done.result) for done in results] == [BadArgument, kind]
        assert [done.source.volume for done in results] == [flat, volume]
        assert [step for step in told if step in results] == results
        assert told[-1].fraction == 1
