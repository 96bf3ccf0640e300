"""Colours and teaching of semantic classes, in the real napari."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from stubs import discs

from napari_discern.gui.dock import Dock
from napari_discern.gui.layers.planes import Planes
from napari_discern.gui.segment.class_colours import COLOURS, ClassColours
from napari_discern.gui.train.lesson import from_layers

pytestmark = pytest.mark.usefixtures("own")

LABELS = np.array([[1, 1, 0, 2], [0, 0, 0, 2], [3, 0, 5, 5]])
GREY = (128, 128, 128)


def hexadecimal(code: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(code[1:]))


def colours(layer: Any, *ids: int) -> list[tuple[int, ...]]:
    return [tuple(round(255 * float(x)) for x in layer.get_color(i)[:3]) for i in ids]


def table(**named: str) -> dict[str, list[Any]]:
    return {"index": [int(key[1:]) for key in named], "class": list(named.values())}


@pytest.fixture
def widget(qtbot: Any) -> ClassColours:
    made = ClassColours()
    qtbot.addWidget(made)
    return made


def test_objects_have_the_colour_of_their_class(viewer: Any, widget: ClassColours) -> None:
    layers = [viewer.add_labels(x, features=table(_1="leaf", _2="bud", _3="", _5="leaf")) for x in (LABELS, 0 * LABELS)]
    plain = [colours(layer, 1, 2, 3, 5) for layer in layers]
    Planes(layers)
    widget.follow(layers[0])
    assert not widget.isHidden()
    assert [colours(layer, 1, 2, 3, 5) for layer in layers] == plain
    widget.tick.setChecked(True)
    bud, leaf = map(hexadecimal, COLOURS[:2])  # by name
    for layer in layers:
        assert colours(layer, 1, 2, 3, 5) == [leaf, bud, GREY, leaf]
        assert layer.get_color(0) is None or layer.get_color(0)[3] == 0
    assert "bud" in widget.legend.text()
    for layer in layers:
        layer.features = table(_1="bud", _2="bud", _9="leaf")  # corrected
    assert [colours(layer, 1, 2, 9) for layer in layers] == 2 * [[bud, bud, leaf]]
    widget.tick.setChecked(False)
    assert [colours(layer, 1, 2, 3, 5) for layer in layers] == plain
    assert widget.legend.text() == ""


def test_without_classes_there_is_nothing_to_tick(viewer: Any, widget: ClassColours) -> None:
    layer = viewer.add_labels(LABELS, features={"index": [1, 2, 3, 5]})
    widget.tick.setChecked(True)
    plain = colours(layer, 1, 2, 3, 5)
    widget.follow(layer)
    assert widget.isHidden()
    assert colours(layer, 1, 2, 3, 5) == plain
    layer.features = table(_1="a", _2="b")
    assert not widget.isHidden()
    assert colours(layer, 1) == [hexadecimal(COLOURS[0])]
    other = viewer.add_labels(LABELS)
    widget.follow(other)
    assert colours(layer, 1, 2, 3, 5) == plain  # its own again


def test_results_of_segment_are_coloured_on_request(dock: Dock, viewer: Any, qtbot: Any) -> None:
    panel = dock.segment
    viewer.add_image(discs(1, 64, 5.0)[0][0].read()[0], name="discs")
    with qtbot.waitSignal(panel.session.work.ended, timeout=120_000):
        qtbot.mouseClick(panel.find, Qt.MouseButton.LeftButton)
    front: Any = panel.shared.result
    ids = list(front.features["index"])
    front.features = front.features.assign(**{"class": ["a", *["b"] * (len(ids) - 1)]})
    panel.classes.tick.setChecked(True)
    assert colours(front, *ids) == [hexadecimal(COLOURS[k > 0]) for k in range(len(ids))]
    panel.release()
    assert len(set(colours(front, *ids))) == len(ids)


@pytest.mark.parametrize("named", [True, False])
def test_a_second_layer_says_the_classes(viewer: Any, named: bool) -> None:
    """Object 2 lies on 4 and on nothing, 3 on nothing; 5 on 4 and 7, of which the lower counts."""
    image, labels = viewer.add_image(LABELS.astype(float)), viewer.add_labels(LABELS, name="objects")
    painted = np.array([[7, 7, 7, 4], [0, 0, 0, 0], [0, 7, 4, 7]])
    kinds = viewer.add_labels(painted, name="kinds", features=table(_4="bud", _7="leaf") if named else None)
    ((_, truth),) = from_layers(image, labels, 2, classes=kinds).pairs
    assert truth.classes is not None
    assert truth.classes.tolist() == (["leaf", "bud", "", "bud"] if named else ["7", "4", "", "4"])
    wrong = viewer.add_labels(painted[:2], name="wrong")
    with pytest.raises(ValueError, match="'wrong' has another shape"):
        from_layers(image, labels, 2, classes=wrong)


def test_the_panel_says_which_classes_are_learnt(dock: Dock, viewer: Any) -> None:
    panel = dock.train
    viewer.add_image(np.zeros((3, 4)), name="image")
    viewer.add_labels(LABELS, name="objects")
    kinds = viewer.add_labels((LABELS > 0) + (LABELS > 2).astype(int), name="kinds")
    panel.labels.layer, panel.lessons.classes.layer = viewer.layers["objects"], kinds
    panel.lessons.add_layers()
    assert "does not know the classes 1, 2" in panel.how.reasons.text()
    panel.how.base.setCurrentIndex(panel.how.base.findData(None))
    assert "Classes: 1, 2." in panel.how.reasons.text()
