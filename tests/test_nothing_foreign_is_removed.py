"""Nothing is removed or replaced but what this program has written itself, wherever it clears up after itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from stubs import left_behind, tiny

from napari_discern import io
from napari_discern.batch.plan import Plan
from napari_discern.batch.workplace import Workplace
from napari_discern.cli import main
from napari_discern.errors import BadFile, DiscernError, OutputExists
from napari_discern.gui.preferences import recall, remember
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.model import Model, zoo
from napari_discern.progress import run
from napari_discern.segmentation import Recipe, ResultFolder
from napari_discern.training import Autosave, SavedTraining, Training, train

PIXELS = np.kron(np.eye(2, dtype=np.uint8), np.full((8, 8), 200, np.uint8))
FLAT = Instances.from_labels(np.kron(np.eye(2, dtype=np.uint32), np.ones((8, 8), np.uint32)))
LESSON = [(Image(PIXELS, "yx", name="squares"), FLAT)]
FOREIGN = "holiday.jpg"


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def own_things(folder: Path, *more: str) -> dict[str, bytes]:
    """A folder of somebody's own things, and what is in it."""
    for name in (FOREIGN, "notes/diary.txt", *more):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"mine: {name}")
    return everything(folder)


def model() -> Model:
    return Model.create(tiny(), "cpu")


def save_model(path: Path) -> None:
    model().save(path, overwrite=True)


def save_image(path: Path) -> None:
    io.write_image(path, LESSON[0][0], overwrite=True)


class TestFoldersThatAreReplaced:
    """With overwrite=True a folder is replaced only where all that is in it is ours."""

    @pytest.mark.parametrize(("name", "write"), [("model", save_model), ("a.ome.zarr", save_image)])
    @pytest.mark.parametrize("beside", [FOREIGN, "c/0", "0/notes.txt", ""])
    def test_somebody_elses_stays(self, tmp_path: Path, name: str, write: Callable[[Path], None], beside: str) -> None:
        """Whether there is nothing of ours in it, or something beside what is ours."""
        path = tmp_path / name
        if beside:
            write(path)
            (path / beside).parent.mkdir(parents=True, exist_ok=True)
            (path / beside).write_text("mine")
            before = everything(path)
        else:
            before = own_things(path)
        with pytest.raises(OutputExists, match="not written"):
            write(path)
        assert everything(path) == before
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize(("name", "write"), [("model", save_model), ("a.ome.zarr", save_image)])
    def test_ours_and_empty_ones_go(self, tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
        (tmp_path / name).mkdir()
        for _ in range(2):
            write(tmp_path / name)
        assert list(tmp_path.iterdir()) == [tmp_path / name]

    def test_a_picture_alone_is_no_model(self, tmp_path: Path) -> None:
        """What may lie beside a card is nothing of ours without it."""
        (tmp_path / "flowers").mkdir()
        (tmp_path / "flowers" / "picture.png").write_text("mine")
        with pytest.raises(OutputExists, match=r"picture\.png"):
            save_model(tmp_path / "flowers")
        assert (tmp_path / "flowers" / "picture.png").read_text() == "mine"

    @pytest.mark.parametrize("part", ["best", "last"])
    def test_a_training_keeps_out_of_them(self, tmp_path: Path, part: str) -> None:
        """It is said before anything is learnt, and not after an hour."""
        before = own_things(tmp_path / part)
        with pytest.raises(OutputExists, match=part):
            run(train(Training(steps=1), LESSON, folder=tmp_path))
        assert everything(tmp_path / part) == before


class TestCommands:
    """The same from the command line, before any work is done."""

    @pytest.fixture
    def words(self, tmp_path: Path) -> list[str]:
        io.write_image(tmp_path / "images" / "a.tif", LESSON[0][0])
        io.write_labels(tmp_path / "labels" / "a.tif", FLAT)
        words = ["train", "--images", str(tmp_path / "images"), "--labels", str(tmp_path / "labels")]
        return [*words, "--out", str(tmp_path / "made"), "--steps", "1", "--overwrite"]

    @pytest.mark.parametrize("name", ["made", "made.training"])
    @pytest.mark.parametrize("inside", ["", "best"])
    def test_train(
        self, words: list[str], tmp_path: Path, name: str, inside: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = own_things(tmp_path / name / inside)
        for more in ([], ["--resume"] if name == "made.training" else []):
            assert main([*words, *more]) == 2
            assert "not written" in capsys.readouterr().err
        assert everything(tmp_path / name / inside) == before

    def test_import(self, tmp_path: Path) -> None:
        from napari_discern.cli import import_

        before = own_things(tmp_path / "made")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(import_, "read_package", lambda _: model())
            assert main(["import", str(tmp_path / "a.zip"), "--out", str(tmp_path / "made"), "--overwrite"]) == 2
        assert everything(tmp_path / "made") == before

    def test_demo(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bundled = tmp_path / "bundled"
        Model.create(tiny(), "cpu").save(bundled / "nuclei")
        monkeypatch.setattr(zoo, "BUNDLED", bundled)
        before = own_things(tmp_path / "out", "image.tif", "scores.json")
        assert main(["demo", "--no-window", "--out", str(tmp_path / "out")]) == 2
        assert everything(tmp_path / "out") == before


class TestResults:
    """Results of an earlier run that the new one has otherwise go; files of those names of somebody else stay."""

    @pytest.mark.parametrize("ours", [True, False])
    def test_files_of_other_suffixes(self, tmp_path: Path, ours: bool) -> None:
        both = Instances(np.stack([FLAT.planes[0], 2 * FLAT.planes[0]]))
        if ours:
            ResultFolder(tmp_path, Recipe(model="nuclei")).write("a", FLAT, Recipe(model="nuclei"))
        else:
            own_things(tmp_path, "a.tif", "a.csv")
        ResultFolder(tmp_path, Recipe(model="nuclei"), True).write("a", both, Recipe(model="nuclei"))
        assert (tmp_path / "a.npz").is_file()
        assert (tmp_path / "a.tif").exists() is not ours


class TestWorkplace:
    """Of the hidden folder in a volume only what a run has put there."""

    def test_somebody_elses_stays(self, tmp_path: Path) -> None:
        place = Workplace(tmp_path, "objects")
        before = own_things(place.path)
        plan = Plan(
            recipe=Recipe(model="nuclei"), label_name="objects", by_slice=False, frames=(1,), shape=(8, 8),
            tile=(8, 8), halo=(1, 1), chunk=(8, 8)
        )  # fmt: skip
        for overwrite in (False, True):
            with pytest.raises(OutputExists, match="not written"):
                place.begin(plan, resume=False, overwrite=overwrite)
        assert everything(place.path) == before

    def test_ours_goes_and_what_has_a_like_name_stays(self, tmp_path: Path) -> None:
        place = Workplace(tmp_path, "objects")
        own_things(place.path)
        (place.path / "plan.json").write_text("{}")
        before = own_things(place.path.with_name(".objects.old.removed"))
        place.remove()
        assert not place.path.exists()
        assert everything(place.path.with_name(".objects.old.removed")) == before

    def test_what_a_killed_beginning_has_left_goes(self, tmp_path: Path) -> None:
        place = Workplace(tmp_path, "objects")
        (place.path / "tiles" / "000000").mkdir(parents=True)
        place.remove()
        assert not place.path.exists()


class TestRemembered:
    """The file in which choices are kept, beside the folder of one's own models."""

    @pytest.mark.parametrize("text", ["not JSON", "[1, 2]", '{"mine": 1}'])
    def test_somebody_elses_stays(self, own: Path, text: str) -> None:
        own.parent.mkdir()
        file = own.parent / "remembered.json"
        file.write_text(text)
        remember("2D", model="nuclei")
        assert file.read_text() == text

    def test_what_is_remembered_grows(self, own: Path) -> None:
        for kind in ("2D", "3D"):
            remember(kind, model=kind)
        remember("2D", other=1)
        assert (recall("2D"), recall("3D")) == ({"model": "2D", "other": 1}, {"model": "3D"})
        assert len(json.loads((own.parent / "remembered.json").read_text())) == 2


class TestTrainings:
    """Each has a folder of its own with a mark; the folder `training` beside the models may be somebody's images."""

    def test_a_folder_beside_the_models_stays(self, own: Path) -> None:
        before = own_things(own.parent / "training", "plan.json", "last/state.json")
        kept = Autosave.begin(SavedTraining(Training(), None, LESSON))
        assert Autosave.left() == []
        kept.clear()
        Autosave(own.parent / "training").clear()
        assert everything(own.parent / "training") == before
        assert not own.exists() or not list(own.iterdir())  # and nothing of ours is left

    def test_a_folder_without_the_mark_is_none(self, own: Path) -> None:
        kept = left_behind(SavedTraining(Training(), None, LESSON))
        (kept.folder / ".napari-discern-training").unlink()
        (kept.folder / FOREIGN).write_text("mine")
        before = everything(kept.folder)
        assert Autosave.left() == []
        kept.clear()
        assert everything(kept.folder) == before

    def test_what_somebody_puts_into_it_stays(self, own: Path) -> None:
        kept = left_behind(SavedTraining(Training(), None, LESSON, LESSON))
        mine = own_things(kept.folder / "notes")
        (kept.folder / "best").mkdir()
        (kept.folder / "best" / FOREIGN).write_text("mine")
        kept.clear()
        assert everything(kept.folder) == {f"best/{FOREIGN}": b"mine", **{f"notes/{k}": v for k, v in mine.items()}}
        assert Autosave.left() == []

    def test_nothing_is_left_of_one_that_ends(self, own: Path) -> None:
        saved = SavedTraining(Training.from_dict({"steps": 1, "crop": 16, "batch": 1}), None, LESSON)
        kept = Autosave.begin(saved)
        model().save(kept.folder / "best")
        (kept.folder / ".writing-0123456789ab.old").mkdir()
        (kept.folder / ".writing-0123456789ab.old" / "card.json").write_text("{}")
        kept.clear()
        assert list(own.iterdir()) == []

    def test_what_version_0_1_has_left_goes_on_and_is_removed(self, own: Path) -> None:
        """It had one folder, without a mark or a lock."""
        kept = left_behind(SavedTraining(Training(), "nuclei", LESSON, LESSON))
        (kept.folder / ".napari-discern-training").unlink()
        old = own.parent / "training"
        kept.folder.rename(old)
        (one,) = Autosave.left()
        assert one.folder == old
        assert (one.read().base, one.images) == ("nuclei", ["squares"])
        one.clear()
        assert not old.exists()

    def test_two_run_side_by_side_and_each_is_left_by_itself(self, own: Path) -> None:
        first, second = (Autosave.begin(SavedTraining(Training(seed=k), None, LESSON)) for k in range(2))
        for kept in (first, second):
            (kept.folder / "last").mkdir()
        assert Autosave.left() == []
        with pytest.raises(OutputExists, match="elsewhere"):
            Autosave(first.folder).claim()
        first.release()
        (left,) = Autosave.left()
        assert left.read().training.seed == 0
        left.claim()
        assert Autosave.left() == []  # somebody goes on with it
        second.clear()
        assert left.can_go_on

    def test_a_process_that_is_killed_leaves_its_training(self, own: Path) -> None:
        code = (
            "import os, signal\n"
            "from napari_discern.training import Autosave, SavedTraining, Training\n"
            "kept = Autosave.begin(SavedTraining(Training(), None, []))\n"
            "(kept.folder / 'last').mkdir()\n"
            "print(len(Autosave.left()), kept.folder, flush=True)\n"
            "input()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            there, folder = process.stdout.readline().split(maxsplit=1)
            assert (there, Autosave.left()) == ("0", [])
            process.kill()
        (left,) = Autosave.left()
        assert str(left.folder) == folder.strip()

    def test_a_full_disk_is_told_and_nothing_stays(self, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError("no space left")

        monkeypatch.setattr(np, "save", full)
        with pytest.raises(BadFile, match="disk has room"):
            Autosave.begin(SavedTraining(Training(), None, LESSON))
        assert list(own.iterdir()) == []

    def test_what_cannot_go_on_is_not_offered(self, own: Path) -> None:
        kept = Autosave.begin(SavedTraining(Training(), None, LESSON))
        kept.release()
        assert Autosave.left() == []
        assert [one.folder for one in Autosave.remains()] == [kept.folder]


def test_all_errors_say_what_is_in_the_way(tmp_path: Path) -> None:
    own_things(tmp_path)
    with pytest.raises(DiscernError, match=r"holiday\.jpg.*another name"):
        io.refuse_foreign(tmp_path, ("card.json",))
