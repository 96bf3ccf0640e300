"""The panel Evaluate, in the real napari."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_discern.evaluation import oracle, verdict
from napari_discern.gui.evaluate.panel import FALSE, LAYER, MISSED, EvaluatePanel
from napari_discern.gui.work.session import Session
from napari_discern.gui.work.shared import Shared
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.metrics import score
from napari_discern.model import load_model
from napari_discern.progress import run
from napari_discern.synthetic import Cells

TRUTH = np.zeros((20, 30), int)
TRUTH[2:8, 2:8], TRUTH[2:8, 12:18], TRUTH[12:18, 22:28] = 1, 2, 3
FOUND = np.where(TRUTH == 2, 0, TRUTH) * 5
FOUND[12:16, 2:6] = 9


@pytest.fixture
def viewer(viewer: Any) -> Any:
    viewer.add_labels(FOUND, name="found")
    viewer.add_labels(TRUTH, name="truth")
    return viewer


@pytest.fixture
def panel(viewer: Any, qtbot: Any) -> EvaluatePanel:
    panel = EvaluatePanel(Shared(Session(viewer)))
    qtbot.addWidget(panel)
    panel.found.layer, panel.truth.layer = viewer.layers["found"], viewer.layers["truth"]
    return panel


def test_scores_are_those_of_the_core(panel: EvaluatePanel) -> None:
    panel.button.click()
    expected = score(Instances.from_labels(FOUND), Instances.from_labels(TRUTH))
    shown = {panel.scores.item(row, 0).text(): panel.scores.item(row, 1).text() for row in range(7)}
    assert shown["S(0.5)"] == f"{expected.S[0.5]:.3f}" == "0.500"
    assert shown["SBD"] == f"{expected.SBD:.3f}"
    assert shown["DiC"] == "+0"
    assert "3 true, 3 found: 1 missed, 1 false" in panel.message.text


def test_mistakes_are_outlined_and_listed_and_flown_to(panel: EvaluatePanel, viewer: Any) -> None:
    panel.button.click()
    marks = viewer.layers[LAYER]
    assert (marks.data[TRUTH == 2] == MISSED).all()
    assert (marks.data[FOUND == 9] == FALSE).all()
    assert (marks.data > 0).sum() == (TRUTH == 2).sum() + (FOUND == 9).sum()
    assert [panel.mistakes.item(row, 0).text() for row in range(2)] == ["missed", "false"]
    panel.mistakes.cellDoubleClicked.emit(0, 0)
    assert np.allclose(viewer.scene.camera.center[-2:], (4.5, 14.5))
    panel.button.click()
    assert len(viewer.layers) == 3


@pytest.mark.parametrize("case", ["the same", "another shape", "another place", "another scale", "none"])
def test_layers_that_cannot_be_compared_are_told(panel: EvaluatePanel, viewer: Any, case: str) -> None:
    if case == "the same":
        panel.truth.layer = viewer.layers["found"]
    elif case == "another shape":
        panel.truth.layer = viewer.add_labels(TRUTH[:10], name="half")
    elif case == "another place":
        panel.truth.layer = viewer.add_labels(TRUTH, name="moved", translate=(0, 6))
    elif case == "another scale":
        panel.truth.layer = viewer.add_labels(TRUTH, name="larger", scale=(2, 2))
    else:
        viewer.layers.clear()
    panel.button.click()
    assert panel.message.text.startswith("⚠")
    assert LAYER not in viewer.layers


def test_what_holds_a_model_back(panel: EvaluatePanel, viewer: Any, qtbot: Any) -> None:
    image, truth = Cells(size=160, fewest=12, most=16)(5)
    viewer.add_image(image.read()[0], name="cells")
    panel.shared.image = viewer.layers["cells"]
    panel.shared.models.pick("nuclei")
    panel.truth.layer = viewer.add_labels(truth.labels.astype(int), name="cells truth")
    with qtbot.waitSignal(panel.session.work.ended, timeout=120_000):
        panel.why.click()
    expected = run(oracle(load_model("nuclei"), [(Image(image.read()[0], "yx"), truth)]))
    assert {name: bar.format() for name, bar in panel.bars.bars.items()} == {
        name: f"{report.mean['S_mean']:.2f}" for name, report in expected.items()
    }
    assert panel.message.text == verdict(expected)


def test_why_asks_for_a_truth_of_the_images_size(panel: EvaluatePanel, viewer: Any) -> None:
    viewer.add_image(np.zeros((64, 64)), name="other")
    panel.shared.image = viewer.layers["other"]
    panel.why.click()
    assert "same pixels" in panel.message.text


def test_two_layers_are_picked_at_first(viewer: Any, qtbot: Any) -> None:
    panel = EvaluatePanel(Shared(Session(viewer)))
    qtbot.addWidget(panel)
    assert {panel.found.layer.name, panel.truth.layer.name} == {"found", "truth"}
    panel.found.layer = panel.truth.layer
    assert panel.truth.layer is not panel.found.layer


def test_its_own_layer_is_not_offered(panel: EvaluatePanel) -> None:
    panel.button.click()
    assert LAYER not in [panel.found.itemText(k) for k in range(panel.found.count())]
