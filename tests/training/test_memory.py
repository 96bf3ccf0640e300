"""Where memory runs out a training goes on with smaller batches, as long as nothing is lost by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stubs import discs

from napari_discern import Training, train
from napari_discern.backbones import SegResNet
from napari_discern.errors import BadArgument, OutOfMemory
from napari_discern.progress import run
from napari_discern.training import LAST
from napari_discern.training.loop import Loop

QUICK: dict[str, Any] = {
    "steps": 4,
    "crop": 32,
    "checks": 2,
    "device": "cpu",
    "backbone": SegResNet(filters=8, levels=2),
}


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A device that holds one crop at a time; how many it was asked to."""
    advance, sizes = Loop.advance, []

    def narrow(self: Loop, batch: Any) -> Any:
        sizes.append(len(batch.image))
        if len(batch.image) > 1:
            raise OutOfMemory("lower the batch")
        return advance(self, batch)

    monkeypatch.setattr(Loop, "advance", narrow)
    return sizes


@pytest.mark.parametrize(("batch", "sizes"), [(8, [8, 4, 2, 1]), (3, [3, 1])])
def test_batches_are_halved_and_the_card_says_it(
    batch: int, sizes: list[int], tried: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    model = run(train(Training(batch=batch, **QUICK), discs(1)), lambda p: said.append(p.warning))
    assert tried == [*sizes, 1, 1, 1]
    assert model.card.training["batch"] == 1
    assert [line for line in said if line][-1] == "memory ran out; begun anew with batches of 1."
    assert "batches of 1." in caplog.text


def test_auto_goes_on_with_two(tried: list[int]) -> None:
    run(train(Training(batch="auto", **QUICK), discs(1)))
    assert tried[1:3] == [2, 1]


def test_such_a_training_is_taken_up_by_the_same_parameters(tried: list[int], tmp_path: Path) -> None:
    steps = train(Training(batch=2, **QUICK), discs(1), folder=tmp_path)
    for progress in steps:
        if progress.values.get("step") == 1:
            break
    steps.close()
    assert json.loads((tmp_path / LAST / "state.json").read_text())["training"]["batch"] == 1
    with pytest.raises(BadArgument, match="seed was 0, is 1"):
        run(train(Training(batch=2, seed=1, **QUICK), discs(1), folder=tmp_path, resume=True))
    del tried[:]
    model = run(train(Training(batch=2, **QUICK), discs(1), folder=tmp_path, resume=True))
    assert tried == [1, 1, 1]
    assert model.card.training["batch"] == 1


def test_what_was_learnt_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    advance, left = Loop.advance, [2]  # half of the steps, so that one look was taken

    def filling(self: Loop, batch: Any) -> Any:
        if not left[0]:
            raise OutOfMemory("lower the batch")
        left[0] -= 1
        return advance(self, batch)

    monkeypatch.setattr(Loop, "advance", filling)
    said: list[str] = []
    with pytest.raises(OutOfMemory):
        run(train(Training(batch=4, **QUICK), discs(1)), lambda p: said.append(p.warning))
    assert not any(said)
