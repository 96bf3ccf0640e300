"""Correcting a result in the real napari: merge, split, delete, accept, undo, and what is locked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from napari.layers import Labels
from qtpy.QtWidgets import QApplication

from napari_discern.errors import BadArgument
from napari_discern.gui.layers.edits import ObjectEdits
from napari_discern.gui.layers.planes import Planes
from napari_discern.gui.layers.review import ACCEPTED, CORRECTED, DELETED, RECIPE, Review
from napari_discern.gui.segment.review_buttons import FRAME, KEYS, ReviewButtons
from napari_discern.gui.work.session import Session

START = np.array([
    [1, 1, 1, 0, 2, 2],
    [1, 1, 1, 0, 2, 2],
    [0, 0, 0, 0, 0, 0],
    [3, 3, 3, 3, 3, 3],
    [3, 3, 3, 3, 3, 3],
])  # fmt: skip


@pytest.fixture
def layer(viewer: Any) -> Any:
    layer = viewer.add_labels(START.copy(), name="objects")
    layer.features = pd.DataFrame({"index": [1, 2, 3], "score": [0.9, 0.2, 0.6]})
    layer.metadata[RECIPE] = {}
    return layer


@pytest.fixture
def correct(viewer: Any, layer: Any, qtbot: Any) -> ReviewButtons:
    correct = ReviewButtons(Session(viewer))
    qtbot.addWidget(correct)
    correct.follow(layer)
    return correct


def work(correct: ReviewButtons) -> ObjectEdits:
    assert correct.edits is not None
    return correct.edits


def press(correct: ReviewButtons, name: str) -> None:
    correct.buttons[name].click()


def drag(layer: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A press, a move and a release of the mouse on the layer, as napari hands them on."""
    event = SimpleNamespace(type="mouse_press", position=start)
    running = [callback(layer, event) for callback in list(layer.mouse_drag_callbacks)]
    for steps in running:
        if hasattr(steps, "__next__"):
            next(steps)
    for kind, place in (("mouse_move", end), ("mouse_release", end)):
        event.type, event.position = kind, place
        for steps in running:
            if hasattr(steps, "__next__"):
                next(steps, None)


def test_the_most_doubtful_comes_first(correct: ReviewButtons, layer: Any) -> None:
    chosen = []
    for _ in range(4):
        press(correct, "next")
        chosen.append(layer.selected_label)
    assert chosen == [2, 3, 1, 2]
    assert "Object 2, score 0.20" in correct.message.text


def test_next_flies_there(correct: ReviewButtons, viewer: Any) -> None:
    press(correct, "next")
    assert np.allclose(viewer.scene.camera.center[-2:], (0.5, 4.5))


def test_what_is_accepted_is_locked_and_counted(correct: ReviewButtons, layer: Any) -> None:
    press(correct, "next")
    press(correct, "accept")
    assert layer.metadata[ACCEPTED] == [2]
    assert layer.features[ACCEPTED].tolist() == [False, True, False]
    assert correct.count.text() == "1 of 3 checked"
    assert layer.selected_label == 3  # on to the next
    for name in ("delete", "merge", "split"):
        layer.selected_label = 2
        press(correct, name)
        assert "locked" in correct.message.text
    assert np.array_equal(layer.data, START)
    layer.selected_label = 2
    press(correct, "accept")
    press(correct, "delete")
    assert 2 not in layer.data


def test_two_clicks_merge(correct: ReviewButtons, layer: Any) -> None:
    layer.selected_label = 1
    press(correct, "merge")
    drag(layer, (0, 5), (0, 5))
    assert np.array_equal(layer.data, np.where(START == 2, 1, START))
    assert layer.mouse_pan
    press(correct, "undo")
    assert np.array_equal(layer.data, START)


def test_a_line_splits(correct: ReviewButtons, layer: Any) -> None:
    layer.selected_label = 3
    press(correct, "split")
    drag(layer, (2, 1.5), (5, 1.5))
    parts = layer.data[3:]
    assert set(np.unique(parts)) == {3, 4}
    assert (parts[:, :2] == 4).all()
    assert (parts[:, 2:] == 3).all()
    press(correct, "undo")
    assert np.array_equal(layer.data, START)


def test_a_line_beside_the_object_changes_nothing(correct: ReviewButtons, layer: Any) -> None:
    layer.selected_label = 3
    press(correct, "split")
    drag(layer, (0, 0), (0, 5))
    assert "does not cross" in correct.message.text
    assert np.array_equal(layer.data, START)


def test_a_click_beside_all_objects_changes_nothing(correct: ReviewButtons, layer: Any) -> None:
    layer.selected_label = 1
    press(correct, "merge")
    drag(layer, (2, 3), (2, 3))
    assert "no object at that place" in correct.message.text
    assert np.array_equal(layer.data, START)


def test_each_step_is_taken_back_in_turn(correct: ReviewButtons, layer: Any) -> None:
    layer.selected_label = 1
    press(correct, "delete")
    layer.selected_label = 3
    press(correct, "accept")
    press(correct, "undo")
    assert layer.metadata[ACCEPTED] == []
    press(correct, "undo")
    assert np.array_equal(layer.data, START)
    press(correct, "undo")
    assert "nothing to take back" in correct.message.text


def test_a_volume_is_split_through_all_slices(viewer: Any, qtbot: Any) -> None:
    layer = viewer.add_labels(np.ones((3, 4, 6), int), name="volume")
    correct = ReviewButtons(Session(viewer))
    qtbot.addWidget(correct)
    correct.follow(layer)
    work(correct).split(1, np.array([-1.0, 2.5]), np.array([5.0, 2.5]))
    assert (layer.data[:, :, 3:] != layer.data[:, :, :3]).all()
    assert set(np.unique(layer.data)) == {1, 2}


def test_every_step_has_a_key_and_a_tip(correct: ReviewButtons, layer: Any) -> None:
    for name, (key, _, about) in KEYS.items():
        assert about in correct.buttons[name].toolTip()
        assert any(str(bound).replace("+", "-").upper() == key.upper() for bound in layer.keymap), key


def test_without_a_result_nothing_can_be_pressed(viewer: Any, qtbot: Any) -> None:
    correct = ReviewButtons(Session(viewer))
    qtbot.addWidget(correct)
    assert not any(button.isEnabled() for button in correct.buttons.values())


def test_a_layer_that_is_gone_is_told(correct: ReviewButtons, viewer: Any) -> None:
    viewer.layers.clear()
    press(correct, "next")
    assert "no result to correct" in correct.message.text


def test_next_begins_with_the_worst_whatever_napari_has_chosen(correct: ReviewButtons, layer: Any) -> None:
    layer.features = pd.DataFrame({"index": [1, 2, 3], "score": [0.5, 0.2, 0.9]})
    assert layer.selected_label == 1
    press(correct, "next")
    assert layer.selected_label == 2


def test_what_was_skipped_is_come_back_to_after_the_rest(correct: ReviewButtons, layer: Any) -> None:
    press(correct, "next")
    press(correct, "next")
    press(correct, "accept")  # object 3; 2 was skipped
    assert layer.selected_label == 1
    press(correct, "accept")
    assert layer.selected_label == 2
    press(correct, "accept")
    assert "All objects are checked" in correct.message.text


def test_next_frames_the_object_and_makes_its_layer_hear_the_keys(
    correct: ReviewButtons, layer: Any, viewer: Any
) -> None:
    viewer.layers.selection.active = viewer.add_image(np.zeros(START.shape))
    press(correct, "next")
    assert viewer.layers.selection.active is layer
    (corners,) = viewer.layers[FRAME].data
    assert (corners.min(axis=0) < (0, 4)).all()
    assert (corners.max(axis=0) > (1, 5)).all()
    press(correct, "next")
    (corners,) = viewer.layers[FRAME].data
    assert corners.min(axis=0)[0] > 1


def test_all_that_are_left_are_accepted_at_once(correct: ReviewButtons, layer: Any) -> None:
    layer.selected_label = 1
    press(correct, "delete")
    press(correct, "all")
    assert layer.metadata[ACCEPTED] == [2, 3]
    press(correct, "undo")
    assert layer.metadata[ACCEPTED] == []


def test_undo_leaves_alone_what_was_painted_since(correct: ReviewButtons, layer: Any) -> None:
    layer.selected_label = 3
    press(correct, "split")
    drag(layer, (2, 1.5), (5, 1.5))
    layer.data_setitem((np.array([2, 3]), np.array([0, 0])), 7)  # a brush, also over the part split off
    press(correct, "undo")
    expected = START.copy()
    expected[[2, 3], [0, 0]] = 7
    assert np.array_equal(layer.data, expected)


def test_the_brush_does_not_touch_what_is_accepted(correct: ReviewButtons, layer: Any, qtbot: Any) -> None:
    layer.selected_label = 2
    press(correct, "accept")
    layer.selected_label = 9
    layer.paint((0, 4), 9)
    qtbot.waitUntil(lambda: bool((layer.data[START == 2] == 2).all()))
    assert "Object 2 was accepted and is locked" in correct.message.text
    assert 9 in layer.data
    layer.selected_label = 2
    layer.paint((4, 0), 2)
    qtbot.waitUntil(lambda: np.array_equal(layer.data == 2, START == 2))
    press(correct, "accept")  # unlocked
    layer.selected_label = 8
    layer.paint((0, 4), 8)
    QApplication.processEvents()
    assert (layer.data[START == 2] == 8).all()


def test_the_table_has_a_row_for_each_object_that_is_there(correct: ReviewButtons, layer: Any) -> None:
    layer.features = pd.DataFrame({"index": [1, 2, 3], "area": [6, 4, 12], "score": [0.9, 0.2, 0.6]})
    layer.selected_label = 1
    press(correct, "delete")
    assert layer.features["index"].tolist() == [2, 3]
    layer.selected_label = 3
    press(correct, "split")
    drag(layer, (2, 1.5), (5, 1.5))
    assert layer.features.set_index("index")["area"].to_dict() == {2: 4, 3: 8, 4: 4}
    press(correct, "undo")
    press(correct, "undo")
    assert layer.features.set_index("index")["score"].to_dict() == {1: 0.9, 2: 0.2, 3: 0.6}


def test_what_was_corrected_and_deleted_is_noted_and_taken_back(correct: ReviewButtons, layer: Any) -> None:
    work(correct).merge(1, 2)
    layer.selected_label = 3
    press(correct, "delete")
    assert layer.metadata[CORRECTED] == [1]
    (where,) = layer.metadata[DELETED]
    assert np.array_equal(np.stack(where), np.stack(np.nonzero(START == 3)))
    press(correct, "undo")
    press(correct, "undo")
    assert Review.of(layer) == Review()


def test_what_a_person_knows_is_what_was_accepted_corrected_or_added(layer: Any) -> None:
    layer.metadata[RECIPE] = {"objects": 3}
    Review(frozenset({1}), frozenset({3})).note(layer)
    assert Review.of(layer).known(layer, [1, 2, 3, 4]) == {1, 3, 4}


def test_an_object_is_given_other_pixels_but_for_those_of_others(correct: ReviewButtons, layer: Any) -> None:
    wanted = np.zeros(START.shape, bool)
    wanted[1:4, 1:5] = True
    assert work(correct).reshape(1, np.nonzero(wanted)) == 1
    assert np.array_equal(layer.data == 1, wanted & np.isin(START, [0, 1]))
    assert np.array_equal(layer.data[layer.data != 1], START[layer.data != 1] * (START[layer.data != 1] != 1))
    assert layer.metadata[CORRECTED] == [1]
    press(correct, "undo")
    assert np.array_equal(layer.data, START)
    with pytest.raises(BadArgument, match="other objects have all"):
        work(correct).reshape(1, np.nonzero(START == 3))


def test_a_split_follows_the_axes_that_are_shown(viewer: Any, qtbot: Any) -> None:
    """With z to the right, a line at one z cuts there."""
    layer = viewer.add_labels(np.ones((8, 4, 6), int), name="volume")
    viewer.dims.order = (1, 2, 0)
    correct = ReviewButtons(Session(viewer))
    qtbot.addWidget(correct)
    correct.follow(layer)
    layer.selected_label = 1
    press(correct, "split")
    drag(layer, (2.5, 0, -1), (2.5, 0, 7))
    assert (layer.data[:3] != layer.data[3:4]).all()
    assert len(np.unique(layer.data[3:])) == 1


def test_waiting_for_a_click_can_be_given_up(correct: ReviewButtons, layer: Any) -> None:
    layer.selected_label = 1
    press(correct, "merge")
    assert not layer.mouse_pan
    correct.cancel()
    assert layer.mouse_pan
    drag(layer, (0, 5), (0, 5))
    assert np.array_equal(layer.data, START)


def test_keys_are_given_back(correct: ReviewButtons, layer: Any) -> None:
    assert all(key in {str(k) for k in layer.keymap} for key in ("N", "A"))
    heard = len(layer.events.paint.callbacks)
    correct.release()
    assert not any(callable(layer.keymap.get(k)) for k in layer.keymap if str(k) in {"N", "A", "Z", "X"})
    assert len(layer.events.paint.callbacks) == heard - 1
    assert not any("ReviewButtons" in str(callback) for callback in layer.events.set_data.callbacks)


def test_the_frame_lies_where_the_layer_does(correct: ReviewButtons, viewer: Any) -> None:
    press(correct, "next")
    moved = viewer.add_labels(START.copy(), name="moved", translate=(100, 200), scale=(2, 2))
    moved.features = pd.DataFrame({"index": [1, 2, 3], "score": [0.9, 0.2, 0.6]})
    correct.follow(moved)
    press(correct, "next")
    frame = viewer.layers[FRAME]
    low = frame.data_to_world(frame.data[0].min(axis=0))
    assert np.allclose(low, np.array([100, 200]) + 2 * np.array([-1.5, 2.5]))


def test_redo_does_not_get_round_the_lock(correct: ReviewButtons, layer: Any, qtbot: Any) -> None:
    layer.data_setitem((np.array([2, 2]), np.array([4, 5])), 2)
    layer.undo()
    layer.selected_label = 2
    press(correct, "accept")
    layer.selected_label = 2
    layer.redo()
    qtbot.waitUntil(lambda: np.array_equal(layer.data == 2, START == 2))


def test_an_accepted_object_does_not_grow_in_another_plane(viewer: Any, qtbot: Any) -> None:
    front, behind = (viewer.add_labels(data) for data in (START.copy(), 0 * START))
    Planes([front, behind])
    correct = ReviewButtons(Session(viewer))
    qtbot.addWidget(correct)
    correct.follow(front)
    front.selected_label = 2
    work(correct).toggle({2})
    behind.data_setitem((np.array([2]), np.array([2])), 2)
    qtbot.waitUntil(lambda: not behind.data.any())
    assert np.array_equal(front.data, START)


def test_what_naparis_undo_brings_back_is_in_the_queue_again(correct: ReviewButtons, layer: Any) -> None:
    layer.selected_label = 2
    press(correct, "delete")
    layer.undo()
    assert 2 in work(correct).order()


@given(labels=hnp.arrays(np.int64, (2, 4, 5), elements=st.integers(0, 4)))
@settings(deadline=None)
def test_all_objects_are_found_in_one_pass(labels: np.ndarray) -> None:
    planes = Planes([Labels(plane) for plane in labels])
    found = planes.find_all({1, 2, 3})
    for label in (1, 2, 3):
        layer, where = planes.find(label)
        assert (label in found) == bool(len(where[0]))
        if label in found:
            assert found[label][0] is layer
            assert np.array_equal(np.stack(found[label][1]), np.stack(where))
