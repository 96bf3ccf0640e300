"""Form: every parameter class goes through its controls and comes back as it was."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field
from stubs import values_of

from napari_discern.errors import BadArgument
from napari_discern.gui.widgets.form import Form, OrWord, tooltip
from napari_discern.params import Params, leaves
from napari_discern.segmentation import Recipe
from napari_discern.training import Training


class Round(Params):
    kind: Literal["round"] = "round"
    radius: float = Field(1e-4, gt=0)
    """Half across."""


class Square(Params):
    kind: Literal["square"] = "square"
    side: int = Field(3, ge=1, json_schema_extra={"unit": "px"})
    """Along one edge."""


class Shapes(Params):
    shape: Annotated[Round | Square, Field(discriminator="kind")] = Round()
    """What it looks like."""
    often: int | None = None
    """How many times."""
    size: Annotated[int, Field(ge=8)] | Literal["auto"] = "auto"
    """How large."""
    bold: bool = False
    """Whether it is bold."""
    note: str = ""
    """What to say."""


pytestmark = pytest.mark.usefixtures("qapp")


@pytest.mark.parametrize("params", [Recipe, Training, Shapes])
def test_defaults_come_back(params: type[Params]) -> None:
    start = params(model="nuclei") if params is Recipe else params()
    form: Form[Any] = Form(params)
    form.show(start)
    assert form.read() == start


@pytest.mark.parametrize("values", [
    {"shape": {"kind": "round", "radius": 3.14159265e-6}},
    {"shape": {"kind": "round", "radius": 123456.789}},
    {"shape": {"kind": "square", "side": 70000}},
    {"often": 0}, {"often": 12}, {"size": 8}, {"size": 100000}, {"bold": True}, {"note": "a, b"},
])  # fmt: skip
def test_values_come_back(values: dict[str, Any]) -> None:
    form = Form(Shapes)
    form.show(Shapes.from_dict(values))
    assert form.read() == Shapes.from_dict(values)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_of_a_training_comes_back(data: st.DataObject) -> None:
    leaf = data.draw(st.sampled_from([f for f in leaves(Training) if len(f.path) == 1 and f.path[0] != "steps"]))
    value = data.draw(values_of(leaf))
    if isinstance(value, float) and abs(value) < 1e-8:
        return
    start = Training.from_dict({leaf.path[0]: value})
    form = Form(Training)
    form.show(start)
    assert form.read().model_dump()[leaf.path[0]] == pytest.approx(start.model_dump()[leaf.path[0]], abs=1e-9)


def test_what_has_no_control_is_kept() -> None:
    form = Form(Shapes, only=("shape",))
    form.show(Shapes(often=4, note="kept"))
    assert form.read() == Shapes(often=4, note="kept")


def test_only_the_chosen_kind_is_shown() -> None:
    form = Form(Shapes)
    form.show(Shapes(shape=Square(side=5)))
    form.widget.show()
    names = {w.name for w in form.widget if w.visible}
    assert "shape.side" in names
    assert "shape.radius" not in names
    next(w for w in form.widget if w.name == "shape.kind").value = "round"
    assert "shape.radius" in {w.name for w in form.widget if w.visible}
    assert isinstance(form.read().shape, Round)
    form.widget.close()


def test_a_change_is_told() -> None:
    form, told = Form(Shapes), []
    form.changed.connect(lambda: told.append(1))
    next(w for w in form.widget if w.name == "note").value = "new"
    assert told


def test_each_control_says_what_it_is_for() -> None:
    for params in (Recipe, Training):
        for control in Form(params).widget:
            assert len(control.tooltip) > 10, control.name
    (side,) = [leaf for leaf in leaves(Shapes) if leaf.path[-1] == "side"]
    assert tooltip(side) == "Along one edge. (in px, at least 1)"


def test_words_stand_for_numbers() -> None:
    (size,) = [w for w in Form(Shapes).widget if w.name == "size"]
    assert isinstance(size, OrWord)
    assert size.value == "auto"
    size.value = 64
    assert size.value == 64


def test_values_that_do_not_go_together_are_told() -> None:
    form = Form(Training)
    form.show(Training())
    for name in ("minutes", "steps"):
        next(w for w in form.widget if w.name == name).value = 3
    with pytest.raises(BadArgument, match="not both"):
        form.read()


def test_numbers_are_shown_without_zeros_at_their_end(qtbot: Any) -> None:
    form = Form(Recipe, only=("object_size",))
    qtbot.addWidget(form.widget.native)
    size = form.widget["object_size"]
    box = size._number.native
    line = box.lineEdit()
    size.value = 72.5
    assert line.text() == "72.5"
    line.selectAll()
    qtbot.keyClicks(line, "3.50")
    assert (line.text(), size.value) == ("3.50", 3.5), "what is being typed stays as it is"
    qtbot.keyClick(line, "\r")
    assert line.text() == "3.5"
    box.stepUp()
    assert line.text() == f"{size.value:g}" != "3.5"
    size.value = 3.5
    size.value = 3.5
    assert line.text() == "3.5"
    training = Form(Training, only=("learning_rate",))
    training.show(Training())
    assert training.widget["learning_rate"].native.text() == "0.002"
