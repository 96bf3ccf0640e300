"""CVPPP: synthetic files of its layout are read, split and learnt from with one command."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from napari_discern.errors import BadFile
from napari_discern.io import cvppp
from napari_discern.synthetic import Rosette

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def plants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six plants as the challenge has them: RGBA pictures, labels with a palette, foreground beside them."""
    folder = tmp_path_factory.mktemp("A1")
    for number in range(1, 7):
        image, truth = Rosette(size=96, smallest=20, largest=35)(number)
        stem = folder / f"plant{number:03}"
        alpha = np.full((96, 96, 1), 255, np.uint8)
        PIL.Image.fromarray(np.concatenate([np.asarray(image.data), alpha], axis=-1)).save(f"{stem}_rgb.png")
        labels = PIL.Image.fromarray(truth.labels.astype(np.uint8), "L").convert("P")
        labels.putpalette(np.random.default_rng(0).integers(0, 255, 768, np.uint8).tobytes())
        labels.save(f"{stem}_label.png")
        PIL.Image.fromarray(truth.foreground).save(f"{stem}_fg.png")
    return folder


def test_plants_are_read_with_their_leaves(plants: Path) -> None:
    found = cvppp.pairs(plants)
    assert [pair.name for pair in found] == [f"plant{k:03}" for k in range(1, 7)]
    image, truth = found[2].read()
    drawn = Rosette(size=96, smallest=20, largest=35)(3)
    assert np.array_equal(image.read(), drawn[0].read())
    assert np.array_equal(truth.labels, drawn[1].labels)


def test_the_list_of_ids_is_held_out(plants: Path) -> None:
    found = cvppp.pairs(plants)
    learn, score = cvppp.split(found, ["plant005", "plant002"])
    assert [pair.name for pair in score] == ["plant002", "plant005"]
    assert [pair.name for pair in learn] == ["plant001", "plant003", "plant004", "plant006"]
    assert [len(part) for part in cvppp.split(found)] == [5, 1]
    named = [replace(found[0], name=f"plant{k:03}") for k in range(128)]
    assert [len(part) for part in cvppp.split(named)] == [100, 28]
    with pytest.raises(BadFile, match="plant099"):
        cvppp.split(found, ["plant099"])


def test_what_is_missing_is_named(plants: Path, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="holds no plant"):
        cvppp.pairs(tmp_path)
    (tmp_path / "plant007_rgb.png").write_bytes((plants / "plant001_rgb.png").read_bytes())
    with pytest.raises(BadFile, match=r"no labels of plant007 \(1 in all\)"):
        cvppp.pairs(tmp_path)


def test_one_command_trains_and_scores(plants: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("plant001\nplant004\n")
    small = ["--backbone.filters", "8", "--backbone.levels", "2", "--features", "4", "--crop", "32", "--checks", "1"]
    command = [sys.executable, ROOT / "benchmarks" / "cvppp.py", plants, "--held-out", tmp_path / "ids.txt"]
    done = subprocess.run(
        [*command, "--minutes", "0.05", "--out", tmp_path / "out", *small], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "4 plants to learn from, 2 to score" in done.stdout
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert sorted(image["name"] for image in scores["images"]) == ["plant001", "plant004"]
    assert f"SBD {scores['mean']['SBD']:.3f}" in done.stdout
