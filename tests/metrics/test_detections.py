"""Detections: average precision, recall and calibration, against numbers worked out by hand and scikit-learn's way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_discern.metrics import (
    Detections,
    average_precision,
    average_recall,
    calibration,
    mean_average_precision,
    recall,
)


def seen(confidence: list[float], iou: list[list[float]], kind: object = 1, true_kind: object = 1) -> Detections:
    table = np.array(iou, float).reshape(len(confidence), -1 if iou else 0)
    kinds = (np.broadcast_to(k, n).astype(int) for k, n in zip((kind, true_kind), table.shape, strict=True))
    return Detections(np.array(confidence, float), table, *kinds)


def test_all_found_and_nothing_else_is_one():
    image = seen([0.9, 0.8], [[0.9, 0], [0, 0.7]])
    assert average_precision([image], 0.5) == 1
    assert average_precision([image], 0.8) == 0.5
    assert recall([image], 0.8) == 0.5


def test_precision_over_recall_by_hand():
    """Right, wrong, right, of four objects: precision 1 up to recall 1/4, then 2/3 up to 2/4."""
    image = seen([0.9, 0.8, 0.7], [[0.9, 0, 0, 0], [0.2, 0, 0, 0], [0, 0.6, 0, 0]])
    assert average_precision([image], 0.5) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)


def test_an_object_is_found_once():
    twice = seen([0.9, 0.8, 0.1], [[0.9, 0], [0.8, 0], [0, 0.9]])
    assert average_precision([twice], 0.5) == pytest.approx((1 + 2 / 3) / 2)


def test_what_lies_on_a_found_object_is_wrong_though_another_fits_too():
    image = seen([0.9, 0.8], [[0.9, 0], [0.7, 0.6]])
    assert average_precision([image], 0.5) == 0.5


def test_confidence_orders_over_all_images():
    sure, unsure = seen([0.4], [[0.9]]), seen([0.6], [[0.1]])
    assert average_precision([sure, unsure], 0.5) == pytest.approx(0.5 * 0.5)
    assert average_precision([seen([0.7], [[0.9]]), unsure], 0.5) == 0.5


def test_classes_are_scored_by_themselves():
    image = seen([0.9, 0.8], [[0.9, 0], [0, 0.9]], kind=[1, 1], true_kind=[1, 2])
    assert average_precision([image], 0.5, 1) == 1
    assert average_precision([image], 0.5, 2) == 0
    assert np.isnan(average_precision([image], 0.5, 3))
    assert mean_average_precision([image], 0.5) == 0.5
    assert recall([image], 0.5) == 1  # whatever the class


def test_recall_by_the_number_of_proposals():
    image = seen([0.1, 0.9], [[0.72, 0], [0, 0.52]])
    assert [recall([image.first(n)], 0.5) for n in (0, 1, 2)] == [0, 0.5, 1]
    assert average_recall([image]) == pytest.approx((1 + 4 * 0.5) / 10)  # above 0.5; above 0.55, 0.6, 0.65 and 0.7


def test_nothing_found_and_nothing_there():
    nothing, none_true = seen([], []), seen([0.5], [[]])
    assert np.isnan(average_precision([none_true], 0.5))
    assert np.isnan(mean_average_precision([], 0.5))
    assert np.isnan(recall([none_true], 0.5))
    missed = Detections(nothing.confidence, np.zeros((0, 3)), nothing.kind, np.ones(3, int))
    assert average_precision([missed], 0.5) == recall([missed], 0.5) == average_recall([missed]) == 0


def test_calibration_by_hand():
    """Two of four masks of 0.75 are good, and one of one of 0.05: gaps 0.25 and 0.95."""
    image = seen([0.75] * 4 + [0.05], [[0.9]] * 2 + [[0.1]] * 2 + [[0.6]])
    found = calibration([image])
    assert found.masks.tolist() == [1, 0, 0, 0, 0, 0, 0, 4, 0, 0]
    assert found.good[[0, 7]].tolist() == [1, 0.5]
    assert found.confidence[[0, 7]].tolist() == pytest.approx([0.05, 0.75])
    assert np.isnan(found.good[1])
    assert found.error == pytest.approx((0.25 * 4 + 0.95) / 5)
    assert calibration([seen([1.0], [[0.9]])]).error == 0
    assert calibration([seen([1.0], [[0.9]], kind=2)]).error == 1  # of another class
    assert calibration([]).error == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_as_the_sum_over_recalls(masks):
    """Where each right mask finds an object of its own: the mean over the objects of the best precision from there."""
    confidence, right = zip(*masks, strict=True)
    iou = np.diag(np.where(right, 0.9, 0.0))[:, np.array(right, bool)]
    if not any(right):
        iou = np.zeros((len(masks), 1))
    image = Detections(np.array(confidence), iou, np.ones(len(masks), int), np.ones(iou.shape[1], int))
    order = sorted(range(len(masks)), key=lambda k: -confidence[k])
    hits = [right[k] for k in order]
    precisions = [sum(hits[: k + 1]) / (k + 1) for k in range(len(hits))]
    expected = sum(max(precisions[k:]) for k in range(len(hits)) if hits[k]) / iou.shape[1]
    assert average_precision([image], 0.5) == pytest.approx(expected)
