"""Proposals: what the masks of seeds find of a picture whose objects are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from stubs import LINEAR, Fixed, stub

from napari_discern.clustering import Seeds
from napari_discern.errors import BadArgument
from napari_discern.evaluation import detections, score_proposals
from napari_discern.evaluation.proposals import ALPHAS, NUMBERS
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.progress import run

TRUTH = np.zeros((12, 20), np.uint32)
for number in range(12):
    TRUTH[(number // 4) * 4 : (number // 4) * 4 + 3, (number % 4) * 5 : (number % 4) * 5 + 4] = number + 1


def data(truth: np.ndarray = TRUTH) -> list[tuple[Image, Instances]]:
    return [(Image(np.zeros(truth.shape), "yx"), Instances.from_labels(truth))]


def model(truth: np.ndarray = TRUTH, **cluster: float):
    return stub(Fixed(np.stack([5.0 * truth, 0.0 * truth]), truth > 0), cluster=Seeds(**cluster), normalise=LINEAR)


def test_ten_seeds_find_ten_of_twelve_and_more_find_all():
    found = run(score_proposals(model(), data()))
    assert found.recall[10] == found.average_recall[10] == found.precision_by_number[10] == pytest.approx(10 / 12)
    assert all(found.recall[number] == found.precision_by_number[number] == 1 for number in NUMBERS[1:])
    assert found.precision == {a: {0.5: 1, 0.6: 1, 0.7: 1} for a in ALPHAS}
    assert found.calibration.error == pytest.approx(0)
    assert "10       0.833           0.833      0.833" in found.table()
    assert json.loads(found.to_json())["seeds"]["10"]["recall"] == pytest.approx(10 / 12)


def test_a_mask_of_two_objects_is_a_good_one_of_the_larger_or_of_none():
    """What the embedding says is one object has 12 of 18 pixels of one true object, 6 of the other."""
    pair = np.zeros((6, 12), np.uint32)
    pair[2:5, 1:5], pair[2:5, 5:7] = 1, 2
    found = run(score_proposals(model(np.minimum(pair, 1)), data(pair), numbers=[1]))
    assert found.recall[1] == 0.5
    assert found.average_recall[1] == pytest.approx(0.5 * 4 / 10)  # an IoU of 2/3
    assert found.precision[0.3] == {0.5: 0.5, 0.6: 0.5, 0.7: 0}


def test_a_pixel_of_two_layers_counts_once():
    both = np.ones((2, 4, 4), bool)
    proposals = Seeds(proposals=1).propose(np.zeros((2, 2, 4, 4), np.float32), both)
    assert detections(proposals, Instances.from_labels(np.ones((4, 4), np.uint32))).iou.tolist() == [[1.0]]


def test_an_image_without_objects_counts_for_what_is_found_in_it():
    empty = np.zeros_like(TRUTH)
    found = run(score_proposals(model(), [*data(empty), *data()]))
    assert found.recall[100] == 1
    assert found.precision[0.3][0.5] == 0.5
    nothing = run(score_proposals(model(), data(empty)))
    assert np.isnan(nothing.recall[10])
    assert json.loads(nothing.to_json())["seeds"]["10"]["recall"] is None


def test_no_image_is_refused():
    with pytest.raises(BadArgument, match="no labelled image"):
        run(score_proposals(model(), []))
