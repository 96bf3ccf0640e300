"""The oracle: with the truth in place of one part, what the other part costs is seen."""

from __future__ import annotations

import numpy as np
import pytest
from stubs import Fixed, knowing, stub

from napari_discern.errors import BadArgument
from napari_discern.evaluation import ROWS, oracle, verdict
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.metrics import Report, table_of
from napari_discern.model import Model
from napari_discern.progress import run

TRUTH = np.zeros((24, 40), np.uint32)
TRUTH[2:22, 2:12], TRUTH[2:22, 12:22], TRUTH[2:22, 26:36] = 1, 2, 3

HALF = (TRUTH > 0) & (np.indices(TRUTH.shape)[0] < 10)
"""A foreground that misses more than half of each object."""
APART, CLOSE = 5.0, 0.7
"""Steps between the objects in the embedding; at a bandwidth of 1 the second is too small for mean shift."""


def model(step: float, foreground: np.ndarray) -> Model:
    return stub(Fixed(np.stack([step * TRUTH, 0 * TRUTH]), foreground))


def asked(model: Model, *truths: np.ndarray) -> dict[str, Report]:
    data = [(Image(np.eye(*TRUTH.shape), "yx", name=f"{k}"), Instances.from_labels(t)) for k, t in enumerate(truths)]
    return run(oracle(model, data))


def points(rows: dict[str, Report]) -> list[float]:
    return [rows[row].mean["S_mean"] for row in ROWS]


def test_all_is_well() -> None:
    rows = asked(model(APART, TRUTH > 0), TRUTH)
    assert points(rows) == [1, 1, 1, 1]
    assert verdict(rows).startswith("Neither")


def test_a_wrong_foreground_is_to_blame() -> None:
    rows = asked(model(APART, HALF), TRUTH)
    assert points(rows) == [0, 0, 1, 1]
    assert verdict(rows) == (
        "The foreground loses 100 points of mean S, the clustering 0: label more borders, or train longer."
    )


def test_a_wrong_clustering_is_to_blame() -> None:
    rows = asked(model(CLOSE, TRUTH > 0), TRUTH)
    one, centres, foreground, both = points(rows)
    assert centres == both == 1
    assert one == foreground < 0.6
    assert "the clustering" in verdict(rows)
    assert "look at the bandwidth" in verdict(rows)


def test_rows_differ_in_one_part_each() -> None:
    rows = asked(model(CLOSE, HALF), TRUTH)
    assert points(rows)[3] == 1
    assert max(points(rows)[:2]) == 0
    found = [rows[row].pooled.found_foreground for row in ROWS]
    assert found == [HALF.sum(), HALF.sum(), (TRUTH > 0).sum(), (TRUTH > 0).sum()]
    assert [rows[row].pooled.n_found for row in (ROWS[1], ROWS[3])] == [3, 3]


def test_the_settings_of_the_model_are_looked_at() -> None:
    wide = stub(Fixed(np.stack([CLOSE * TRUTH, 0 * TRUTH]), TRUTH > 0), min_size=10_000)
    assert all(row.pooled.n_found == 0 for row in asked(wide, TRUTH).values())


def test_each_image_has_a_score_in_each_row() -> None:
    empty = np.zeros_like(TRUTH)
    rows = asked(model(APART, TRUTH > 0), TRUTH, empty, (TRUTH == 1).astype(np.uint8))
    assert list(rows) == list(ROWS)
    assert all(list(report.scores) == ["0", "1", "2"] for report in rows.values())
    assert [rows[ROWS[3]].scores[k].n_found for k in "012"] == [3, 0, 1]


def test_images_of_one_name_are_all_scored() -> None:
    image, truth = Image(np.eye(*TRUTH.shape), "yx"), Instances.from_labels(TRUTH)
    rows = run(oracle(model(APART, TRUTH > 0), [(image, truth)] * 3))
    assert rows[ROWS[0]].pooled.n_truth == 9


def test_objects_that_share_pixels_are_scored() -> None:
    masks = np.stack([TRUTH == 1, (TRUTH == 2) | (TRUTH == 1) & (np.indices(TRUTH.shape)[1] > 9)])
    data = [(Image(np.eye(*TRUTH.shape), "yx"), Instances.from_masks(masks))]
    assert run(oracle(model(APART, TRUTH > 0), data))[ROWS[3]].pooled.n_truth == 2


def test_of_a_large_image_the_middle_is_looked_at() -> None:
    labels = np.zeros((600, 40), np.uint32)
    labels[2:30, 5:20] = 1  # outside the middle 512 rows
    labels[200:260, 5:20], labels[200:260, 25:38] = 2, 3
    rows = run(oracle(knowing(labels), [(Image(labels, "yx"), Instances.from_labels(labels))]))
    assert {report.pooled.n_truth for report in rows.values()} == {2}
    assert points(rows) == [1, 1, 1, 1]


def test_volumes_have_an_oracle() -> None:
    labels = np.zeros((6, 20, 20), np.uint32)
    labels[1:5, 2:9, 2:9], labels[1:5, 9:18, 9:18] = 1, 2
    rows = run(oracle(knowing(labels), [(Image(labels, "zyx"), Instances.from_labels(labels))]))
    assert points(rows) == [1, 1, 1, 1]


def test_the_rows_can_be_printed() -> None:
    text = table_of(asked(model(APART, HALF), TRUTH, TRUTH))
    lines = [line for line in text.splitlines() if line.startswith(ROWS)]
    assert len(lines) == 4
    assert [line.split("mean")[-1].split()[0] for line in (lines[0], lines[3])] == ["0.000", "1.000"]


def test_progress_counts_the_images() -> None:
    data = [(Image(np.eye(*TRUTH.shape), "yx"), Instances.from_labels(TRUTH))] * 2
    assert [p.fraction for p in oracle(model(APART, HALF), data)] == [0.5, 1]


def test_images_of_another_kind_or_size_are_refused() -> None:
    truth = Instances.from_labels(TRUTH)
    with pytest.raises(BadArgument, match="one size"):
        run(oracle(model(APART, HALF), [(Image(np.eye(9), "yx", name="small"), truth)]))
    with pytest.raises(BadArgument, match="made for"):
        run(oracle(model(APART, HALF), [(Image(np.zeros((2, *TRUTH.shape)), "cyx"), truth)]))
    with pytest.raises(BadArgument):
        run(oracle(model(APART, HALF), []))


def test_pieces_are_joined_as_in_a_result() -> None:
    first = np.argwhere(TRUTH == 1)[0]
    place = np.stack([APART * TRUTH, 0 * TRUTH]).astype(float)
    place[1][tuple(first)] = 99  # a corner of an object lies elsewhere in the embedding
    for share, n in ((0.0, 4), (0.5, 3)):
        rows = asked(stub(Fixed(place, TRUTH > 0), join_share=share), TRUTH)
        assert rows[ROWS[0]].pooled.n_found == n
