"""The panel Explore, in the real napari, on an embedding that is known."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from napari.utils.interactions import mouse_wheel_callbacks

from napari_discern.clustering import SeedMap, margins, similarity
from napari_discern.gui.dock import Dock
from napari_discern.gui.explore import proposing as proposing_module
from napari_discern.gui.explore.known import Known
from napari_discern.gui.explore.panel import ExplorePanel
from napari_discern.gui.explore.proposing import Choice
from napari_discern.gui.layers.planes import Planes
from napari_discern.gui.work.found import Found
from napari_discern.model import Embedded

pytestmark = pytest.mark.usefixtures("own")
PANEL = "explore"

TRUTH = np.zeros((30, 40), np.uint32)
TRUTH[2:12, 2:14], TRUTH[2:12, 20:36], TRUTH[18:28, 8:30] = 1, 2, 3
EMBEDDING = np.zeros((4, 30, 40), np.float32)
EMBEDDING[0], EMBEDDING[1] = 4.0 * TRUTH, 0.02 * np.indices(TRUTH.shape)[1]


@pytest.fixture
def dock(dock: Dock, show_found: Any) -> Dock:
    sure = torch.from_numpy(np.where(TRUTH > 0, 0.95, 0.05).astype(np.float32))
    embedded = Embedded(torch.from_numpy(EMBEDDING), torch.stack([1 - sure, sure]))
    show_found(TRUTH, "known", embedded)
    assert np.array_equal(dock.shared.result.data > 0, TRUTH > 0)
    return dock


def shown(viewer: Any, name: str) -> np.ndarray:
    return np.asarray(viewer.layers[name].data)


def click(viewer: Any, place: tuple[float, float]) -> None:
    event = SimpleNamespace(type="mouse_press", position=place, modifiers=[])
    running = [callback(viewer, event) for callback in viewer.mouse_drag_callbacks]
    event.type = "mouse_release"
    for steps in [s for s in running if hasattr(s, "__next__")]:
        next(steps, None)
        next(steps, None)


def hover(viewer: Any, place: tuple[float, float]) -> None:
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, SimpleNamespace(type="mouse_move", position=place))


def turn(viewer: Any, delta: float) -> Any:
    event = SimpleNamespace(type="mouse_wheel", delta=(0, delta), handled=False, modifiers=[])
    mouse_wheel_callbacks(viewer, event)
    return event


@pytest.mark.parametrize("way", [1, 2])
def test_the_embedding_as_colours(panel: ExplorePanel, viewer: Any, way: int) -> None:
    panel.looking.colours.setCurrentIndex(way)
    picture = shown(viewer, "embedding").astype(int)
    means = [picture[TRUTH == k].mean(axis=0) for k in (1, 2, 3)]
    assert min(np.abs(means[a] - means[b]).max() for a, b in ((0, 1), (0, 2), (1, 2))) > 40
    panel.looking.colours.setCurrentIndex(0)
    assert "embedding" not in viewer.layers


def test_what_is_like_the_pixel_under_the_cursor(panel: ExplorePanel, viewer: Any) -> None:
    hover(viewer, (5, 25))
    assert "similarity" not in viewer.layers
    panel.looking.alike.setChecked(True)
    for place in ((5, 25), (20, 10)):
        hover(viewer, place)
        np.testing.assert_allclose(shown(viewer, "similarity"), similarity(EMBEDDING, place))
    panel.looking.alike.setChecked(False)
    assert "similarity" not in viewer.layers


def test_where_it_is_ambiguous(panel: ExplorePanel, dock: Dock, viewer: Any) -> None:
    panel.looking.doubt.setChecked(True)
    expected = margins(EMBEDDING, dock.shared.result.data.astype(np.uint32)).ambiguity
    np.testing.assert_allclose(shown(viewer, "ambiguity"), expected, atol=1e-6)
    assert "Most worth labelling next" in panel.message.text


def test_a_click_grows_an_object_the_wheel_makes_it_larger_and_enter_keeps_it(
    panel: ExplorePanel, dock: Dock, viewer: Any
) -> None:
    result = dock.shared.result
    result.data_setitem(np.nonzero(TRUTH == 2), 0)
    panel.growing.grow.setChecked(True)
    click(viewer, (5, 25))
    assert np.array_equal(shown(viewer, "growing") > 0, TRUTH == 2)
    for _ in range(30):
        assert turn(viewer, -1).handled
    assert 0 < (shown(viewer, "growing") > 0).sum() < (TRUTH == 2).sum()
    for _ in range(30):
        turn(viewer, 1)
    assert np.array_equal(shown(viewer, "growing") > 0, TRUTH == 2)
    panel.kept.click()
    assert np.array_equal(result.data > 0, TRUTH > 0)
    assert "growing" not in viewer.layers
    result.undo()
    assert not result.data[TRUTH == 2].any()


def test_a_loop_around_points_lights_up_their_pixels(panel: ExplorePanel, viewer: Any) -> None:
    panel.refresh()
    places = panel.looking.scatter.places[panel.looking.scatter.owners == panel.looking.scatter.owners[0]]
    low, high = places.min(axis=0) - 0.5, places.max(axis=0) + 0.5
    panel.looking.scatter.view.drawn.emit(np.array([low, (low[0], high[1]), high, (high[0], low[1])]))
    lit = shown(viewer, "lasso") > 0
    assert np.array_equal(lit, TRUTH == TRUTH[lit][0])


def test_clicking_an_object_lights_up_its_points(panel: ExplorePanel, dock: Dock, viewer: Any) -> None:
    panel.refresh()
    click(viewer, (20, 10))
    label = dock.shared.result.data[20, 10]
    assert len(panel.looking.scatter.bright.data) == (panel.looking.scatter.owners == label).sum() > 0


def test_seeds_are_points_that_can_be_taken_away_and_set(panel: ExplorePanel, dock: Dock, viewer: Any) -> None:
    result = dock.shared.result
    panel.growing.seeds.setChecked(True)
    seeds = viewer.layers["seeds"]
    assert len(seeds.data) == 3
    labels = [int(result.data[tuple(p.astype(int))]) for p in seeds.data]
    assert sorted(labels) == [1, 2, 3]
    others = result.data.copy()
    seeds.selected_data = {labels.index(2)}
    seeds.remove_selected()
    gone = np.unique(others[~np.isin(others, np.unique(result.data))])
    assert gone.tolist() == [2]
    assert np.array_equal(result.data > 0, (others > 0) & (others != 2))
    place = np.argwhere(others == 2)[0].astype(float)
    seeds.add(place)
    assert np.array_equal(result.data > 0, others > 0)


def test_nothing_is_left_behind(dock: Dock, viewer: Any) -> None:
    before = len(viewer.mouse_drag_callbacks)
    dock.release()
    assert len(viewer.mouse_drag_callbacks) == before - 1
    assert dock.explore._hover not in viewer.mouse_move_callbacks


def test_without_a_result_there_is_nothing_to_explore(viewer: Any, qtbot: Any) -> None:
    dock = Dock(viewer)
    qtbot.addWidget(dock)
    dock.explore.looking.colours.setCurrentIndex(1)
    dock.explore.looking.doubt.setChecked(True)
    assert len(viewer.layers) == 0
    dock.explore.look.click()
    assert "no image" in dock.explore.message.text
    dock.release()


class TestSharedPixels:
    """Objects 1 and 2 share a strip; the second embedding there is that of object 2."""

    BOTH = np.zeros((2, 30, 40), np.uint32)
    BOTH[0, 4:24, 4:20], BOTH[1, 4:24, 16:34] = 1, 2

    @pytest.fixture
    def panel(self, dock: Dock, viewer: Any) -> ExplorePanel:
        both = self.BOTH
        first = np.where(both[0], 1, both[1])
        embedding = np.zeros((4, 2, 30, 40), np.float32)
        embedding[0] = 4.0 * np.stack([first, both[1]])
        count = (both > 0).sum(axis=0)
        probability = np.stack([np.where(count == k, 0.9, 0.05) for k in range(3)]).astype(np.float32)
        wish = dock.segment.wish()
        embedded = Embedded(torch.from_numpy(embedding), torch.from_numpy(probability))
        dock.segment.show_found(Found.of(wish, wish.recipe, embedded))
        return dock.explore

    def test_the_first_object_on_each_pixel_is_looked_at(self, panel: ExplorePanel, viewer: Any) -> None:
        panel.looking.alike.setChecked(True)
        hover(viewer, (10, 8))
        alike = shown(viewer, "similarity")
        assert (alike[self.BOTH[0] > 0] > 0.99).all()
        assert (alike[(self.BOTH[1] > 0) & (self.BOTH[0] == 0)] < 0.5).all()

    def test_points_are_coloured_by_the_object_that_has_them_to_itself(self, panel: ExplorePanel) -> None:
        labels = Known.of(panel.shared).labels
        assert [int((labels == k).sum()) for k in (1, 2)] == [20 * 12, 20 * 14]

    def test_nothing_is_changed_and_that_is_said(self, panel: ExplorePanel, dock: Dock, viewer: Any) -> None:
        before = [layer.data.copy() for layer in Planes.of(dock.shared.result).layers]
        for box in (panel.growing.grow, panel.growing.seeds):
            box.setChecked(True)
            click(viewer, (10, 8))
            assert "look at only" in panel.message.text
            assert "seeds" not in viewer.layers
            assert "growing" not in viewer.layers
        assert all((a == b.data).all() for a, b in zip(before, Planes.of(dock.shared.result).layers, strict=True))


def proposed(dock: Dock, qtbot: Any) -> Any:
    proposing = dock.explore.proposing
    with qtbot.waitSignal(proposing.live.idle):
        proposing.shown.setChecked(True)
    return proposing


def test_seeds_that_would_be_picked_are_points_the_surer_the_larger(dock: Dock, viewer: Any, qtbot: Any) -> None:
    proposing = proposed(dock, qtbot)
    points = viewer.layers["proposed seeds"]
    assert {int(TRUTH[tuple(p.astype(int))]) for p in points.data} == {1, 2, 3}
    masks = [proposing.masks.mask(Choice(k, tau)) for k, tau in enumerate(proposing.masks.tau)]
    side = np.median([mask.sum() for mask in masks]) ** 0.5
    assert np.allclose(points.size, side * (0.1 + 0.2 * proposing.masks.confidence))
    with qtbot.waitSignal(proposing.live.idle):
        proposing.number.setValue(2)
    assert len(points.data) == 2
    proposing.shown.setChecked(False)
    assert "proposed seeds" not in viewer.layers


def test_a_click_shows_the_masks_there_and_the_arrow_keys_the_others(
    dock: Dock, viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bandwidth = dock.segment.wish().recipe.cluster.reach
    monkeypatch.setattr(proposing_module, "REACHES", (1.0, 4.5 / bandwidth))  # the wider mask takes in a neighbour
    proposing = proposed(dock, qtbot)
    result = dock.shared.result
    click(viewer, (5, 5))
    assert np.array_equal(shown(viewer, "proposal") > 0, TRUTH == 1)
    masks = [proposing.masks.mask(k).tobytes() for k in proposing._over]
    assert len(set(masks)) == len(masks)  # each but once
    assert f"Proposal 1 of {len(masks)}" in proposing.message.text
    assert viewer.layers.selection.active is result
    press = {str(key): bound for key, bound in result.keymap.items()}
    press["Right"](result)
    assert "Proposal 2 of" in proposing.message.text
    assert np.array_equal(shown(viewer, "proposal") > 0, np.isin(TRUTH, [1, 2]))
    press["Left"](result)
    press["Left"](result)
    assert f"Proposal {len(masks)} of {len(masks)}" in proposing.message.text
    click(viewer, (15, 2))  # no object
    assert "No proposal lies there" in proposing.message.text
    assert "proposal" not in viewer.layers
    assert not any(callable(bound) for key, bound in result.keymap.items() if str(key) in {"Left", "Right"})


def test_a_proposal_becomes_the_object_that_was_clicked(dock: Dock, viewer: Any, qtbot: Any) -> None:
    proposed(dock, qtbot)
    result = dock.shared.result
    edits = dock.shared.edits
    label = int(result.data[5, 5])
    result.data_setitem(np.nonzero(TRUTH == 1), np.where(np.nonzero(TRUTH == 1)[1] > 6, 0, label))
    click(viewer, (5, 5))
    dock.explore.kept.click()
    assert np.array_equal(result.data == label, TRUTH == 1)
    assert label in edits.review.corrected
    edits.undo()
    assert not (result.data[2:12, 7:14] == label).any()
    result.data_setitem(np.nonzero(TRUTH == 2), 0)
    click(viewer, (5, 25))
    dock.explore.kept.click()
    assert len(np.unique(result.data[TRUTH == 2])) == 1
    assert result.data[5, 25] > 3


def test_a_locked_object_keeps_its_pixels(dock: Dock, viewer: Any, qtbot: Any) -> None:
    proposing = proposed(dock, qtbot)
    before = dock.shared.result.data.copy()
    dock.segment.review.edits.toggle({int(before[5, 5])})
    click(viewer, (5, 5))
    dock.explore.kept.click()
    assert "locked" in proposing.message.text
    assert np.array_equal(dock.shared.result.data, before)


def test_seediness_is_a_layer_where_the_model_has_it(dock: Dock, viewer: Any, qtbot: Any) -> None:
    proposing = dock.explore.proposing
    proposing.goodness.setChecked(True)
    assert "does not say which pixels are good seeds" in proposing.message.text
    found = dock.shared.found
    chance = torch.rand(2, 3, *TRUTH.shape)
    embedded = replace(found.embedded, seeds=SeedMap((0.5, 0.9), chance))
    dock.segment.show_found(Found.of(found.wish, found.recipe, embedded))
    dock.explore.refresh()
    assert np.allclose(shown(viewer, "seediness"), chance[:, 1:].amax((0, 1)).numpy())
    proposing.goodness.setChecked(False)
    assert "seediness" not in viewer.layers
