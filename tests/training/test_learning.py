"""Learning: from a handful of discs to a model that finds them; stopping, going on, and what is refused."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from stubs import LINEAR, balls, discs, tiny

from napari_discern.backbones import BasicUNet, SegResNet
from napari_discern.clustering import Seeds, mean_shift
from napari_discern.errors import BadArgument, BadModel, OutOfMemory, TrainingFailed
from napari_discern.evaluation import Window
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.losses import Discriminative, Seediness, Similarity
from napari_discern.metrics import score
from napari_discern.model import CARD, WEIGHTS, Card, Model, Settings, read_card
from napari_discern.normalise import Percentile
from napari_discern.progress import Progress, Steps, run
from napari_discern.segmentation import segment
from napari_discern.training import (
    BEST,
    LAST,
    Augmentation,
    Example,
    Labelled,
    Loop,
    Training,
    best,
    crop_size,
    fitted_card,
    learning,
    loop,
    mean_score,
    object_size,
    stride_for,
    train,
    tuning,
)
from napari_discern.training.tuning import windows


def training(steps: int | None = 2, **parts: Any) -> Training:
    """A training that takes next to no time."""
    quick = {
        "steps": steps,
        "batch": 2,
        "crop": 16,
        "checks": 1,
        "device": "cpu",
        "precision": "32",
        "backbone": SegResNet(filters=8, levels=2),
        "features": 8,
        "embedding": 4,
    }
    return Training(**{**quick, **parts})


def small(number: int = 2, **image: Any) -> list[tuple[Image, Instances]]:
    return discs(number, 24, 3.0)


def weights(model: Model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.network.state_dict().items()}


def same(one: Model, other: Model) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one).values(), weights(other).values(), strict=True))


@pytest.fixture(autouse=True)
def _few_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few settings to choose from, to save time."""
    for module, name, values in (
        (mean_shift, "BANDWIDTHS", (1.0, 1.5)),
        (tuning, "FOREGROUND_THRESHOLDS", (0.5,)),
        (tuning, "MIN_SIZES", (0.1,)),
    ):
        monkeypatch.setattr(module, name, values)


class Taught:
    """A model that was trained on four pictures of discs, and what was reported meanwhile."""

    def __init__(self) -> None:
        self.training = training(
            40,
            crop=64,
            learning_rate=5e-3,
            warmup=5,
            ema_decay=0.9,
            checks=2,
            backbone=SegResNet(filters=8, levels=3),
            augmentation=Augmentation(shrink=1, grow=1),
        )
        self.seen: list[Progress] = []
        self.model = run(train(self.training, discs(4)), self.seen.append)

    def stage(self, name: str) -> list[Progress]:
        return [progress for progress in self.seen if progress.stage == name]


@pytest.fixture(scope="module")
def taught() -> Taught:
    return Taught()


def test_the_loss_falls(taught: Taught) -> None:
    losses = [p.values["embedding"] + p.values["foreground"] for p in taught.stage("train")]
    assert len(losses) == 40
    assert np.mean(losses[-5:]) < 0.75 * np.mean(losses[:5])


def test_discs_are_found_that_nobody_found_before(taught: Taught) -> None:
    torch.manual_seed(0)
    untaught = Model.create(taught.model.card, "cpu")
    settings = untaught.card.settings
    examples = [Example(i, t, settings.normalise(i)) for i, t in discs(4)]
    assert run(mean_score(untaught, windows(examples))) < 0.4
    assert taught.model.card.scores["S_mean"] > 0.7
    image, truth = discs(6)[-1]  # never shown
    assert score(run(segment(image, taught.model)), truth).S_mean > 0.6


def test_the_card_says_how_it_came_to_be(taught: Taught, tmp_path: Path) -> None:
    saved = taught.model.save(tmp_path / "model")
    card = read_card(tmp_path / "model")
    assert card == saved.card
    assert card.training["steps_done"] == 40
    assert Training(**{k: v for k, v in card.training.items() if k in Training.model_fields}) == taught.training
    assert datetime.date.fromisoformat(card.created)
    assert 13 <= card.object_size <= 15
    assert card.architecture.backbone == taught.training.backbone
    assert card.object_size / 10 < card.architecture.coordinate_scale < card.object_size / 2
    assert card.scores["S_mean"] == taught.seen[-1].values["S_mean"]
    assert not taught.model.network.training


def test_seeds_are_learnt_and_found_with(tmp_path: Path) -> None:
    """Fathi et al. 2017 from end to end: similarity, seediness, seeds."""
    how = training(
        150, crop=64, learning_rate=5e-3, warmup=5, ema_decay=0.9, seeds=True, loss=Similarity(),
        seediness=Seediness(begin=0.2, full=0.4), settings=Settings(cluster=Seeds()),
        backbone=SegResNet(filters=8, levels=3), augmentation=Augmentation(shrink=1, grow=1),
    )  # fmt: skip
    seen: list[Progress] = []
    model = run(train(how, discs(4)), seen.append)
    judged = [p.values.get("seediness") for p in seen if p.stage == "train"]
    assert judged[:31] == [None] * 31
    assert np.mean(judged[-5:]) < 0.8 * np.mean(judged[31:40])
    assert model.card.architecture.taus == (0.25, 0.5, 0.75, 0.9)
    assert model.card.settings.cluster.kind == "seeds"
    model.save(tmp_path / "model")
    image, truth = discs(6)[-1]
    assert score(run(segment(image, Model.load(tmp_path / "model"))), truth).S[0.5] > 0.5


@pytest.mark.parametrize(("loss", "asked", "made"), [(Discriminative(), "auto", 16), (Similarity(), "auto", 64),
                                                      (Similarity(), 6, 6)])  # fmt: skip
def test_each_loss_has_the_dimensions_that_it_does_well_with(loss: Any, asked: Any, made: int) -> None:
    assert run(train(training(1, embedding=asked, loss=loss), small())).card.architecture.embedding == made


def test_what_the_heads_share_learns_as_much_more_slowly_as_asked_for() -> None:
    examples = [Example(i, t, Percentile()(i)) for i, t in small()]
    started = Loop.start(training(body_learning_rate=0.1), tiny(), examples, None, 0.01)
    body, heads = started.optimiser.param_groups
    assert (body["lr"], heads["lr"]) == pytest.approx((0.001, 0.01))
    expected = [len(list(part.parameters())) for part in (started.network.heads, started.network)]
    assert [len(heads["params"]), len(body["params"]) + len(heads["params"])] == expected


def test_progress_rises_to_the_end(taught: Taught) -> None:
    for stage in ("train", "validate", "choose settings"):
        fractions = [p.fraction for p in taught.stage(stage)]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1
    assert [p.values["step"] for p in taught.stage("validate") if "S_mean" in p.values] == [20, 40]
    assert [p.values["step"] for p in taught.stage("train")] == list(range(1, 41))


def test_the_same_seed_and_steps_give_the_same_weights_bit_for_bit() -> None:
    one, again, other = (run(train(training(3, seed=seed), small())) for seed in (5, 5, 6))
    assert same(one, again)
    assert one.card.settings == again.card.settings
    assert not same(one, other)


class Clock:
    """A clock that moves on by so many seconds each time it is looked at."""

    def __init__(self, tick: float) -> None:
        self.begin, self.ticks = loop.time.monotonic(), itertools.count()
        self.tick = tick
        self.now = self.begin

    def monotonic(self) -> float:
        self.now = self.begin + self.tick * next(self.ticks)
        return self.now


def test_minutes_bound_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, seen = Clock(4.0), []
    for module in (loop, learning):
        monkeypatch.setattr(module, "time", clock)
    model = run(
        train(training(None, minutes=2, checks=3), small()), lambda p: seen.append((p, clock.now - clock.begin))
    )
    steps = [(p, passed) for p, passed in seen if p.stage == "train"]
    assert len(steps) >= 5
    assert [p.fraction >= 1 for p, _ in steps] == [False] * (len(steps) - 1) + [True]
    assert 0.7 * 120 < steps[-1][1] <= 120
    assert len([p for p, _ in seen if p.stage == "validate" and "S_mean" in p.values]) == 3
    assert model.card.training["minutes_done"] == pytest.approx(2, abs=0.4)


def stop(steps: Iterator[Progress], stage: str, count: int) -> None:
    """Close a pipeline at a stage's report of that number; of validations those that have a score."""
    for progress in steps:
        count -= progress.stage == stage and (stage != "validate" or "S_mean" in progress.values)
        if not count:
            steps.close()
            return
    pytest.fail("the training ended before it could be stopped")


@pytest.mark.parametrize(("stage", "count"), [("train", 4), ("validate", 1), ("validate", 2)])
def test_a_stopped_training_leaves_its_best_model(tmp_path: Path, stage: str, count: int) -> None:
    stop(train(training(8, checks=4), small(), folder=tmp_path / "kept"), stage, count)
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == [BEST, LAST]
    assert sorted(p.name for p in (tmp_path / "kept" / BEST).iterdir()) == [CARD, WEIGHTS]
    model = Model.load(tmp_path / "kept" / BEST, "cpu")
    assert run(segment(small(1)[0][0], model)).shape == (24, 24)


def test_stopped_before_its_first_check_the_model_of_the_moment_is_kept(tmp_path: Path) -> None:
    stop(train(training(8), small(), folder=tmp_path / "kept"), "train", 2)
    model = Model.load(tmp_path / "kept" / BEST, "cpu")
    assert model.card.scores == {}
    assert not same(model, Model.load(_untrained(tmp_path), "cpu"))
    assert run(train(training(8), small(), folder=tmp_path / "kept", resume=True)).card.scores["S_mean"] >= 0


def _untrained(tmp_path: Path) -> Path:
    stop(train(training(8), small(), folder=tmp_path / "first"), "train", 1)
    return tmp_path / "first" / BEST


def test_a_training_stopped_before_it_began_leaves_no_model(tmp_path: Path) -> None:
    stop(train(training(8), small(), folder=tmp_path / "kept"), "prepare", 1)
    assert not (tmp_path / "kept").exists()


def test_a_disk_that_is_full_for_a_while_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing fails until the last step; each report says so, and the last checkpoint is there in the end."""
    full, write = [True], Path.write_bytes

    def refusing(self: Path, data: bytes) -> int:
        if full[0]:
            raise OSError(28, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", refusing)
    seen: list[Progress] = []

    def watch(progress: Progress) -> None:
        seen.append(progress)
        full[0] = progress.values.get("step") != 4

    model = run(train(training(4, checks=4), small(), folder=tmp_path, autosave=0.0), watch)
    said = [p.warning for p in seen if p.stage == "train"]
    assert said[0] == ""
    assert all("No space left" in words for words in said[1:])
    assert (tmp_path / LAST).is_dir()
    assert (tmp_path / BEST).is_dir()
    assert model.card.training["steps_done"] == 4


def test_the_model_that_scored_best_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values, models = iter([0.2, 0.7, 0.7, 0.1]), []

    def scored(model: Model, seen: Any) -> Steps[float]:
        models.append(model)
        yield Progress("validate", 0, 1)
        return next(values)

    monkeypatch.setattr(best, "mean_score", scored)
    kept = run(train(training(4, checks=4, ema_decay=0.0, warmup=0), small(), folder=tmp_path / "kept"))
    assert not same(models[1], models[2])
    assert same(kept, models[1])
    assert same(Model.load(tmp_path / "kept" / BEST, "cpu"), models[1])


def test_a_stopped_training_goes_on_where_it_was(tmp_path: Path) -> None:
    stop(train(training(6, checks=3), small(), folder=tmp_path), "train", 3)
    seen: list[Progress] = []
    model = run(train(training(6, checks=3), small(), folder=tmp_path, resume=True), seen.append)
    assert [p.values["step"] for p in seen if p.stage == "train"] == [4, 5, 6]
    assert [p.values["step"] for p in seen if "S_mean" in p.values and p.stage == "validate"] == [4, 6]
    assert model.card.training["steps_done"] == 6


def test_going_on_shows_other_crops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, advance = [], Loop.advance

    def noting(self: Loop, batch: Any) -> dict[str, float]:
        shown.append(batch.image.clone())
        return advance(self, batch)

    monkeypatch.setattr(Loop, "advance", noting)
    stop(train(training(4), small(), folder=tmp_path), "train", 2)
    run(train(training(4), small(), folder=tmp_path, resume=True))
    assert len(shown) == 4
    assert not any(torch.equal(one, other) for one, other in itertools.combinations(shown, 2))


def test_going_on_never_loses_the_best_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = iter([0.9, 0.9, 0.3])  # the second when going on

    def scored(*_: Any) -> Steps[float]:
        yield Progress("validate", 0, 1)
        return next(values)

    monkeypatch.setattr(best, "mean_score", scored)
    stop(train(training(4, checks=2, ema_decay=0.0), small(), folder=tmp_path), "validate", 1)
    before = Model.load(tmp_path / BEST, "cpu")
    after = run(train(training(4, checks=2, ema_decay=0.0), small(), folder=tmp_path, resume=True))
    assert same(before, after)


def test_a_best_model_newer_than_the_checkpoint_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop(train(training(4, checks=4), small(), folder=tmp_path), "train", 1)  # a checkpoint without any score
    torch.manual_seed(9)
    good = Model.create(tiny().model_copy(update={"scores": {"S_mean": 0.9}}), "cpu")
    good.save(tmp_path / BEST, overwrite=True)  # all that was left by a validation before the power went

    def scored(model: Model, _: Any) -> Steps[float]:
        yield Progress("validate", 0, 1)
        return 0.9 if same(model, good) else 0.5

    monkeypatch.setattr(best, "mean_score", scored)
    assert same(run(train(training(4, checks=4), small(), folder=tmp_path, resume=True)), good)


def test_going_on_weighs_models_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model kept so far is ahead on the image set aside, the next one on all that are looked at."""
    data = small() * 6
    values = iter([0.9, 0.1])

    def scored(*_: Any) -> Steps[float]:
        yield Progress("validate", 0, 1)
        return next(values)

    monkeypatch.setattr(best, "mean_score", scored)
    stop(train(training(4, checks=2, ema_decay=0.0), data, folder=tmp_path), "validate", 1)
    before = Model.load(tmp_path / BEST, "cpu")
    values = iter([0.9, 0.1, 0.6, 0.6])
    assert not same(run(train(training(4, checks=2, ema_decay=0.0), data, folder=tmp_path, resume=True)), before)


def test_going_on_with_other_parameters_is_refused(tmp_path: Path) -> None:
    stop(train(training(6), small(), folder=tmp_path), "train", 1)
    with pytest.raises(BadArgument, match=r"learning_rate was .* is 0\.1"):
        run(train(training(6, learning_rate=0.1), small(), folder=tmp_path, resume=True))


@pytest.mark.parametrize("harm", ["missing", "cut off"])
def test_a_broken_checkpoint_is_refused(tmp_path: Path, harm: str) -> None:
    stop(train(training(6), small(), folder=tmp_path), "train", 1)
    for file in (tmp_path / LAST).iterdir():
        content = file.read_bytes()
        file.unlink() if harm == "missing" else file.write_bytes(content[: len(content) // 2])
    with pytest.raises(BadModel, match="no whole checkpoint"):
        run(train(training(6), small(), folder=tmp_path, resume=True))


def test_going_on_needs_a_folder() -> None:
    with pytest.raises(BadArgument, match="folder"):
        run(train(training(), small(), resume=True))


def test_a_checkpoint_is_saved_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    monkeypatch.setattr(best, "save_checkpoint", lambda folder, loop: saved.append(loop.step))
    monkeypatch.setattr(learning, "time", Clock(25.0))  # the minute is over at every third step
    run(train(training(10), small(), folder=tmp_path))
    assert sorted(set(saved)) == [3, 6, 9, 10]


@pytest.fixture
def base() -> Model:
    torch.manual_seed(3)
    card = tiny(embedding=3, backbone=SegResNet(filters=16, levels=2)).model_copy(
        update={"settings": Settings(normalise=LINEAR), "weights_sha256": "5" * 64, "scores": {"S_mean": 0.1}}
    )
    return Model.create(card, "cpu")


def test_a_model_is_written_once_however_often_the_training_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    save = Model.save
    monkeypatch.setattr(Model, "save", lambda self, path, **how: (written.append(path), save(self, path, **how))[1])
    run(train(training(6, checks=1), small(), folder=tmp_path, autosave=0))
    assert written == [tmp_path / BEST]


def test_fine_tuning_starts_from_the_weights_of_the_base(base: Model) -> None:
    before = weights(base)
    still = training(2, finetune_learning_rate=1e-12, weight_decay=0, backbone=BasicUNet(), embedding=7)
    model = run(train(still, small(), base=base))
    assert model.card.architecture == base.card.architecture
    for name, value in weights(model).items():
        assert torch.allclose(value, before[name], atol=1e-6), name
    moved = run(train(training(2, finetune_learning_rate=0.1, warmup=0), small(), base=base))
    assert not same(moved, model)
    assert all(torch.equal(value, before[name]) for name, value in weights(base).items())  # the base is as it was


@pytest.mark.parametrize(
    ("asked", "known", "expected"),
    [("auto", 0.0, 0.004), ("auto", 0.6, 0.0016), ("auto", 1.0, 0.001), (3e-4, 0.0, 3e-4)],
)
def test_the_better_a_base_does_the_smaller_the_steps(
    asked: Any, known: float, expected: float, base: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance, rates = Loop.advance, []

    def score_of(model: Model, seen: Sequence[Window]) -> Steps[float]:
        yield Progress("validate", 0, 1)
        return known if same(model, base) else 0.5

    def note(self: Loop, batch: Any) -> Any:
        rates.append(self.optimiser.defaults["lr"])
        return advance(self, batch)

    for module in (learning, best):
        monkeypatch.setattr(module, "mean_score", score_of)
    monkeypatch.setattr(Loop, "advance", note)
    asked_for = training(1, learning_rate=0.004, finetune_learning_rate=asked)
    run(train(asked_for, small(), base=base))
    assert rates == [pytest.approx(expected)]


def test_fine_tuning_keeps_the_normalisation_of_the_base(base: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    used, normalise = [], Percentile.__call__

    def noting(self: Percentile, image: Image) -> Any:
        used.append(self)
        return normalise(self, image)

    monkeypatch.setattr(Percentile, "__call__", noting)
    model = run(train(training(1), small(), base=base))
    assert used == [LINEAR] * 4  # two images, to train on and to choose on
    assert model.card.settings.normalise == LINEAR


def test_the_card_says_how_objects_stand_out() -> None:
    """Pictures of both kinds are of neither; an uneven ground does not count, only what lies beside the objects."""
    bright = small(2)
    slope = np.linspace(0, 600, 24, dtype=np.float32)
    dark = [(Image(slope - image.read()[0], "yx"), truth) for image, truth in bright]
    for data, expected in ((bright, "bright on dark"), (dark, "dark on bright"), ([*bright, *dark], None)):
        assert run(train(training(1), data)).card.tone == expected


def test_a_fine_tuned_card_does_not_vouch_for_other_weights(base: Model) -> None:
    model = run(train(training(1), small(), base=base))
    assert model.card.weights_sha256 == ""
    assert model.card.scores != base.card.scores


@pytest.mark.parametrize("known", [False, True])
def test_where_no_background_is_known_rims_are_taken_for_it(
    known: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start, learnt = Loop.start, []

    def noting(asked: Training, card: Any, examples: Any, *others: Any) -> Loop:
        learnt.extend(example.truth for example in examples)
        return start(asked, card, examples, *others)

    monkeypatch.setattr(Loop, "start", noting)
    data = [(image, replace(truth, known=np.ones(truth.shape, bool)) if known else truth) for image, truth in small()]
    run(train(training(1, unlabelled="unknown"), data))
    assert ("known to be background" in caplog.text) != known
    for truth in learnt:
        rim = ndimage.binary_dilation(truth.foreground, iterations=2)  # objects here are small: two pixels it is
        assert (truth.known | ~rim).all()
        assert truth.known.all() == known


def test_a_fine_tuned_card_says_what_it_came_from(base: Model) -> None:
    once = run(train(training(2), small(), base=base))
    twice = run(train(training(1), small(), base=once.with_card(once.card.model_copy(update={"name": "once"}))))
    assert once.card.training["base"] == {"name": "model", "weights_sha256": "5" * 64}
    before = twice.card.training["base"]
    assert (before["name"], before["steps_done"], before["base"]) == ("once", 2, once.card.training["base"])


def test_a_base_for_other_images_is_refused(base: Model) -> None:
    pixels = np.zeros((2, 24, 24), np.float32)
    with pytest.raises(BadArgument, match="was made for 2D images with 1 channel"):
        run(train(training(), [(Image(pixels, "cyx"), small(1)[0][1])], base=base))


def test_without_images_there_is_nothing_to_learn() -> None:
    with pytest.raises(BadArgument, match="no labelled image"):
        run(train(training(), []))


def test_without_labels_there_is_nothing_to_learn() -> None:
    empty = Instances.from_labels(np.zeros((24, 24), np.uint32))
    with pytest.raises(BadArgument, match="label some"):
        run(train(training(), [(image, empty) for image, _ in small()]))


def flat(channels: int) -> tuple[Image, Instances]:
    image, truth = small(1)[0]
    return Image(np.stack([image.data] * channels), "cyx"), truth


def deep() -> tuple[Image, Instances]:
    truth = balls((8, 32, 32), (1.2, 5, 5), 6)
    pixels = (200.0 * (truth > 0)).astype(np.float32)
    where = {"spacing": (4.0, 1.0, 1.0), "unit": "um"}
    return Image(pixels, "zyx", **where), Instances.from_labels(truth, **where)


@pytest.mark.parametrize(
    ("data", "validation"),
    [([flat(1), flat(2)], []), ([flat(1), deep()], []), ([flat(1)], [flat(2)]), ([deep()], [flat(1)])],
    ids=["channels", "dimensions", "channels-to-validate", "dimensions-to-validate"],
)
def test_images_of_several_kinds_are_refused(data: Labelled, validation: Labelled) -> None:
    with pytest.raises(BadArgument, match="one kind at a time"):
        run(train(training(), data, validation))


def test_labels_of_another_size_are_refused() -> None:
    with pytest.raises(BadArgument, match=r"\(24, 24\).*\(64, 64\)"):
        run(train(training(), [(small(1)[0][0], discs(1)[0][1])]))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_training(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    monkeypatch.setattr(Discriminative, "__call__", lambda self, embedding, labels: embedding.mean() * 0 + value)
    with pytest.raises(TrainingFailed, match=r"no longer finite at step 0.*learning rate"):
        run(train(training(), small()))


def test_a_step_that_needs_too_much_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Discriminative, "__call__", full)
    with pytest.raises(OutOfMemory, match=r"--batch"):
        run(train(training(), small()))


def parts(number: int, seed: int, monkeypatch: pytest.MonkeyPatch, validation: int = 0) -> tuple[list[str], list[str]]:
    """Names of the images that are trained and validated on."""
    names: list[list[str]] = []
    empty = Instances.from_labels(np.ones((2, 2), np.uint8))
    data = [(Image(np.eye(2), "yx", name=f"{k:03d}"), empty) for k in range(number + validation)]

    def note(examples: list[Any]) -> list[Any]:
        names.append([e.image.name for e in examples])
        return []

    def stop(training: Training, card: Any, examples: list[Any], *_: Any) -> None:
        names.append([e.image.name for e in examples])
        raise StopIteration

    monkeypatch.setattr(learning, "windows", note)
    monkeypatch.setattr(Loop, "start", stop)
    with pytest.raises(RuntimeError, match="StopIteration"):
        run(train(training(seed=seed), data[:number], data[number:]))
    return names[-1], names[0]


@pytest.mark.parametrize(("number", "aside"), [(5, 1), (9, 1), (20, 2), (100, 10)])
def test_some_images_are_set_aside(number: int, aside: int, monkeypatch: pytest.MonkeyPatch) -> None:
    train_on, check_on = parts(number, 0, monkeypatch)
    assert len(check_on) == aside
    assert sorted(train_on + check_on) == [f"{k:03d}" for k in range(number)]
    assert (train_on, check_on) == parts(number, 0, monkeypatch)
    assert {tuple(check_on)} != {tuple(parts(number, seed, monkeypatch)[1]) for seed in range(1, 6)}


@pytest.mark.parametrize("number", [1, 4])
def test_of_very_few_images_none_is_spared(
    number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    train_on, check_on = parts(number, 0, monkeypatch)
    assert train_on == sorted(check_on) == [f"{k:03d}" for k in range(number)]
    assert "chosen on these themselves" in caplog.text


@pytest.mark.parametrize(
    ("number", "validation", "expected"),
    [(4, 0, (4, 0)), (6, 0, (1, 5)), (12, 0, (1, 7)), (2, 9, (9, 0)), (9, 5, (5, 3))],
)
def test_where_few_images_are_set_aside_some_others_help_to_choose_the_settings(
    number: int, validation: int, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = []

    def note(model: Model, seen: Sequence[Window], deadline: float, learnt: Sequence[Window]) -> Any:
        looked_at.append((len(seen), len(learnt)))
        shown = {w.patch.tobytes() for w in (*seen, *learnt)}
        assert len(shown) == len(seen) + len(learnt)  # none twice
        yield Progress("choose settings", 1.0, 1.0)
        return model.card.settings, {}

    monkeypatch.setattr(learning, "choose", note)
    data = small(number + validation)
    run(train(training(1, unlabelled="unknown"), data[:number], data[number:]))
    assert looked_at == [expected]


def test_where_few_images_are_set_aside_some_others_help_to_choose_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One image is seen and five are learnt from; the card says what is reached on the one."""
    values, models = iter([0.9, 0.1, 0.2, 0.8]), []

    def scored(model: Model, seen: Any) -> Steps[float]:
        models.append((model, len(seen)))
        yield Progress("validate", 0, 1)
        return next(values)

    monkeypatch.setattr(best, "mean_score", scored)
    run(train(training(2, checks=2, ema_decay=0.0, warmup=0), small(6), folder=tmp_path))
    assert [number for _, number in models] == [1, 5, 1, 5]
    kept = Model.load(tmp_path / BEST, "cpu")
    assert same(kept, models[2][0])
    assert kept.card.scores == {"S_mean": 0.2}


def test_images_given_to_validate_on_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parts(6, 0, monkeypatch, validation=2) == ([f"{k:03d}" for k in range(6)], ["006", "007"])


def test_volumes_of_flat_voxels_can_be_learnt() -> None:
    model = run(train(training(2, crop=16), [deep()]))
    made = model.card.architecture
    assert (made.ndim, made.spacing) == (3, (4, 1, 1))
    assert model.card.object_size == pytest.approx(11, abs=1)
    assert made.coordinate_steps is not None
    assert np.array(made.coordinate_steps) / made.coordinate_steps[2] == pytest.approx([4, 1, 1])
    objects = run(segment(deep()[0], model))
    assert objects.shape == (8, 32, 32)


def test_channels_are_those_of_the_images() -> None:
    model = run(train(training(1), [flat(3)]))
    assert model.card.architecture.channels == 3


@pytest.mark.parametrize(
    ("scale", "expected"), [("auto", 2.0), ("off", None), (6.5, 6.5)], ids=["auto", "off", "a number"]
)
def test_the_scale_of_the_coordinates(scale: Any, expected: float | None) -> None:
    assert run(train(training(1, coordinate_scale=scale), small())).card.architecture.coordinate_scale == expected


@pytest.mark.parametrize(
    "change",
    [{"minutes": 3.0}, {"steps": 0}, {"crop": 0}, {"batch": 0}, {"coordinate_scale": 0.0}, {"coordinate_scale": -2.0}],
    ids=str,
)
def test_a_training_of_nonsense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadArgument, match=next(iter(change))):
        Training.from_dict({"steps": 3, **change})


def test_the_size_of_objects_is_their_longest_side_in_fine_pixels() -> None:
    labels = np.zeros((10, 30, 30), np.uint8)
    labels[0:4, 2:7, 2:5], labels[5:7, 10:19, 2:5], labels[8:9, 20:21, 5:26] = 1, 2, 3
    where = {"spacing": (0.5, 0.1, 0.1)}
    assert object_size([Instances.from_labels(labels, **where)]) == 20  # of 20, 10 and 21
    assert object_size([Instances.from_labels(labels)]) == 9
    assert object_size([Instances.from_labels(np.zeros((5, 5), int))]) == 30


def boxes(*sides: int, **how: Any) -> Instances:
    """Objects of these sides, along x, in a row; all as high as wide."""
    labels = np.zeros((max(sides), sum(sides)), np.uint8)
    for k, side in enumerate(sides):
        labels[:side, sum(sides[:k]) : sum(sides[: k + 1])] = k + 1
    return Instances.from_labels(labels, **how)


@pytest.mark.parametrize(
    ("truths", "expected"),
    [
        ([boxes(9)], 1),
        ([boxes(10)], 2),
        ([boxes(39)], 2),
        ([boxes(40)], 4),
        ([boxes(9, 9, 40)], 1),  # the median, over all images
        ([boxes(9), boxes(40, 40)], 4),
        ([Instances.from_labels(np.ones((4, 100), np.uint8))], 2),  # long and thin
        ([Instances.from_labels(np.ones((3, 9, 9), np.uint8), spacing=(4, 1, 1))], 1),
        ([Instances.from_labels(np.ones((3, 10, 10), np.uint8), spacing=(4, 1, 1))], 2),
        ([Instances.from_labels(np.zeros((4, 4), np.uint8))], 1),
    ],
)
def test_large_objects_are_seen_in_large_blocks(truths: list[Instances], expected: int) -> None:
    assert stride_for(truths) == expected


@pytest.mark.parametrize(("asked", "expected"), [("auto", 2), (1, 1), (4, 4)])
def test_the_blocks_are_those_asked_for_or_fit_the_objects(asked: Any, expected: int) -> None:
    assert run(train(training(1, stride=asked), discs(1))).card.architecture.stride == expected


@pytest.mark.parametrize(
    ("stride", "size", "side", "expected"),
    [
        (4, 80, 20, (2, 3.0)),  # a quarter as large, so are the coordinates
        (2, 20, 80, (4, 48.0)),
        (1, 10, 40, (4, 48.0)),
        (1, 40, 20, (2, 6.0)),
        (2, 24, 8, (2, 4.0)),  # there is no way back to single pixels
        (4, 24, 8, (2, 4.0)),
        (3, 20, 80, (3, 48.0)),  # no whole number of its blocks is one of four
        (4, 24, 30, (4, 12.0)),  # as large as those that it knows, about
        (4, 24, 17, (4, 12.0)),
    ],
)
def test_a_base_looks_at_objects_as_at_those_that_it_knows(
    stride: int, size: float, side: int, expected: tuple[int, float]
) -> None:
    card = sized(size, stride=stride, coordinate_scale=12.0)
    fitted = fitted_card(card, [boxes(side, side, side)]).architecture
    assert (fitted.stride, fitted.coordinate_scale) == expected
    assert fitted == card.architecture.model_copy(update={"stride": expected[0], "coordinate_scale": expected[1]})


@pytest.mark.parametrize(("side", "expected"), [(20, 25), (80, 400), (160, 1600)])
def test_what_was_a_speck_to_a_base_may_be_an_object_now(side: int, expected: int) -> None:
    card = sized(80).model_copy(update={"settings": Settings(min_size=400)})
    assert fitted_card(card, [boxes(side)]).settings.min_size == expected


def test_a_base_that_knows_larger_objects_is_trained_in_smaller_blocks() -> None:
    torch.manual_seed(0)
    card = sized(80, levels=2, stride=4, coordinate_scale=20.0)
    base = Model.create(card, "cpu")
    still = training(2, finetune_learning_rate=1e-12, weight_decay=0)
    model = run(train(still, discs(1), base=base))
    assert (model.card.architecture.stride, model.card.architecture.coordinate_scale) == (2, 20 * 15 / 80)
    expected = weights(base.with_card(model.card))
    assert all(torch.allclose(value, expected[name], atol=1e-6) for name, value in weights(model).items())
    assert base.card == card


def sized(size: float, levels: int = 3, **architecture: Any) -> Card:
    backbone = SegResNet(filters=8, levels=levels)
    return tiny(backbone=backbone, **architecture).model_copy(update={"object_size": size})


@pytest.mark.parametrize(
    ("crop", "card", "expected"),
    [
        (64, sized(9), (64, 64)),
        (50, sized(9), (52, 52)),
        (8, sized(9, levels=5), (16, 16)),
        (32, sized(9, ndim=3, spacing=(4, 1, 1)), (8, 32, 32)),
        (32, sized(9, ndim=3, spacing=(100, 1, 1)), (4, 32, 32)),
        ("auto", sized(1), (128, 128)),
        ("auto", sized(20), (160, 160)),
        ("auto", sized(999), (256, 256)),
        ("auto", sized(999, stride=4), (384, 384)),
    ],
)
def test_crops_fit_objects_voxels_and_network(crop: Any, card: Card, expected: tuple[int, ...]) -> None:
    assert crop_size(Training(crop=crop), card) == expected


@pytest.mark.parametrize(
    ("crop", "shapes", "expected"),
    [
        ("auto", [(100, 512)], (100, 160)),
        ("auto", [(30, 99), (40, 99), (1000, 99)], (40, 100)),  # the median image, in multiples of the network's
        ("auto", [], (160, 160)),
        (64, [(30, 30)], (64, 64)),  # as it was asked for
    ],
)
def test_crops_are_not_larger_than_the_images(crop: Any, shapes: Any, expected: tuple[int, ...]) -> None:
    assert crop_size(Training(crop=crop), sized(20), shapes) == expected


def test_automatic_batches_hold_about_as_many_pixels() -> None:
    def batch(device: str, crop: int) -> int:
        fabric = SimpleNamespace(device=SimpleNamespace(type=device))
        bare = SimpleNamespace(training=Training(), sampler=SimpleNamespace(crop=(crop, crop)), fabric=fabric)
        return Loop.batch.fget(bare)  # type: ignore[attr-defined]

    sides = (128, 192, 256)
    assert [batch("cuda", crop) * crop**2 for crop in sides] == pytest.approx([loop.PIXELS] * 3, rel=0.15)
    assert [batch("cpu", crop) for crop in (64, 100, *sides)] == [10, 4, 2, 1, 1]
    assert batch("cuda", 1000) == batch("cpu", 1000) == 1
