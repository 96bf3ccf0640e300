"""Many images: one recipe for all, smaller tiles where memory runs out, folders of results that say what made them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stubs import balls, discs, knowing, tiny

from napari_discern import io
from napari_discern.errors import BadArgument, BadFile, DiscernError, OutOfMemory, OutputExists
from napari_discern.evaluation import evaluate_model
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.model import Model
from napari_discern.progress import Progress, run
from napari_discern.segmentation import (
    Recipe,
    ResultFolder,
    Written,
    make_recipe,
    read_layer,
    recipe,
    recipe_for,
    segment,
    segment_all,
    segment_files,
)

TRUTH = balls((61, 83), (4, 4), 14)
IMAGE = Image(TRUTH, "yx", name="painted")
embed_whole = Model.embed


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A device that holds patches of 40 px at most; what it was asked for."""
    tried: list[int] = []

    def embed(self: Model, patch: np.ndarray) -> Any:
        tried.append(max(patch.shape[1:]))
        if tried[-1] > 40:
            raise OutOfMemory("take smaller tiles with --tile")
        return embed_whole(self, patch)

    monkeypatch.setattr(Model, "embed", embed)
    monkeypatch.setattr(recipe, "SMALLEST_TILE", {2: 16})
    return tried


def wide(model: Model) -> Recipe:
    return recipe_for(model, "stub", tile=80, halo=10)


def test_smaller_tiles_are_taken_and_the_recipe_that_is_given_finds_the_same_bit_for_bit(
    narrow: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    model, said = knowing(TRUTH), []
    with caplog.at_level(logging.WARNING):
        (found,), used = run(segment_all([IMAGE], model, wide(model)), lambda p: said.append(p.warning))
    assert used == wide(model).model_copy(update={"tile": 20})
    assert narrow[0] == 83  # in one piece at first
    assert [line for line in said if line] == [record.message for record in caplog.records]
    assert "tiles of 20 px" in caplog.text
    again = run(segment(IMAGE, model, used))
    assert np.array_equal(found.planes, again.planes)
    assert found.n == TRUTH.max()


def test_python_gets_objects_all_the_same_with_a_warning(narrow: list[int], caplog: pytest.LogCaptureFixture) -> None:
    model = knowing(TRUTH)
    with caplog.at_level(logging.WARNING):
        assert run(segment(IMAGE, model, wide(model))).n == TRUTH.max()
    assert "tiles of 40 px" in caplog.text


def test_so_does_who_scores_a_model(narrow: list[int]) -> None:
    scored = run(evaluate_model(knowing(TRUTH), [(IMAGE, Instances.from_labels(TRUTH))]))
    assert scored.pooled.S[0.5] == 1


def test_what_does_not_fit_in_the_smallest_is_told(narrow: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "SMALLEST_TILE", {2: 40})
    model = knowing(TRUTH)
    with pytest.raises(OutOfMemory, match="--tile"):
        run(segment(IMAGE, model, wide(model)))


def test_several_images_have_one_recipe(narrow: list[int]) -> None:
    small = Image(TRUTH[:30, :30], "yx", name="small")
    model = knowing(TRUTH)
    _, used = run(segment_all([small, IMAGE], model, wide(model)))
    assert used.tile == 20
    assert narrow.count(30) > 1  # the small one was begun anew as well


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A small image, and two large ones."""
    pictures = [image.read()[0] for image, _ in discs(3)]
    (tmp_path / "images").mkdir()
    for name, pixels in zip("abc", (pictures[0][:30, :30], *pictures[1:]), strict=True):
        io.write_image(tmp_path / "images" / f"{name}.tif", Image(pixels, "yx"))
    return sorted((tmp_path / "images").iterdir())


@pytest.fixture
def asked(tmp_path: Path) -> Recipe:
    Model.create(tiny(), "cpu").save(tmp_path / "model")
    return make_recipe(("", {"model": str(tmp_path / "model"), "tile": 64, "halo": 4, "foreground_threshold": 0.01}))


def done(files: list[Path], folder: ResultFolder) -> tuple[list[Written], dict[Path, DiscernError]]:
    steps: list[Progress] = []
    failures = run(segment_files(files, folder), steps.append)
    return [step for step in steps if isinstance(step, Written)], failures


def test_the_recipe_of_a_folder_is_the_one_that_was_used(
    files: list[Path], asked: Recipe, narrow: list[int], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    written, failures = done(files[1:], ResultFolder(out, asked))
    assert not failures
    assert [step.name for step in written] == ["b", "c"]
    assert Recipe.from_toml((out / "recipe.toml").read_text()).tile == 32
    assert not list(out.glob("?.recipe.toml"))
    assert narrow.count(64) == 1  # for the second image it was known


def test_an_image_for_which_memory_runs_out_later_has_a_recipe_of_its_own(
    files: list[Path], asked: Recipe, narrow: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert not done(files, ResultFolder(out, asked))[1]
    assert (out / "recipe.toml").read_text() == asked.to_toml()
    assert sorted(file.name for file in out.glob("?.recipe.toml")) == ["b.recipe.toml", "c.recipe.toml"]
    monkeypatch.setattr(Model, "embed", embed_whole)  # on a machine that has the memory
    again = make_recipe(read_layer(out / "b.recipe.toml"))
    assert again.tile == 32
    done(files[1:2], ResultFolder(tmp_path / "again", again))
    before, after = (io.read_instances(folder / "b.tif").planes for folder in (out, tmp_path / "again"))
    assert np.array_equal(before, after)
    done(files, ResultFolder(out, asked, overwrite=True))
    assert not list(out.glob("?.recipe.toml"))  # nothing is said any more of what is no longer there


def test_recipes_of_single_images_are_not_overwritten_unasked(files: list[Path], asked: Recipe, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.recipe.toml").write_text("mine")
    with pytest.raises(OutputExists, match=r"b\.recipe\.toml"):
        done(files, ResultFolder(tmp_path / "out", asked))
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["b.recipe.toml"]


def test_what_is_wrong_with_one_file_does_not_stop_the_others(
    files: list[Path], asked: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files[1].write_bytes(b"no image")
    written, failures = done(files, ResultFolder(tmp_path / "out", asked))
    assert [step.name for step in written] == ["a", "c"]
    assert list(failures) == [files[1]]
    assert isinstance(failures[files[1]], BadFile)

    def refused(*_: Any) -> None:
        raise BadArgument("such objects have no place there")

    monkeypatch.setattr(io, "write_labels", refused)
    written, failures = done(files[::2], ResultFolder(tmp_path / "new", asked))
    assert (written, list(failures)) == ([], files[::2])
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["recipe.toml"]


def test_a_folder_refuses_before_a_model_is_loaded(files: list[Path], asked: Recipe, tmp_path: Path) -> None:
    gone = asked.model_copy(update={"model": "none-such"})
    with pytest.raises(BadArgument, match="on the image itself"):
        done(files, ResultFolder(files[0].parent, gone, overwrite=True))
