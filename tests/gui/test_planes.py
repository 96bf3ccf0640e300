"""Results whose objects share pixels, in the real napari: layers that behave as one, lessons from several layers."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from napari.layers import Labels

from napari_discern.errors import BadArgument
from napari_discern.gui.dock import Dock
from napari_discern.gui.layers.labels import read_labels
from napari_discern.gui.layers.planes import Planes
from napari_discern.gui.layers.review import Review
from napari_discern.gui.train.lesson import from_layers
from napari_discern.gui.work.found import Found
from napari_discern.instances import Instances
from napari_discern.model import Embedded

pytestmark = pytest.mark.usefixtures("own")

ELEMENTS = np.zeros((2, 30, 40), np.uint32)
ELEMENTS[0, 4:20, 4:20] = 1
ELEMENTS[0, 22:28, 2:12] = 3
ELEMENTS[0, 10:26, 20:34] = 2
ELEMENTS[1, 10:20, 14:20] = 2
"""Two squares that share a part, and one by itself."""
MASKS = [(ELEMENTS == k).any(axis=0) for k in (1, 2, 3)]


def embedded() -> Embedded:
    place = torch.from_numpy(5.0 * ELEMENTS.astype(np.float32))
    count = torch.from_numpy((ELEMENTS > 0).sum(axis=0))
    sure = torch.stack([count == k for k in range(3)]).float() * 0.98 + 0.01
    return Embedded(torch.stack([place, torch.zeros_like(place)]), sure)


@pytest.fixture
def dock(dock: Dock, show_found: Any) -> Dock:
    show_found(MASKS[0], "pair", embedded())
    return dock


@pytest.fixture
def planes(dock: Dock) -> Planes:
    assert dock.shared.result is not None
    return Planes.of(dock.shared.result)


def masks_in(planes: Planes) -> set[bytes]:
    return {(planes.data == label).any(axis=0).tobytes() for label in planes.ids()}


def test_each_plane_is_a_layer_and_no_object_is_cut(viewer: Any, planes: Planes) -> None:
    assert [layer.name for layer in planes.layers] == ["pair objects", "pair objects, behind"]
    assert all(layer in viewer.layers for layer in planes.layers)
    assert masks_in(planes) == {mask.tobytes() for mask in MASKS}
    assert planes.layers[1].contour > 0
    assert set(planes.front.features["overlap_area"]) == {0, 60}


def test_what_is_chosen_in_one_is_chosen_in_all(planes: Planes) -> None:
    planes.layers[1].selected_label = 2
    assert [layer.selected_label for layer in planes.layers] == [2, 2]
    planes.front.selected_label = 3
    assert [layer.selected_label for layer in planes.layers] == [3, 3]


def test_an_object_is_deleted_from_whatever_plane_and_comes_back(dock: Dock, planes: Planes) -> None:
    before = planes.data
    for label in planes.ids():
        planes.front.selected_label = label
        dock.segment.review.buttons["delete"].click()
        assert planes.ids() == {1, 2, 3} - {label}
        dock.segment.review.buttons["undo"].click()
        assert np.array_equal(planes.data, before)


def test_objects_of_two_planes_are_merged_into_one(dock: Dock, planes: Planes) -> None:
    before = planes.data
    one, other = (next(k for k in planes.ids() if ((before == k).any(axis=0) == mask).all()) for mask in MASKS[:2])
    dock.segment.review.edits.merge(one, other)
    assert masks_in(planes) == {(MASKS[0] | MASKS[1]).tobytes(), MASKS[2].tobytes()}
    dock.segment.review.buttons["undo"].click()
    assert np.array_equal(planes.data, before)


def test_where_no_plane_has_room_merging_is_refused(dock: Dock, planes: Planes) -> None:
    before = planes.data
    one, other = (next(k for k in planes.ids() if ((before == k).any(axis=0) == mask).all()) for mask in MASKS[:2])
    planes.find(one)[0].data[22, 30], planes.find(other)[0].data[6, 6] = 7, 8
    with pytest.raises(BadArgument, match="lies between the two"):
        dock.segment.review.edits.merge(one, other)


def test_a_slider_fills_the_same_layers(dock: Dock, planes: Planes, viewer: Any, qtbot: Any) -> None:
    count = len(viewer.layers)
    with qtbot.waitSignal(dock.segment.live.idle, timeout=20_000):
        dock.segment.sliders.sliders["min_size"].setValue(100)
    assert len(viewer.layers) == count
    assert planes.ids() == {1, 2}


def test_layers_that_were_painted_on_are_kept(dock: Dock, planes: Planes, viewer: Any) -> None:
    planes.layers[1].data_setitem((np.array([0]), np.array([0])), 9)
    found = dock.shared.found
    assert found is not None
    dock.segment.show_found(found)
    assert len(viewer.layers) == 5
    assert planes.layers[1].data[0, 0] == 9


def test_the_planes_are_read_as_one(planes: Planes) -> None:
    for layer in planes.layers:
        found = read_labels(layer)
        assert {(found.planes == k).any(axis=0).tobytes() for k in (1, 2, 3)} == {mask.tobytes() for mask in MASKS}


def test_they_are_a_lesson_together(viewer: Any, planes: Planes) -> None:
    Review(frozenset(planes.ids())).note(planes.front)
    lesson = from_layers(viewer.layers["pair"], planes.front, 2)
    ((_, truth),) = lesson.pairs
    assert truth.coverage.tolist() == [1200 - truth.foreground.sum(), truth.foreground.sum() - 60, 60]
    assert lesson.shared == 60 / truth.foreground.sum()


def test_a_covered_part_is_painted_in_a_layer_of_its_own(viewer: Any, dock: Dock) -> None:
    """Two layers that are selected together are planes: an id is one object in both."""
    front = viewer.add_labels(ELEMENTS[0].astype(int), name="cells")
    behind = viewer.add_labels(ELEMENTS[1].astype(int), name="cells behind")
    panel = dock.train
    panel.image.layer, panel.labels.layer = viewer.layers["pair"], front
    viewer.layers.selection = {front, behind}
    panel.lessons.add_layers()
    ((_, truth),), _ = panel.lessons.list.data()
    assert {(truth.planes == k).any(axis=0).tobytes() for k in (1, 2, 3)} == {mask.tobytes() for mask in MASKS}
    assert "of that shared" in panel.lessons.list.list.topLevelItem(0).text(2)


def test_slices_with_and_without_shared_pixels_stack(viewer: Any, dock: Dock) -> None:
    wish, flat = dock.segment.wish(), Instances(ELEMENTS[:1].copy())
    both = Instances.from_layers(ELEMENTS)
    stack = viewer.add_image(np.zeros((2, 30, 40)), name="stack")
    dock.segment.image.layer = stack
    wish = dock.segment.wish()
    found = Found(wish, wish.recipe, (flat, both), None)
    assert found.planes.shape == (2, 2, 30, 40)
    assert np.array_equal(found.planes[0, 0], ELEMENTS[0])
    assert set(np.unique(found.planes[:, 1])) == {0, 4, 5, 6}
    assert found.table["index"].tolist() == [1, 2, 3, 4, 5, 6]


def test_more_planes_make_more_layers_and_fewer_fewer(dock: Dock, planes: Planes, viewer: Any) -> None:
    """Sliders may bring objects to share pixels, or not to; layers do not pile up."""
    found, wish = dock.shared.found, dock.segment.wish()
    assert found is not None
    flat = Found(found.wish, wish.recipe, (Instances(ELEMENTS[:1].copy()),), None)
    count = len(viewer.layers)
    for _ in range(2):
        dock.segment.show_found(flat)
        assert len(viewer.layers) == count - 1
        dock.segment.show_found(found)
        assert len(viewer.layers) == count
    assert dock.shared.result is planes.front


def test_a_plane_that_was_removed_is_out_of_the_result(dock: Dock, planes: Planes, viewer: Any) -> None:
    left = planes.ids() - {int(k) for k in np.unique(planes.layers[1].data)}
    viewer.layers.remove(planes.layers[1])
    found = read_labels(planes.front, viewer=viewer)
    assert found.n == len(left)
    dock.segment.review.buttons["next"].click()
    assert "Object" in dock.segment.review.message.text


def test_layers_are_not_kept_alive() -> None:
    layer = Labels(ELEMENTS[0].astype(int))  # in no viewer: its controls may keep it longer than we do
    Planes.of(layer)
    alive = weakref.ref(layer)
    del layer
    gc.collect()
    assert alive() is None


def test_undo_of_a_merge_that_changed_nothing_leaves_the_rest(dock: Dock, viewer: Any) -> None:
    outer, inner = np.zeros((20, 20), int), np.zeros((20, 20), int)
    outer[2:18, 2:18], inner[5:9, 5:9] = 1, 2
    planes = Planes([viewer.add_labels(outer.copy()), viewer.add_labels(inner)])
    correct = dock.segment.review
    correct.follow(planes.front)
    planes.front.data_setitem((np.array([0]), np.array([0])), 1)
    correct.edits.merge(1, 2)
    assert planes.ids() == {1}
    correct.buttons["undo"].click()
    assert planes.ids() == {1, 2}
    assert planes.front.data[0, 0] == 1


def test_a_base_of_one_object_a_pixel_is_refused_for_such_lessons(viewer: Any, planes: Planes, dock: Dock) -> None:
    panel = dock.train
    panel.image.layer, panel.labels.layer = viewer.layers["pair"], planes.front
    Review(frozenset(planes.ids())).note(planes.front)
    panel.how.base.setCurrentIndex(panel.how.base.findData("nuclei"))
    panel.lessons.add_layers()
    panel.start.click()
    assert "objects share pixels, which 'nuclei' cannot learn" in panel.message.text
    assert not dock.session.work.busy


def test_a_plane_removed_by_hand_does_not_stop_the_next_result(dock: Dock, planes: Planes, viewer: Any) -> None:
    found = dock.shared.found
    viewer.layers.remove(planes.layers[1])
    flat = Found(found.wish, found.recipe, (Instances(ELEMENTS[:1].copy()),), found.embedded)
    dock.segment.show_found(flat.ready())
    assert dock.shared.result in viewer.layers
    assert np.array_equal(dock.shared.result.data > 0, ELEMENTS[0] > 0)
