"""Flags: each parameter there and back, layers over one another, errors that name the flag."""

from __future__ import annotations

import argparse
from typing import Annotated, Any, Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import Field
from stubs import values_of

from napari_discern.cli import flags
from napari_discern.errors import BadArgument
from napari_discern.params import Params, merge
from napari_discern.segmentation import Recipe
from napari_discern.training import Training


class Round(Params):
    kind: Literal["round"] = "round"
    radius: float = Field(2.0, gt=0, json_schema_extra={"unit": "px"})
    """How far it reaches."""


class Square(Params):
    kind: Literal["square"] = "square"
    side: int = Field(4, ge=1)
    """How long it is."""
    radius: int = Field(1, ge=0)
    """Of its corners."""


class Pen(Params):
    """Toy parameters with everything that flags have to deal with."""

    tip: Annotated[Round | Square, Field(discriminator="kind")] = Square(side=5)
    """What it draws with."""
    power: Literal[1, 2] = 2
    """Which norm."""
    width: Annotated[int, Field(ge=3)] | Literal["auto"] = "auto"
    """How wide, 100 % or less."""
    rest: float | None = 1.0
    """How long it waits."""
    wet: bool = True
    """Whether it is wet."""


def parse(params: type[Params], words: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    flags.add_flags(parser, params, "test")
    return flags.given(parser.parse_args(words))


def pen(*words: str, low: dict[str, Any] | None = None) -> Pen:
    layers = ("Pen, ", Pen().model_dump()), ("pen.toml, ", low or {}), ("--", parse(Pen, list(words)))
    return Pen.from_layers(*layers)


def words_of(leaf: flags.Leaf, value: Any) -> list[str]:
    name = ".".join(leaf.path)
    kind = [f"--{'.'.join(leaf.path[:-1])}.kind", leaf.member] if leaf.member and leaf.path[-1] != "kind" else []
    if isinstance(value, bool):
        return [*kind, f"--{name}" if value else f"--no-{name}"]
    if isinstance(value, tuple):
        return [*kind, f"--{name}", ",".join(map(str, value))]
    return [*kind, f"--{name}", "none" if value is None else str(value)]


LEAVES = [pytest.param(p, leaf, id=f"{p.__name__}-{'.'.join(leaf.path)}-{leaf.member}")
          for p in (Recipe, Training, Pen) for leaf in flags.leaves(p)]  # fmt: skip


@pytest.mark.parametrize(("params", "leaf"), LEAVES)
@settings(max_examples=10)
@given(data=st.data())
def test_each_leaf_goes_there_and_back(params: type[Params], leaf: flags.Leaf, data: st.DataObject) -> None:
    value = data.draw(values_of(leaf))
    needed = {"model": "nuclei"} if params is Recipe else {}
    lowest = params.from_dict(needed).model_dump()
    try:
        built: Any = params.from_layers(("defaults, ", lowest), ("--", parse(params, words_of(leaf, value))))
    except BadArgument as error:
        assume("must be below" not in str(error))  # one field with another
        raise
    for name in leaf.path:
        built = getattr(built, name)
    assert built == value
    assert type(built) is type(value)


def test_each_leaf_is_explained() -> None:
    parser = argparse.ArgumentParser()
    flags.add_flags(parser, Training, "training")
    text = " ".join(parser.format_help().split())
    for leaf in flags.leaves(Training):
        assert f"--{'.'.join(leaf.path)}" in text
        assert " ".join(leaf.about.split()) in text


def test_help_says_unit_bounds_and_default_of_each_member() -> None:
    parser = argparse.ArgumentParser()
    flags.add_flags(parser, Pen, "pen", skip=("wet",))
    text = " ".join(parser.format_help().split())
    assert "How far it reaches. [round: in px, above 0, default 2.0] Of its corners. [square: at least 0" in text
    assert "How long it is. [square: at least 1, default 5]" in text  # as the field that holds it says, not 4
    assert "What it draws with. [default square]" in text
    assert "How wide, 100 % or less. [at least 3, default auto]" in text
    assert "--wet" not in text


def test_what_is_not_said_is_not_given() -> None:
    assert parse(Pen, []) == {}
    assert parse(Pen, ["--tip.radius", "3", "--no-wet"]) == {"tip": {"radius": "3"}, "wet": False}


def test_flags_go_before_files_and_files_before_defaults() -> None:
    made = pen("--tip.side", "9", low={"tip": {"side": 7, "radius": 3}, "rest": 0.5})
    assert made == Pen(tip=Square(side=9, radius=3), rest=0.5)


def test_another_kind_drops_what_the_kind_before_was_set_to() -> None:
    assert pen("--tip.kind", "round", low={"tip": {"radius": 7}}).tip == Round()
    assert pen("--tip.kind", "square", low={"tip": {"radius": 7}}).tip == Square(side=5, radius=7)
    assert pen("--tip.radius", "0.5", low={"tip": {"kind": "round"}}).tip == Round(radius=0.5)


def test_merge_leaves_its_layers_as_they_are() -> None:
    low, high = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merge(low, high) == {"a": {"b": 1, "c": 2}}
    assert (low, high) == ({"a": {"b": 1}}, {"a": {"c": 2}})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tip.side", "0"], r"^--tip\.side: .*greater than or equal to 1 \(got '0'\)$"),
        (["--tip.side", "4.5"], r"^--tip\.side: .*integer"),
        (["--width", "2"], r"^--width: .*equal to 3"),
        (["--width", "wide"], r"^--width: .*integer.*\| .*'auto'"),
        (["--tip.kind", "round", "--tip.side", "4"], r"^--tip\.side: Extra inputs"),
        (["--rest", "nan"], r"^--rest: .*finite"),
    ],
)
def test_errors_name_the_flag(words: list[str], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        pen(*words)


def test_errors_name_the_file_where_it_is_to_blame() -> None:
    with pytest.raises(BadArgument, match=r"^pen\.toml, tip\.side: "):
        pen("--tip.radius", "3", low={"tip": {"side": -1}})
    with pytest.raises(BadArgument, match=r"^--tip\.side: "):
        pen("--tip.side", "-1", low={"tip": {"side": -1}})
    with pytest.raises(BadArgument, match=r"^pen\.toml, ink: "):
        pen(low={"ink": "blue"})


def test_errors_of_several_fields_together_are_told() -> None:
    with pytest.raises(BadArgument, match="give minutes or steps, not both"):
        Training.from_layers(("--", {"minutes": "1", "steps": "5"}))


def test_unknown_choices_are_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        pen("--tip.kind", "oval")
    assert "round" in capsys.readouterr().err
