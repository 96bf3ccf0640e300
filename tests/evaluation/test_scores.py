"""Scoring folders: pairs by stem, both kinds of truth, and what is wrong with a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from stubs import knowing

from napari_discern.errors import BadFile, DiscernError, OutputExists
from napari_discern.evaluation import draw_worst, evaluate, evaluate_model
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.metrics import Report
from napari_discern.progress import Progress, run

TWO = np.zeros((8, 12), np.uint16)
TWO[1:4, 1:5] = 3
TWO[5:8, 6:12] = 7

ONE = TWO * (TWO == 3)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """`b` is found whole, of `a` one object of two."""
    labels, truth = tmp_path / "labels", tmp_path / "truth"
    for folder, a in ((labels, ONE), (truth, TWO)):
        folder.mkdir()
        tifffile.imwrite(folder / "a.tif", a)
        tifffile.imwrite(folder / "b.tif", TWO)
    return labels, truth


def test_each_image_is_scored_against_its_namesake(folders: tuple[Path, Path]) -> None:
    report = run(evaluate(*folders))
    assert list(report.scores) == ["a", "b"]
    assert [report.scores[name].S[0.5] for name in "ab"] == [0.5, 1]
    assert report.mean["S"]["0.50"] == 0.75
    assert report.pooled.S[0.5] == 3 / 4
    assert report.mean["DiC"] == 0.5


def test_progress_counts_images_to_the_end(folders: tuple[Path, Path]) -> None:
    seen = []
    run(evaluate(*folders), seen.append)
    assert [(p.done, p.total) for p in seen] == [(0, 2), (1, 2), (2, 2)]
    assert [p.values for p in seen[1:]] == [{"S(0.50)": 0.5}, {"S(0.50)": 1}]


def test_a_model_is_scored_by_what_it_finds_in_each_image() -> None:
    painted = [Image(pixels.astype(np.float32), "yx", name="a") for pixels in (ONE, TWO)]
    seen: list[Progress] = []
    report = run(evaluate_model(knowing(TWO), [(image, Instances.from_labels(TWO)) for image in painted]), seen.append)
    assert list(report.scores) == ["a", "a (2)"]
    assert [s.S[0.5] for s in report.scores.values()] == [0.5, 1]
    assert {p.total for p in seen} == {2}
    assert [p.done for p in seen] == sorted(p.done for p in seen)


def test_truth_may_be_masks_that_share_pixels(folders: tuple[Path, Path]) -> None:
    labels, truth = folders
    whole = np.ones((8, 12), bool)
    (truth / "a.tif").unlink()
    np.savez(truth / "a.npz", masks=np.stack([TWO == 3, TWO == 7, whole]))
    score = run(evaluate(labels, truth)).scores["a"]
    assert (score.n_found, score.n_truth, score.tp[0.95]) == (1, 3, 1)
    assert score.truth_foreground == whole.sum()


def test_other_files_of_a_result_folder_are_passed_over(folders: tuple[Path, Path]) -> None:
    (folders[0] / "a.csv").write_text("label\n")
    (folders[0] / "recipe.toml").write_text("")
    (folders[0] / ".writing-1234.tif").write_bytes(b"")
    assert list(run(evaluate(*folders)).scores) == ["a", "b"]


def test_files_without_a_partner_are_listed(folders: tuple[Path, Path]) -> None:
    labels, truth = folders
    (labels / "a.tif").rename(labels / "c.tif")
    with pytest.raises(BadFile, match=r"(?s)c\.tif.*a\.tif"):
        run(evaluate(labels, truth))


def test_two_files_of_one_stem_are_refused(folders: tuple[Path, Path]) -> None:
    np.savez(folders[1] / "a.npz", masks=TWO[None] > 0)
    with pytest.raises(BadFile, match=r"a\.npz and a\.tif"):
        run(evaluate(*folders))


def test_different_shapes_name_both_files(folders: tuple[Path, Path]) -> None:
    labels, truth = folders
    tifffile.imwrite(labels / "b.tif", TWO[:, ::2])
    with pytest.raises(BadFile, match=r"\(8, 6\)") as error:
        run(evaluate(labels, truth))
    assert str(labels / "b.tif") in str(error.value)
    assert str(truth / "b.tif") in str(error.value)


def test_missing_and_empty_folders_are_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="nowhere"):
        run(evaluate(tmp_path / "nowhere", folders[1]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadFile, match="empty"):
        run(evaluate(folders[0], tmp_path / "empty"))


def test_a_file_that_is_cut_off_is_named(folders: tuple[Path, Path]) -> None:
    path = folders[0] / "a.tif"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DiscernError, match=r"a\.tif"):
        run(evaluate(*folders))


def is_png(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG")


def test_the_worst_are_drawn_without_images(folders: tuple[Path, Path], tmp_path: Path) -> None:
    report = run(evaluate(*folders))
    draw_worst(report, *folders, tmp_path / "worst.png", count=1)
    assert is_png(tmp_path / "worst.png")
    with pytest.raises(OutputExists):
        draw_worst(report, *folders, tmp_path / "worst.png")


def test_the_worst_are_drawn_over_their_images(folders: tuple[Path, Path], tmp_path: Path) -> None:
    report: Report = run(evaluate(*folders))
    images = tmp_path / "images"
    images.mkdir()
    tifffile.imwrite(images / "a.tif", TWO)
    draw_worst(report, *folders, tmp_path / "worst.png", images=images, count=1)
    assert is_png(tmp_path / "worst.png")
    with pytest.raises(BadFile, match="no file for b"):
        draw_worst(report, *folders, tmp_path / "both.png", images=images)
    tifffile.imwrite(images / "b.tif", TWO[::2])
    with pytest.raises(BadFile, match=r"\(4, 12\)"):
        draw_worst(report, *folders, tmp_path / "both.png", images=images)
