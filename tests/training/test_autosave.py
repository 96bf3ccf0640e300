"""Autosave: trainings side by side, each in a folder of its own, and what is left of one that was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stubs import discs, left_behind, tiny

from napari_discern.errors import OutputExists
from napari_discern.instances import CLASS
from napari_discern.model import Model
from napari_discern.progress import run
from napari_discern.training import Autosave, SavedTraining, Training, train
from napari_discern.training.autosave import MARK

NOTHING = SavedTraining(Training(), None, [], [])


@pytest.fixture
def models(own: Path) -> Path:
    """The folder of one's own models, beside which somebody's images lie in a folder called training."""
    images = own.parent / "training"
    images.mkdir(parents=True)
    (images / "plant.tif").write_bytes(b"pixels")
    (images / "plan.json").write_text('{"training": {}, "base": null}')
    (images / "last").mkdir()
    return own


def everything(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_folder_beside_the_models_is_not_ours(models: Path) -> None:
    images = models.parent / "training"
    before = everything(images)
    autosave = Autosave.begin(NOTHING)
    assert not Autosave.left()
    autosave.clear()
    assert everything(images) == before


def test_each_training_has_its_own_folder(models: Path) -> None:
    one, other = Autosave.begin(NOTHING), Autosave.begin(SavedTraining(Training(seed=7), None, []))
    assert one.folder != other.folder
    assert (one.read().training.seed, other.read().training.seed) == (0, 7)
    other.clear()
    assert one.read() == NOTHING
    assert (one.folder / MARK).is_file()


def test_what_runs_is_not_left_and_cannot_be_taken_or_forgotten(models: Path) -> None:
    running = Autosave.begin(NOTHING)
    (running.folder / "last").mkdir()
    assert not Autosave.left()
    other = Autosave(running.folder)  # as another viewer sees it
    for touch in (other.clear, other.claim):
        with pytest.raises(OutputExists, match="goes on elsewhere"):
            touch()
    assert running.folder.is_dir()
    running.release()
    assert [one.folder for one in Autosave.left()] == [running.folder]
    other.claim()
    assert not Autosave.left()
    other.clear()
    assert not running.folder.exists()


def test_the_newest_is_offered_first_and_all_remain(models: Path) -> None:
    older, newer = (left_behind().folder for _ in range(2))
    os.utime(older / "plan.json", (1e9, 1e9))
    assert [one.folder for one in Autosave.left()] == [newer, older]


def test_a_killed_program_leaves_its_training(models: Path) -> None:
    script = (
        "import os, signal\n"
        "from napari_discern.training import Autosave, SavedTraining, Training\n"
        "autosave = Autosave.begin(SavedTraining(Training(seed=3), None, []))\n"
        "(autosave.folder / 'last').mkdir()\n"
        "assert not Autosave.left()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    (left,) = Autosave.left()
    assert left.read().training.seed == 3


def test_a_folder_without_our_marker_is_never_removed(models: Path) -> None:
    folder = left_behind().folder
    (folder / MARK).unlink()
    (folder / "mine.txt").touch()
    assert not Autosave.left()
    assert not Autosave.remains()
    assert (folder / "plan.json").is_file()


def test_a_training_that_version_0_1_left_goes_on(own: Path) -> None:
    data = discs(4)
    backbone = {"kind": "seg-res-net", "filters": 8, "levels": 2}
    short = {"steps": 4, "batch": 1, "crop": 32, "checks": 1, "stride": 1, "features": 8, "embedding": 4}
    training = Training.from_dict({**short, "backbone": backbone})
    begun = Autosave.begin(SavedTraining(training, None, data))
    steps: Any = train(training, data, folder=begun.folder)
    for progress in steps:
        if progress.values.get("step") == 2:
            steps.close()
            break
    begun.release()
    (begun.folder / MARK).unlink()
    begun.folder.rename(own.parent / "training")  # where that version kept it, without a marker
    (left,) = Autosave.left()
    assert left.folder == own.parent / "training"
    left.claim()
    saved = left.read()
    model = run(train(saved.training, saved.data, folder=left.folder, resume=True))
    assert model.card.training["steps_done"] == 4
    left.clear()
    assert not (own.parent / "training").exists()


def test_where_something_else_lies_in_that_folder_it_is_none_of_ours(own: Path) -> None:
    old = own.parent / "training"
    (old / "last").mkdir(parents=True)
    (old / "plan.json").write_text(json.dumps({"training": Training().model_dump(mode="json"), "base": None}))
    (left,) = Autosave.left()
    np.save(old / "mine.npy", np.zeros(3))
    assert not Autosave.left()
    left.clear()
    assert (old / "mine.npy").is_file()


def test_classes_of_objects_are_kept(own: Path) -> None:
    image, truth = discs(1)[0]
    named = replace(truth, measures={CLASS: np.array(["leaf", "", "bud"] * truth.n)[: truth.n]})
    autosave = Autosave.begin(SavedTraining(Training(), None, [(image, named)]))
    ((_, again),) = autosave.read().data
    assert again.classes is not None
    assert again.classes.tolist() == named.measures[CLASS].tolist()


def test_the_best_model_is_found(own: Path) -> None:
    autosave = Autosave.begin(NOTHING)
    assert autosave.best() is None
    Model.create(tiny(), "cpu").save(autosave.folder / "best")
    assert autosave.best() is not None
