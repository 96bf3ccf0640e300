"""The command line: what each command reads, writes and says, and what it leaves when things go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_discern import cli, gui, io
from napari_discern.backbones import SegResNet
from napari_discern.cli import console
from napari_discern.cli import train as training
from napari_discern.clustering import MeanShift
from napari_discern.errors import BadFile, OutOfMemory, TrainingFailed
from napari_discern.evaluation.proposals import NUMBERS
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.model import Architecture, Card, Model, Settings, read_card, zoo
from napari_discern.progress import Progress, Steps
from napari_discern.segmentation import Recipe, many

Say = Callable[..., tuple[int, str, str]]
SMALL = SegResNet(filters=8, levels=2)


def small_model(folder: Path, seed: int = 0, smallest: int = 0, **card: Any) -> Model:
    """An untrained model that finds something all the same."""
    import torch

    torch.manual_seed(seed)
    settings = Settings(cluster=MeanShift(bandwidth=1.5), foreground_threshold=0.01, min_size=smallest)
    architecture = Architecture(backbone=SMALL, features=4, embedding=4, coordinate_scale=4.0)
    made = Model.create(Card(architecture=architecture, settings=settings, object_size=8, **card), "cpu")
    return made.save(folder)


def toy(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bright squares with noise, and their labels."""
    labels = np.zeros((48, 48), np.uint16)
    for k, (y, x) in enumerate([(4, 4), (4, 24), (24, 8), (30, 30)], start=1):
        labels[y : y + 10, x : x + 10 + seed] = k
    noise = np.random.default_rng(seed).normal(20, 3, labels.shape)
    return (noise + 100 * (labels > 0)).astype(np.uint16), labels


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "small"
    small_model(folder)
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "truth").mkdir()
    for seed, name in enumerate("abc"):
        pixels, labels = toy(seed)
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", pixels)
        tifffile.imwrite(tmp_path / "truth" / f"{name}.tif", labels)
    return tmp_path / "images"


@pytest.fixture
def truth(images: Path) -> Path:
    return images.parent / "truth"


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs the command line; gives its exit code and what it wrote to stdout and stderr."""

    def run(*words: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    return run


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class TestFirstContact:
    def test_help_is_light_and_names_each_command(self) -> None:
        code = "import sys; from napari_discern.cli import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        loaded = set(done.stdout.splitlines()[-1].split())
        heavy = {"torch", "monai", "napari", "pandas", "numpy", "pydantic", "matplotlib", "tqdm"}
        assert not loaded & heavy
        for command in ("segment", "train", "evaluate", "models", "demo"):
            assert f"\n    {command} " in done.stdout

    @pytest.mark.parametrize("command", ["segment", "train", "evaluate", "models", "demo"])
    def test_help_of_a_command_loads_no_network(self, command: str) -> None:
        code = (
            f"import sys; from napari_discern.cli import main\ntry: main(['{command}', '--help'])\n"
            "finally: print(*sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"usage: napari-discern {command}" in done.stdout
        assert not set(done.stdout.splitlines()[-1].split()) & {"torch.nn", "monai.networks", "napari", "pandas.core"}

    def test_version(self, say: Say) -> None:
        assert say("--version")[:2] == (0, "napari-discern 0.1.0\n")

    @pytest.mark.parametrize("words", [[], ["segmnt"], ["segment", "a.tif"], ["models", "--wrong"]])
    def test_words_that_are_not_understood(self, say: Say, words: list[str]) -> None:
        code, _, err = say(*words)
        assert code == 2
        assert err.startswith("usage: napari-discern")

    def test_flags_are_never_guessed_from_their_beginning(self, say: Say) -> None:
        assert "--overwr" in say("segment", "a.tif", "--out", "b", "--overwr")[2]

    def test_whoever_stops_reading_gets_no_traceback(self) -> None:
        code = "import sys; from napari_discern.cli import console, main, models\n"
        code += "models.run = lambda args: [console.say('x' * 1000) for _ in range(1000)]\n"
        code += "sys.exit(main(['models']))"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == b""


class TestWatch:
    """Ctrl-C while a pipeline runs."""

    def test_ctrl_c_waits_until_the_pipeline_can_stop(self, capsys: pytest.CaptureFixture[str]) -> None:
        happened: list[str] = []

        def steps() -> Steps[None]:
            os.kill(os.getpid(), signal.SIGINT)
            happened.append("step done")
            try:
                yield Progress("work", 0, 1)
            except GeneratorExit:
                happened.append("cleaned up")
                raise
            happened.append("went on")

        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            console.watch(steps())
        assert happened == ["step done", "cleaned up"]
        assert signal.getsignal(signal.SIGINT) is before
        assert "Ctrl-C again" in capsys.readouterr().err

    def test_the_second_ctrl_c_does_not_wait(self) -> None:
        def steps() -> Steps[None]:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            pytest.fail("went on")
            yield

        with pytest.raises(KeyboardInterrupt):
            console.watch(steps())

    def test_ctrl_c_in_the_last_step_counts(self) -> None:
        def steps() -> Steps[None]:
            yield Progress("work", 1, 1)
            os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            console.watch(steps())

    def test_the_bar_starts_anew_where_the_pipeline_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(console, "FILE", 0.0)
        shown = StringIO()
        monkeypatch.setattr(sys, "stderr", shown)
        stages = [("train", 0.5, {"loss": 0.25}), ("train", 1.0, {}), ("choose", 0.25, {})]
        console.watch(Progress(*s[:2], 1.0, s[2]) for s in stages)  # type: ignore[arg-type]
        bars = [line.split("|")[0].strip() for line in shown.getvalue().split("\r") if "|" in line]
        assert bars[-4:] == ["train  50 %", "train 100 %", "choose   0 %", "choose  25 %"]
        assert "left, loss 0.25" in shown.getvalue()


class TestSegment:
    def test_a_folder_of_images(self, say: Say, images: Path, model: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        code, said, err = say("segment", images, "--model", model, "--out", out)
        assert code == 0, err
        assert files(out) == ["a.csv", "a.tif", "b.csv", "b.tif", "c.csv", "c.tif", "recipe.toml"]
        for name, line in zip("abc", said.splitlines(), strict=True):
            labels = tifffile.imread(out / f"{name}.tif")
            assert labels.dtype == np.uint32
            assert labels.shape == (48, 48)
            n = len(np.unique(labels[labels > 0]))
            assert n == labels.max() > 0
            assert line.startswith(f"{name}: {n} objects -> {out / name}.tif, ")
            assert len((out / f"{name}.csv").read_text().splitlines()) == 1 + n

    def test_files_and_patterns_each_once(self, say: Say, images: Path, model: Path, tmp_path: Path) -> None:
        words = [images / "b.tif", images / "[ab].tif", images / "b.tif"]
        code, said, _ = say("segment", *words, "--model", model, "--out", tmp_path / "out")
        assert code == 0
        assert [line[0] for line in said.splitlines()] == ["b", "a"]

    def test_the_recipe_of_a_result_finds_the_same_labels(
        self, say: Say, images: Path, model: Path, tmp_path: Path
    ) -> None:
        once, twice = tmp_path / "once", tmp_path / "twice"
        flags = ["--cluster.bandwidth", "0.9", "--min_size", "3", "--normalise.high", "95"]
        flags += ["--tile", "32", "--halo", "8"]
        assert say("segment", images, "--model", model, "--out", once, *flags)[0] == 0
        assert say("segment", "--recipe", once / "recipe.toml", "--out", twice, images)[0] == 0
        assert files(once) == files(twice)
        for name in "abc":
            assert np.array_equal(tifffile.imread(once / f"{name}.tif"), tifffile.imread(twice / f"{name}.tif"))
        for name in ("a.csv", "b.csv", "c.csv", "recipe.toml"):
            assert (once / name).read_bytes() == (twice / name).read_bytes()
        assert say("segment", images, "--model", model, "--out", tmp_path / "plain")[0] == 0
        assert (tmp_path / "plain" / "a.csv").read_bytes() != (once / "a.csv").read_bytes()

    def test_flags_before_recipe_before_card(self, say: Say, images: Path, model: Path, tmp_path: Path) -> None:
        (tmp_path / "mine.toml").write_text("foreground_threshold = 0.02\nmin_size = 5\n")
        words = ["--model", model, "--recipe", tmp_path / "mine.toml", "--min_size", "7"]
        assert say("segment", images / "a.tif", "--out", tmp_path / "out", *words)[0] == 0
        made = Recipe.from_toml((tmp_path / "out" / "recipe.toml").read_text())
        assert (made.cluster.bandwidth, made.foreground_threshold, made.min_size) == (1.5, 0.02, 7)
        assert made.model == str(model)
        assert made.weights_sha256 == Model.load(model).card.weights_sha256

    @pytest.mark.parametrize(("flags", "least"), [((), 36), (("--min_size", "7"), 7)])
    def test_how_large_the_objects_are_can_be_said(
        self, flags: tuple[str, ...], least: int, say: Say, images: Path, tmp_path: Path
    ) -> None:
        small_model(tmp_path / "model", smallest=4)  # knows objects of 8 px
        words = ["--model", tmp_path / "model", "--object_size", "24", *flags]
        assert say("segment", images / "a.tif", "--out", tmp_path / "out", *words)[0] == 0
        made = Recipe.from_toml((tmp_path / "out" / "recipe.toml").read_text())
        assert (made.object_size, made.min_size) == (24, least)
        code, _, err = say("segment", images / "a.tif", "--out", tmp_path / "none", *words[:2], "--object_size", "0")
        assert (code, "--object_size" in err) == (2, True)

    def test_a_recipe_of_other_weights_is_refused(self, say: Say, images: Path, model: Path, tmp_path: Path) -> None:
        say("segment", images / "a.tif", "--model", model, "--out", tmp_path / "out")
        small_model(tmp_path / "other", seed=1)
        words = ["--model", tmp_path / "other", "--recipe", tmp_path / "out" / "recipe.toml"]
        code, said, err = say("segment", images, "--out", tmp_path / "new", *words)
        assert (code, said) == (2, "")
        assert "other weights" in err
        assert not (tmp_path / "new").exists()

    def test_a_recipe_of_another_version_is_followed_with_a_warning(
        self, say: Say, images: Path, model: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "old.toml").write_text(f'model = "{model}"\nversion = "0.0.1"\n')
        code, _, err = say("segment", images / "a.tif", "--recipe", tmp_path / "old.toml", "--out", tmp_path / "out")
        assert code == 0
        assert "warning: " in err
        assert "0.0.1" in err

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("foreground = 2.0", "mine.toml, foreground: "),
            ("foreground = ", "not valid TOML"),
            ("colour = 1", "mine.toml, colour: "),
            (None, "cannot be read"),
        ],
    )
    def test_a_recipe_that_is_wrong(
        self, say: Say, images: Path, model: Path, tmp_path: Path, text: str | None, message: str
    ) -> None:
        if text is not None:
            (tmp_path / "mine.toml").write_text(text)
        words = ["--model", model, "--recipe", tmp_path / "mine.toml"]
        code, _, err = say("segment", images, "--out", tmp_path / "out", *words)
        assert code == 2
        assert message in err

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--model", "none-such"], "there is no model 'none-such'"),
            ([], "no model is named"),
            (["--model", "MODEL", "--foreground_threshold", "7"], "error: --foreground_threshold: "),
            (["--model", "MODEL", "--device", "cuda:99"], "error: device 'cuda:99'"),
        ],
    )
    def test_wishes_that_cannot_be_met(
        self, say: Say, images: Path, model: Path, tmp_path: Path, words: list[str], message: str
    ) -> None:
        given = [str(model) if word == "MODEL" else word for word in words]
        code, said, err = say("segment", images, "--out", tmp_path / "out", *given)
        assert (code, said) == (2, "")
        assert message in err
        assert "Traceback" not in err
        assert not (tmp_path / "out").exists()

    def test_results_that_exist_are_kept(self, say: Say, images: Path, model: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        assert say("segment", images / "b.tif", "--model", model, "--out", out)[0] == 0
        before = (out / "b.csv").read_bytes()
        words = ["segment", images, "--model", model, "--out", out, "--min_size", "9"]
        code, said, err = say(*words)
        assert (code, said) == (2, "")  # not even the first image was done
        assert "b.tif" in err
        assert "--overwrite" in err
        assert files(out) == ["b.csv", "b.tif", "recipe.toml"]
        assert say(*words, "--overwrite")[0] == 0
        assert (out / "b.csv").read_bytes() != before
        assert "min_size = 9" in (out / "recipe.toml").read_text()

    def test_a_folder_holds_results_of_one_recipe(self, say: Say, images: Path, model: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        say("segment", images / "a.tif", "--model", model, "--out", out)
        assert say("segment", images / "b.tif", "--model", model, "--out", out)[0] == 0
        code, _, err = say("segment", images / "c.tif", "--model", model, "--out", out, "--min_size", "9")
        assert code == 2
        assert "another recipe" in err
        assert "c.tif" not in files(out)

    def test_overwriting_some_results_never_leaves_others_beside_a_wrong_recipe(
        self, say: Say, images: Path, model: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        say("segment", images / "a.tif", images / "b.tif", "--model", model, "--out", out)
        before = (out / "recipe.toml").read_bytes()
        words = ["--model", model, "--out", out, "--min_size", "9", "--overwrite"]
        code, _, err = say("segment", images / "a.tif", *words)
        assert code == 2
        assert "b.csv is one of 1" in err
        assert (out / "recipe.toml").read_bytes() == before
        assert say("segment", images, *words)[0] == 0

    def test_two_images_of_one_stem_are_refused(self, say: Say, images: Path, model: Path, tmp_path: Path) -> None:
        io.write_image(images / "a.png", Image(toy(0)[0], "yx"))
        code, said, err = say("segment", images, "--model", model, "--out", tmp_path / "out")
        assert (code, said) == (2, "")
        assert "a.png" in err
        assert "a.tif" in err

    def test_an_image_is_never_written_over(self, say: Say, images: Path, model: Path) -> None:
        before = (images / "a.tif").read_bytes()
        code, _, err = say("segment", images / "a.tif", "--model", model, "--out", images, "--overwrite")
        assert code == 2
        assert "on the image itself" in err
        assert (images / "a.tif").read_bytes() == before
        assert files(images) == ["a.tif", "b.tif", "c.tif"]

    def test_out_must_be_a_folder(self, say: Say, images: Path, model: Path) -> None:
        code, _, err = say("segment", images / "a.tif", "--model", model, "--out", images / "b.tif")
        assert code == 2
        assert "is a file" in err

    def test_one_bad_image_among_others(self, say: Say, images: Path, model: Path, tmp_path: Path) -> None:
        (images / "b.tif").write_bytes((images / "a.tif").read_bytes()[:200])
        tifffile.imwrite(images / "d.tif", np.zeros((5, 48, 48), np.uint8))
        code, said, err = say("segment", images, "--model", model, "--out", tmp_path / "out")
        assert code == 1
        assert [line[0] for line in said.splitlines()] == ["a", "c"]
        assert files(tmp_path / "out") == ["a.csv", "a.tif", "c.csv", "c.tif", "recipe.toml"]
        assert err.count("error: ") == 2
        assert str(images / "b.tif") in err
        assert f"{images / 'd.tif'}: model 'model' was made for 2D" in err
        assert "2 of 4 images" in err

    def test_bad_images_alone(self, say: Say, images: Path, model: Path, tmp_path: Path) -> None:
        (images / "b.tif").write_bytes(b"")
        assert say("segment", images / "b.tif", "--model", model, "--out", tmp_path / "out")[0] == 2
        assert not (tmp_path / "out").exists()

    def test_time_points_one_by_one(self, say: Say, images: Path, model: Path, tmp_path: Path) -> None:
        pixels = np.stack([toy(0)[0], toy(2)[0]])
        tifffile.imwrite(images / "film.tif", pixels, imagej=True, metadata={"axes": "TYX"})
        words = ["segment", images / "film.tif", images / "a.tif", "--model", model, "--out", tmp_path / "out"]
        code, said, err = say(*words)
        assert code == 0, err
        assert [line.split(":")[0] for line in said.splitlines()] == ["film_t0000", "film_t0001", "a"]
        assert {"film_t0000.tif", "film_t0001.csv", "a.tif"} <= set(files(tmp_path / "out"))
        first, alone = (tmp_path / "out" / f"{name}.tif" for name in ("film_t0000", "a"))
        assert np.array_equal(tifffile.imread(first), tifffile.imread(alone))
        assert say("segment", images / "film.tif", "--model", model, "--out", tmp_path / "out")[0] == 2

    def test_ctrl_c_keeps_what_is_finished(
        self, say: Say, images: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = many.find_in_image

        def interrupted(image: Image, *rest: Any) -> Iterator[Progress]:
            if image.name == "b":
                raise KeyboardInterrupt
            return (yield from whole(image, *rest))

        monkeypatch.setattr(many, "find_in_image", interrupted)
        code, said, err = say("segment", images, "--model", model, "--out", tmp_path / "out")
        assert code == 130
        assert said.startswith("a: ")
        assert "1 of 3 images are done" in err
        assert "Traceback" not in err
        assert files(tmp_path / "out") == ["a.csv", "a.tif", "recipe.toml"]

    def test_ctrl_c_before_the_first_leaves_nothing(
        self, say: Say, images: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: Any) -> Iterator[Progress]:
            yield Progress("segment", 0, 1)
            raise KeyboardInterrupt

        monkeypatch.setattr(many, "find_in_image", interrupted)
        assert say("segment", images, "--model", model, "--out", tmp_path / "out")[0] == 130
        assert not (tmp_path / "out").exists()

    def test_a_full_disk_stops_at_once(
        self, say: Say, images: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any) -> None:
            raise BadFile("no space left on the device")

        monkeypatch.setattr(io, "write_labels", full)
        code, said, err = say("segment", images, "--model", model, "--out", tmp_path / "out")
        assert (code, said) == (2, "")
        assert err.count("no space left") == 1

    def test_objects_that_share_pixels_are_written_as_masks(
        self, say: Say, images: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        masks = np.zeros((2, 48, 48), bool)
        masks[0, 5:20, 5:20] = masks[1, 10:30, 10:30] = True
        out = tmp_path / "out"
        say("segment", images / "a.tif", "--model", model, "--out", out)

        def overlapping(*_: Any) -> Steps[Instances]:
            yield Progress("segment", 1, 1)
            return Instances.from_masks(masks)

        monkeypatch.setattr(many, "find_in_image", overlapping)
        assert say("segment", images / "a.tif", "--model", model, "--out", out, "--overwrite")[0] == 0
        assert files(out) == ["a.csv", "a.npz", "recipe.toml"]
        assert np.array_equal(np.load(out / "a.npz")["masks"], masks)
        monkeypatch.undo()
        assert say("segment", images / "a.tif", "--model", model, "--out", out, "--overwrite")[0] == 0
        assert files(out) == ["a.csv", "a.tif", "recipe.toml"]

    def test_where_memory_runs_out_smaller_tiles_are_taken_and_noted(
        self, say: Say, images: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        embed = Model.embed

        def narrow(self: Model, patch: np.ndarray) -> Any:
            if max(patch.shape) > 40:
                raise OutOfMemory("take smaller tiles")
            return embed(self, patch)

        monkeypatch.setattr(Model, "embed", narrow)
        monkeypatch.setattr("napari_discern.segmentation.recipe.SMALLEST_TILE", {2: 16})
        once, twice = tmp_path / "once", tmp_path / "twice"
        code, _, err = say("segment", images, "--model", model, "--out", once, "--tile", "64", "--halo", "4")
        assert code == 0
        assert "warning: memory ran out; begun anew with tiles of 32 px." in err
        assert say("segment", images, "--recipe", once / "recipe.toml", "--out", twice)[2].count("memory ran out") == 0
        assert (once / "recipe.toml").read_bytes() == (twice / "recipe.toml").read_bytes()
        for name in "abc":
            assert np.array_equal(tifffile.imread(once / f"{name}.tif"), tifffile.imread(twice / f"{name}.tif"))

    def test_debug_shows_where(self, say: Say, images: Path, tmp_path: Path) -> None:
        words = ["segment", images, "--out", tmp_path / "out"]
        with pytest.raises(ValueError, match="no model is named"):
            say(*words, "--debug")
        with pytest.raises(ValueError, match="no model is named"):
            say("--debug", *words)

    def test_warnings_are_shown(self, say: Say, images: Path, model: Path, tmp_path: Path) -> None:
        tifffile.imwrite(images / "flat.tif", np.full((48, 48), 7, np.uint8))
        code, _, err = say("segment", images / "flat.tif", "--model", model, "--out", tmp_path / "out")
        assert code == 0
        assert "warning: flat: channel [0] is constant" in err


TINY = ["--batch", "2", "--crop", "32", "--checks", "2", "--features", "4", "--embedding", "4", "--device", "cpu"]
TINY += ["--backbone.filters", "8", "--backbone.levels", "2", "--precision", "32"]


class TestTrain:
    @pytest.fixture
    def words(self, images: Path, truth: Path, tmp_path: Path) -> list[str | Path]:
        out = tmp_path / "made"
        return ["train", "--images", images, "--labels", truth, "--out", out, "--steps", "4", *TINY]

    def test_a_method_sets_what_its_authors_say_and_flags_win(
        self, say: Say, images: Path, truth: Path, tmp_path: Path
    ) -> None:
        words = ["train", "--images", images, "--labels", truth, "--steps", 1, "--batch", 1, "--crop", 16,
                 "--backbone.filters", 8, "--backbone.levels", 2, "--features", 4]  # fmt: skip
        code, _, err = say(*words, "--method", "fathi", "--scales", "0.5,1", "--out", tmp_path / "seeds")
        assert code == 0, err
        card = read_card(tmp_path / "seeds")
        assert (card.settings.cluster.kind, card.architecture.embedding) == ("seeds", 64)
        assert card.architecture.scales == (0.5, 1)
        assert card.architecture.taus == (0.25, 0.5, 0.75, 0.9)
        assert card.training["augmentation"]["rotate"] == 10
        code, _, err = say(*words, "--method", "de-brabandere", "--embedding", 8, "--out", tmp_path / "leaves")
        assert code == 0, err
        card = read_card(tmp_path / "leaves")
        assert (card.settings.cluster.kind, card.architecture.embedding) == ("mean-shift", 8)
        assert card.architecture.coordinate_channels
        assert card.architecture.coordinate_scale is None

    def test_a_folder_of_labelled_images(self, say: Say, words: list[str | Path], tmp_path: Path) -> None:
        code, said, err = say(*words, "--name", "squares", "--loss.delta_v", "0.4", "--no-augmentation.flip")
        assert code == 0, err
        assert "3 images, 12 objects, 4 in the median image, about 11 px across" in said
        assert "S_mean" in said
        assert "bandwidth" in said
        assert "4 steps" in said
        assert str(tmp_path / "made") in said
        assert "only 3 labelled image(s)" in err
        assert not (tmp_path / "made.training").exists()
        card = Model.load(tmp_path / "made").card
        assert card.name == "squares"
        assert card.architecture.backbone == SMALL
        assert card.training["loss"]["delta_v"] == 0.4
        assert card.training["augmentation"]["flip"] is False

    def test_what_is_trained_can_be_used_and_trained_further(
        self, say: Say, words: list[str | Path], images: Path, truth: Path, tmp_path: Path
    ) -> None:
        assert say(*words)[0] == 0
        assert say("segment", images, "--model", tmp_path / "made", "--out", tmp_path / "labels")[0] == 0
        further = ["train", "--images", images, "--labels", truth, "--val-images", images, "--val-labels", truth]
        further += ["--out", tmp_path / "further", "--model", tmp_path / "made", "--steps", "2", *TINY]
        code, said, err = say(*further)
        assert code == 0, err
        assert said.count("3 images, 12 objects") == 2
        assert said.count("bandwidth ") == 1
        assert err.count("warning") == 1
        assert "the base model brings its own backbone, features, embedding" in err
        card = Model.load(tmp_path / "further").card
        assert card.name == "further"
        assert card.architecture == Model.load(tmp_path / "made").card.architecture

    def test_ctrl_c_says_where_the_best_is_and_how_to_go_on(
        self, say: Say, words: list[str | Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = training.train

        def stopped(*args: Any) -> Steps[Model]:
            steps = whole(*args)
            for progress in steps:
                yield progress
                if progress.stage == "validate" and "S_mean" in progress.values:
                    steps.close()
                    raise KeyboardInterrupt
            raise RuntimeError("nothing was validated")

        monkeypatch.setattr(training, "train", stopped)
        code, _, err = say(*words)
        aside = tmp_path / "made.training"
        assert code == 130
        assert f"the best model so far is in {aside / 'best'}" in err
        assert "--resume" in err
        assert Model.load(aside / "best")
        assert not (tmp_path / "made").exists()
        monkeypatch.undo()
        code, said, err = say(*words)
        assert (code, said) == (2, "")
        assert "--resume" in err
        code, _, err = say(*words, "--resume")
        assert code == 0, err
        assert Model.load(tmp_path / "made").card.training["steps_done"] == 4
        assert not aside.exists()

    def test_a_stopped_training_can_be_discarded(self, say: Say, words: list[str | Path], tmp_path: Path) -> None:
        (tmp_path / "made.training").mkdir()
        assert say(*words)[0] == 2
        assert say(*words, "--overwrite")[0] == 0
        assert not (tmp_path / "made.training").exists()

    def test_nothing_to_resume(self, say: Say, words: list[str | Path]) -> None:
        code, said, err = say(*words, "--resume")
        assert (code, said) == (2, "")
        assert "made.training does not exist" in err

    def test_stopped_before_there_is_a_best(
        self, say: Say, words: list[str | Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def failing(*_: Any) -> Iterator[Progress]:
            yield Progress("train", 1, 4)
            raise TrainingFailed("the loss is no longer finite")

        monkeypatch.setattr(training, "train", failing)
        code, _, err = say(*words)
        assert code == 2
        assert "nothing was written" in err
        assert "error: the loss is no longer finite" in err
        assert sorted(p.name for p in tmp_path.iterdir()) == ["images", "truth"]

    def test_a_model_that_exists_is_kept(self, say: Say, words: list[str | Path], tmp_path: Path) -> None:
        small_model(tmp_path / "made")
        before = (tmp_path / "made" / "card.json").read_bytes()
        code, said, err = say(*words)
        assert (code, said) == (2, "")  # no image was read
        assert "--overwrite" in err
        assert (tmp_path / "made" / "card.json").read_bytes() == before
        assert say(*words, "--overwrite")[0] == 0
        assert (tmp_path / "made" / "card.json").read_bytes() != before

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            (["--minutes", "1"], "give minutes or steps, not both"),
            (["--val-images", "x"], "--val-images and --val-labels"),
            (["--backbone.levels", "99"], "--backbone.levels: "),
            (["--device", "cuda:99"], "cuda:99"),
        ],
    )
    def test_wishes_that_cannot_be_met(
        self, say: Say, words: list[str | Path], tmp_path: Path, more: list[str], message: str
    ) -> None:
        code, _, err = say(*words, *more)
        assert code == 2
        assert message in err
        assert not (tmp_path / "made").exists()

    def test_labels_without_images(self, say: Say, words: list[str | Path], images: Path) -> None:
        (images / "b.tif").unlink()
        code, _, err = say(*words)
        assert code == 2
        assert "b.tif" in err


class TestEvaluate:
    @pytest.fixture
    def labels(self, truth: Path, tmp_path: Path) -> Path:
        """As the truth, but that an object of `b` is missing."""
        (tmp_path / "labels").mkdir()
        for path in truth.iterdir():
            found = tifffile.imread(path)
            tifffile.imwrite(tmp_path / "labels" / path.name, np.where((path.stem == "b") & (found == 2), 0, found))
        return tmp_path / "labels"

    def test_table_json_and_figure(self, say: Say, labels: Path, truth: Path, images: Path, tmp_path: Path) -> None:
        made = [tmp_path / "new" / "scores.json", tmp_path / "new" / "worst.png"]
        words = ["evaluate", "--labels", labels, "--truth", truth, "--images", images]
        words += ["--json", made[0], "--figure", made[1]]
        code, said, err = say(*words)
        assert code == 0, err
        row = next(line.split() for line in said.splitlines() if line.startswith("b "))
        assert row[1:4] == ["3", "4", "0.750"]
        scores = json.loads(made[0].read_text())
        assert scores["mean"]["S"]["0.50"] == pytest.approx((1 + 0.75 + 1) / 3)
        assert scores["pooled"]["DiC"] == -1
        assert [image["name"] for image in scores["images"]] == ["a", "b", "c"]
        assert made[1].read_bytes().startswith(b"\x89PNG")
        code, said, err = say(*words)
        assert (code, said) == (2, "")
        assert "scores.json" in err
        assert say(*words, "--overwrite")[0] == 0

    def test_files_without_partner(self, say: Say, labels: Path, truth: Path) -> None:
        (truth / "b.tif").unlink()
        code, _, err = say("evaluate", "--labels", labels, "--truth", truth)
        assert code == 2
        assert "b.tif" in err

    def test_oracle(self, say: Say, model: Path, images: Path, truth: Path, tmp_path: Path) -> None:
        words = ["evaluate", "--oracle", "--model", model, "--images", images, "--truth", truth]
        code, said, err = say(*words, "--json", tmp_path / "rows.json")
        assert code == 0, err
        assert "true foreground, true centres" in said
        assert "points of mean S" in said
        assert len(json.loads((tmp_path / "rows.json").read_text())) == 4

    def test_proposals(self, say: Say, model: Path, images: Path, truth: Path, tmp_path: Path) -> None:
        words = ["evaluate", "--proposals", "--model", model, "--images", images, "--truth", truth]
        code, said, err = say(*words, "--json", tmp_path / "found.json", "--figure", tmp_path / "found.png")
        assert code == 0, err
        assert "mAP^r 0.5" in said
        assert "average recall" in said
        assert "expected calibration error" in said
        assert list(json.loads((tmp_path / "found.json").read_text())["seeds"]) == [str(n) for n in NUMBERS]
        assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        "words",
        [
            [],
            ["--oracle"],
            ["--oracle", "--model", "m"],
            ["--labels", "x", "--model", "m"],
            ["--oracle", "--proposals", "--model", "m"],
        ],
    )
    def test_half_a_wish(self, say: Say, truth: Path, words: list[str]) -> None:
        code, _, err = say("evaluate", "--truth", truth, *words)
        assert code == 2
        assert "--oracle" in err

    def test_half_a_wish_for_proposals(self, say: Say, truth: Path) -> None:
        code, _, err = say("evaluate", "--truth", truth, "--proposals", "--labels", "x")
        assert code == 2
        assert "--proposals needs --model" in err


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of our own for the models that come along."""
    folder = tmp_path / "bundled"
    folder.mkdir()
    monkeypatch.setattr(zoo, "BUNDLED", folder)
    return folder


class TestModels:
    def test_each_with_what_one_chooses_by(self, say: Say, bundled: Path) -> None:
        small_model(bundled / "nuclei", description="Round things.", licence="CC0-1.0", scores={"S_mean": 0.712})
        small_model(bundled / "leaves")
        (bundled / "nuclei" / "picture.png").write_bytes(b"a picture")
        code, said, _ = say("models")
        assert code == 0
        lines = said.splitlines()
        assert lines[0].startswith("leaves: 2D, 1 channel, ")
        assert lines[1].startswith("nuclei: 2D, 1 channel, objects about 8 px, mean S(0.5..0.9) 0.712, CC0-1.0, ")
        assert lines[1].endswith(" MB")
        assert lines[2].strip() == "Round things."
        assert lines[3].strip() == f"picture: {bundled / 'nuclei' / 'picture.png'}"

    def test_none(self, say: Say, bundled: Path) -> None:
        code, said, _ = say("models")
        assert code == 0
        assert "no models come along" in said

    def test_bundled_models_go_by_name(self, say: Say, bundled: Path, images: Path, tmp_path: Path) -> None:
        small_model(bundled / "nuclei")
        assert say("segment", images / "a.tif", "--model", "nuclei", "--out", tmp_path / "out")[0] == 0
        assert 'model = "nuclei"' in (tmp_path / "out" / "recipe.toml").read_text()


class TestDemo:
    def test_without_a_window(self, say: Say, bundled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        small_model(bundled / "nuclei", smallest=100)
        monkeypatch.chdir(tmp_path)
        for _ in range(2):  # the second time over the first
            code, said, err = say("demo", "--no-window")
            assert code == 0, err
        out = tmp_path / "napari-discern-demo"
        assert files(out) == ["features.csv", "image.tif", "labels.tif", "overlay.png", "scores.json"]
        assert str(out) in said
        assert tifffile.imread(out / "labels.tif").dtype == np.uint32
        assert json.loads((out / "scores.json").read_text())["images"][0]["n_truth"] > 30

    def test_with_a_window(self, say: Say, bundled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        small_model(bundled / "other", smallest=100)
        seen: list[tuple[Image, Instances]] = []
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(gui, "has_screen", lambda: True)
        monkeypatch.setattr(gui, "show", lambda image, objects: seen.append((image, objects)))
        code, said, err = say("demo")
        assert code == 0, err
        ((image, objects),) = seen
        assert image.spatial_shape == objects.shape
        assert f"{objects.n} objects found" in said
        assert "by other;" in said
        assert files(tmp_path / "bundled") == ["other/card.json", "other/weights.safetensors"]
        assert not (tmp_path / "napari-discern-demo").exists()

    def test_without_a_model(self, say: Say, bundled: Path, tmp_path: Path) -> None:
        code, _, err = say("demo", "--out", tmp_path / "out")
        assert code == 2
        assert "--model" in err
