"""Batch: seams, memory, workers, kills and estimates, on synthetic volumes with known truth.

    python benchmarks/batch.py seams|memory|workers|kills|estimate|forward [--gigabytes 16] [--times 50] [--folder DIR]
    python benchmarks/batch.py forward --model MODEL --image FILE   # mirrored to four times its size along each axis

Seams, memory and kills find objects with a threshold in place of a network; the others use the bundled model nuclei on
pictures of synthetic cells, 4096x4096 pixels (estimate: 2048x2048).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ngio
import numpy as np
import psutil
from scipy import ndimage

from napari_discern import io
from napari_discern.batch import Batch, Job, ModelFinder, Plan, Report, crew_for, estimate, label_volume
from napari_discern.batch import plan as make_plan
from napari_discern.instances import Instances
from napari_discern.metrics import score
from napari_discern.model import read_card, zoo
from napari_discern.progress import run
from napari_discern.segmentation import Recipe, recipe_for
from napari_discern.synthetic import Cells

RADIUS = 6
PATCHES = 30
"""Tiles that the network alone is timed on."""


@dataclass(frozen=True)
class Bright:
    """What hangs together above a threshold is an object."""

    def __call__(self, patch: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Label layers of a patch, and no measures."""
        return np.asarray(ndimage.label(patch[0] > 0.5)[0], np.uint32)[None], {}


@dataclass
class Timed:
    """A finder that adds up the seconds that its network takes."""

    finder: Any
    seconds: list[float] = field(default_factory=list)

    def __call__(self, patch: np.ndarray) -> Any:
        """What the finder says."""
        from napari_discern.model import Model

        embed = Model.embed

        def timed(model: Model, values: np.ndarray) -> Any:
            begun = time.perf_counter()
            try:
                return embed(model, values)
            finally:
                self.seconds.append(time.perf_counter() - begun)

        Model.embed = timed  # type: ignore[method-assign]
        try:
            return self.finder(patch)
        finally:
            Model.embed = embed  # type: ignore[method-assign]


def balls(side: int, seed: int = 0) -> np.ndarray:
    """A cube of balls that do not touch, one in each cell of a lattice, anywhere in it; uint32."""
    step, draw, labels = 2 * RADIUS + 6, np.random.default_rng(seed), np.zeros((side,) * 3, np.uint32)
    reach = np.arange(-RADIUS, RADIUS + 1)
    ball = sum(np.meshgrid(reach**2, reach**2, reach**2, indexing="ij")) <= RADIUS**2
    for corner in np.ndindex(*(side // step,) * 3):
        at = [c * step + int(draw.integers(0, step - 2 * RADIUS - 2)) for c in corner]
        box = tuple(slice(a, a + 2 * RADIUS + 1) for a in at)
        labels[box][ball] = labels.max() + 1
    return labels


def volume(path: Path, values: np.ndarray, chunk: int, repeats: int = 1) -> Path:
    """An OME-Zarr 0.5 of a block, repeated along each axis; chunks that are alike are written one after another."""
    shape = [n * repeats for n in values.shape]
    axes = "zyx"[3 - values.ndim :]
    container = ngio.create_empty_ome_zarr(
        path, shape, 0.5, levels=2, axes_names=list(axes), chunks=(chunk,) * values.ndim, dtype=str(values.dtype),
        overwrite=True,
    )  # fmt: skip
    array = container.get_image().zarr_array
    for corner in np.ndindex(*(repeats,) * values.ndim):
        array[tuple(slice(c * n, (c + 1) * n) for c, n in zip(corner, values.shape, strict=True))] = values
    return path


def plan_for(path: Path, tile: int, halo: int) -> Plan:
    """How a cube is cut, with tiles that are chunks as well."""
    image = io.read(path)
    values = {"model": "stand-in", "normalise": {"kind": "percentile", "low": 0, "high": 100, "cofactor": 0}}
    ndim, chunk = len(image.spatial_shape), min(tile, 64)
    return Plan(
        recipe=Recipe.from_dict(values, "the benchmark"), label_name="objects", by_slice=False, frames=(1,),
        shape=image.spatial_shape, tile=(tile,) * ndim, halo=(halo,) * ndim, chunk=(chunk,) * ndim,
    )  # fmt: skip


def label(path: Path, plan: Plan, finder: Any = None, workers: int = 1, **how: Any) -> Report:
    """Label a volume."""
    batch = Batch(workers=workers)
    with crew_for(batch) as crew:
        return run(label_volume(Job(path, plan, finder or Bright(), batch, **how), crew))


def labels_of(path: Path) -> np.ndarray:
    """What was found."""
    return np.asarray(ngio.open_ome_zarr_container(path).get_label("objects").get_as_numpy())


def seams(folder: Path, _: argparse.Namespace) -> None:
    """64 tiles against one, truth known."""
    truth = balls(192)
    path = volume(folder / "cells.ome.zarr", (truth > 0).astype(np.uint8) * 200, 48)
    found = {}
    for tiles, side in ((64, 48), (1, 192)):
        report = label(path, plan_for(path, side, 2 * RADIUS + 4), overwrite=True)
        found[tiles] = labels_of(path)
        result = score(Instances.from_labels(found[tiles]), Instances.from_labels(truth))
        parts = [len(np.unique(found[tiles][truth == k])) for k in range(1, truth.max() + 1)]
        print(
            f"{report.tiles} tile(s): {report.objects} of {truth.max()} objects, {sum(p > 1 for p in parts)} cut, "
            f"{truth.max() - report.objects} wrongly joined or missed, S(0.9) {result.S[0.9]:.3f}; {report.line}"
        )


def memory(folder: Path, known: argparse.Namespace) -> None:
    """Peak memory of a large and of a small volume, each in a process of its own."""
    peaks = {}
    for gigabytes in (1.0, known.gigabytes):
        side = 128
        repeats = round((gigabytes * 1e9 / 2 / side**3) ** (1 / 3))
        path = volume(folder / "large.ome.zarr", (balls(side) > 0).astype(np.uint16) * 200, 128, repeats)
        size = 2 * (side * repeats) ** 3 / 1e9
        begun = time.perf_counter()
        output = subprocess.run(
            [sys.executable, __file__, "one", "--folder", str(folder)], check=True, capture_output=True, text=True
        )
        peaks[gigabytes] = json.loads(output.stdout.splitlines()[-1])["peak"]
        print(f"{size:.1f} GB: peak {peaks[gigabytes] / 1e6:.0f} MB, {time.perf_counter() - begun:.0f} s", flush=True)
        shutil.rmtree(path)
    print(f"large against small: {peaks[known.gigabytes] / peaks[1.0]:.2f} times")


def one(folder: Path, _: argparse.Namespace) -> None:
    """Label the large volume, and say the peak of this process."""
    path = folder / "large.ome.zarr"
    label(path, plan_for(path, 128, 16))
    print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def workers(folder: Path, _: argparse.Namespace) -> None:
    """Two workers against one, one thread each, with the bundled model; the time to start them is not counted.

    A worker has started when it has done a tile: it has loaded its libraries and the model then.
    """
    import torch

    torch.set_num_threads(1)
    recipe, seconds = recipe_for(zoo.load_model("nuclei"), "nuclei", tile=512), {}
    first, path = picture(folder, 4, "first"), picture(folder, 16)
    for number in (1, 2):
        batch = Batch(workers=number)
        with crew_for(batch) as crew:
            for image in (first, path):
                made = make_plan(image, recipe, read_card(zoo.locate_model("nuclei")), Batch())
                job = Job(image, made, ModelFinder(recipe), batch, overwrite=True)
                seconds[number] = run(label_volume(job, crew)).seconds
        print(f"{number} worker(s): {seconds[number]:.1f} s", flush=True)
    print(f"two against one: {seconds[1] / seconds[2]:.2f} times as fast")
    alone, both = (sum(bound(folder, number)) / number for number in (1, 2))
    print(f"the network alone, {PATCHES} tiles in each of two processes against one: {2 * alone / both:.2f} times")


def bound(folder: Path, number: int) -> list[float]:
    """Seconds that so many processes at once take to run the network alone, on as many tiles each."""
    command = [sys.executable, __file__, "network", "--folder", str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    crew = [subprocess.Popen(command, **pipes) for _ in range(number)]
    for child in crew:
        child.stdout.readline()  # it has loaded the model
    for child in crew:
        child.stdin.write("go\n")
        child.stdin.flush()
    return [float(child.communicate()[0]) for child in crew]


def network(_: Path, __: argparse.Namespace) -> None:
    """Run the network on tiles, once told to, and say the seconds."""
    import torch

    torch.set_num_threads(1)
    model, patch = zoo.load_model("nuclei"), np.random.default_rng(0).random((1, 640, 640), np.float32)
    model.embed(patch)
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.perf_counter()
    for _ in range(PATCHES):
        model.embed(patch)
    print(time.perf_counter() - begun)


def kills(folder: Path, known: argparse.Namespace) -> None:
    """Killed at random moments, and resumed: the same bytes as undisturbed."""
    path = volume(folder / "cells.ome.zarr", (balls(96) > 0).astype(np.uint8) * 200, 48)
    plan = plan_for(path, 48, 16)
    undisturbed = shutil.copytree(path, folder / "undisturbed.ome.zarr")
    label(undisturbed, plan)
    expected, same, at_work, draw = labels_of(undisturbed), 0, 0, random.Random(0)
    for _ in range(known.times):
        killed = shutil.copytree(path, folder / "killed.ome.zarr", dirs_exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, __file__, "resume", "--folder", str(folder)], stdout=subprocess.PIPE
        )
        process.stdout.readline()  # it is about to begin
        time.sleep(draw.uniform(0, 1.6))
        process.send_signal(signal.SIGKILL)
        at_work += process.wait() == -signal.SIGKILL
        command = [sys.executable, __file__, "resume", "--folder", str(folder)]
        again = subprocess.run(command, check=False, capture_output=True)
        same += again.returncode == 0 and np.array_equal(labels_of(killed), expected)
        shutil.rmtree(killed)
    print(f"{at_work} of {known.times} were killed at work; {same} of {known.times} ended bit-identical")


def resume(folder: Path, _: argparse.Namespace) -> None:
    """Label the volume that is to be killed, or go on with it."""
    path = folder / "killed.ome.zarr"
    print("ready", flush=True)
    if "objects" in ngio.open_ome_zarr_container(path).list_labels() and not (path / ".napari-discern").exists():
        return
    label(path, plan_for(path, 48, 16), resume=True)


def estimated(folder: Path, _: argparse.Namespace) -> None:
    """The dry run against the truth, on 2048x2048 pixels with the bundled model."""
    path, recipe = picture(folder, 8), recipe_for(zoo.load_model("nuclei"), "nuclei", tile=512)
    plan = make_plan(path, recipe, read_card(zoo.locate_model("nuclei")), Batch())
    said = estimate(path, plan, ModelFinder(recipe), 1)
    peak, stop = [0], threading.Event()
    child = subprocess.Popen(
        ["napari-discern", "batch", str(path), "--model", "nuclei", "--tile", "512", "--overwrite"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    watcher = threading.Thread(target=watch, args=(child.pid, peak, stop))
    watcher.start()
    line = child.communicate()[0].strip()
    stop.set()
    watcher.join()
    took = float(line.rsplit(" ", 2)[-2])
    print(f"said: {said.seconds:.1f} s, {said.trial.peak / 1e6:.0f} MB; was: {took:.1f} s, {peak[0] / 1e6:.0f} MB")
    print(f"time {said.seconds / took - 1:+.0%}, memory {said.trial.peak / peak[0] - 1:+.0%}")


def forward(folder: Path, known: argparse.Namespace) -> None:
    """Share of the time that is not the network's forward."""
    path = mirrored(folder, known.image) if known.image else picture(folder, 16)
    recipe = recipe_for(zoo.load_model(known.model), known.model)
    timed = Timed(ModelFinder(recipe))
    plan = make_plan(path, recipe, read_card(zoo.locate_model(known.model)), Batch())
    report = label(path, plan, timed)
    rest = 1 - sum(timed.seconds) / report.seconds
    print(f"{report.line}; {report.seconds:.1f} s, of which all but the network {rest:.0%}")


def picture(folder: Path, repeats: int, name: str = "picture") -> Path:
    """A large picture of synthetic cells."""
    cells = Cells()(0)[0].read()[0]
    return volume(folder / f"{name}.ome.zarr", np.asarray(cells[:256, :256]), 512, repeats)


def mirrored(folder: Path, file: Path) -> Path:
    """A large volume, of an image and its mirror images side by side."""
    image = io.read(file)
    values = image.read()[0]
    values = np.pad(values, [(0, 3 * n) for n in values.shape], mode="symmetric")
    io.write_image(path := folder / "mirrored.ome.zarr", replace(image, data=values, axes=image.spatial_axes))
    return path


def watch(process: int, peak: list[int], stop: threading.Event) -> None:
    """Note the most memory that a process has."""
    while not stop.wait(0.02):
        try:
            peak[0] = max(peak[0], psutil.Process(process).memory_info().rss)
        except psutil.Error:
            return


PARTS = {
    "seams": seams, "memory": memory, "workers": workers, "kills": kills, "estimate": estimated, "forward": forward,
    "one": one, "resume": resume, "network": network,
}  # fmt: skip


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--gigabytes", type=float, default=16)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--image", type=Path)
    known = parser.parse_args()
    if known.image:  # the folder changes below
        known.image, known.model = known.image.resolve(), str(Path(known.model).resolve())
    if known.folder:
        PARTS[known.part](known.folder, known)
        return
    with tempfile.TemporaryDirectory(prefix="napari-discern-") as folder:
        os.chdir(folder)
        PARTS[known.part](Path(folder), known)


if __name__ == "__main__":
    main()
