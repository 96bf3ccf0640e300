"""Interrupted trainings go on where they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_discern import Image, Instances, Training, train
from napari_discern.backbones import SegResNet
from napari_discern.errors import BadArgument, BadModel
from napari_discern.progress import run
from napari_discern.training import LAST

QUICK = {"batch": 1, "crop": 32, "checks": 2, "device": "cpu", "backbone": SegResNet(filters=8, levels=2)}


def squares() -> list[tuple[Image, Instances]]:
    labels = np.zeros((40, 40), np.uint8)
    labels[4:14, 4:14], labels[20:34, 18:32] = 1, 2
    return [(Image(100.0 * (labels > 0), "yx", name="squares"), Instances.from_labels(labels))]


def stop_after(training: Training, folder, steps: int, **more: object) -> int:
    """Train that far and close the pipeline; returns the last step that it reported."""
    pipeline, last = train(training, squares(), folder=folder, **more), 0
    for progress in pipeline:
        last = int(progress.values.get("step", 0))
        if last == steps:
            pipeline.close()
    return last


def test_a_stopped_training_goes_on_where_it_was(tmp_path):
    training = Training(steps=6, **QUICK)
    assert stop_after(training, tmp_path, 2) == 2
    seen = []
    model = run(train(training, squares(), folder=tmp_path, resume=True), lambda p: seen.append(p.values.get("step")))
    assert next(s for s in seen if s) == 3
    assert model.card.training["steps_done"] == 6


def test_optimiser_and_average_come_back(tmp_path, monkeypatch):
    from napari_discern.training import learning

    training, loops = Training(steps=6, **QUICK), []
    start = learning.Loop.start
    monkeypatch.setattr(learning.Loop, "start", lambda *args: loops.append(start(*args)) or loops[-1])
    stop_after(training, tmp_path, 2)
    stop_after(training, tmp_path, 3, resume=True)
    before, after = loops[0].optimiser.state_dict()["state"], loops[1].optimiser.state_dict()["state"]
    assert {int(slots["step"]) for slots in before.values()} == {2}
    assert {int(slots["step"]) for slots in after.values()} == {3}
    assert int(loops[1].average.n_averaged) == 3


def test_a_checkpoint_of_other_parameters_is_refused_by_name(tmp_path):
    stop_after(Training(steps=6, **QUICK), tmp_path, 2)
    with pytest.raises(BadArgument, match=r"learning_rate was 0\.002, is 0\.1"):
        run(train(Training(steps=6, learning_rate=0.1, **QUICK), squares(), folder=tmp_path, resume=True))


@pytest.mark.parametrize("file", ["state.json", "state.safetensors"])
def test_a_cut_off_checkpoint_is_refused(tmp_path, file):
    training = Training(steps=6, **QUICK)
    stop_after(training, tmp_path, 2)
    path = tmp_path / LAST / file
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadModel, match="no whole checkpoint"):
        run(train(training, squares(), folder=tmp_path, resume=True))


def test_weights_of_another_network_are_refused(tmp_path):
    from safetensors.torch import save_file

    training = Training(steps=6, **QUICK)
    stop_after(training, tmp_path, 2)
    save_file({"network.strange": torch.zeros(1)}, tmp_path / LAST / "state.safetensors")
    with pytest.raises(BadModel, match="of another network"):
        run(train(training, squares(), folder=tmp_path, resume=True))


def test_nothing_to_resume(tmp_path):
    with pytest.raises(BadModel, match="no whole checkpoint"):
        run(train(Training(steps=1, **QUICK), squares(), folder=tmp_path, resume=True))
    with pytest.raises(BadArgument, match="name the folder"):
        run(train(Training(steps=1, **QUICK), squares(), resume=True))
