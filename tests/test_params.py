"""Params: every parameter class of the package through TOML and JSON and back, and errors that say where."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import Field, ValidationError

import napari_discern
from napari_discern.errors import BadArgument, DiscernError
from napari_discern.params import Params
from napari_discern.segmentation import Recipe


def load_all() -> None:
    """Import every module without a window, so that all subclasses exist."""
    for module in pkgutil.walk_packages(napari_discern.__path__, "napari_discern."):
        if not module.name.startswith("napari_discern.gui") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def descendants(cls: type[Params]) -> Iterator[type[Params]]:
    for child in cls.__subclasses__():
        if child.__module__.startswith("napari_discern"):
            yield child
            yield from descendants(child)


load_all()
CLASSES = sorted(set(descendants(Params)), key=lambda cls: cls.__qualname__)
NUMBERS = (0.375, 1, 2, 3, 5, 8, 16, 45, 99, 1e-5)
TEXTS = ('a "quoted" name = [1]\n# no comment', "Blätter\\葉")


EXAMPLES: dict[str, Any] = {
    "recipe": Recipe(model="any text"), "by_slice": False,
    "frames": (1,), "shape": (9, 8), "tile": (4, 4), "halo": (2, 2), "chunk": (4, 4),
}  # fmt: skip
"""Values of fields that must be given, but for texts."""


def plain(annotation: Any) -> list[Any]:
    """The types that an annotation allows, without Annotated and unions."""
    if get_origin(annotation) is Annotated:
        return plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [t for part in get_args(annotation) for t in plain(part)]
    return [annotation]


def candidates(kind: Any) -> Iterator[Any]:
    """Values of a type; not all need to lie within the bounds of a field."""
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    elif get_origin(kind) is tuple and str in get_args(kind):
        yield ("with space, and comma",)
    elif get_origin(kind) is tuple:
        yield from ((0.5, 2.0), (0.25, 0.75), (3.0, 1.0, 0.25), (4, 5, 6))
    elif get_origin(kind) is dict:
        yield {"plain": 2.0, "with space.and dot": 1.5}
    elif kind is bool:
        yield from (True, False)
    elif kind in (int, float):
        yield from (kind(n) for n in NUMBERS if kind is float or n >= 1)
    elif kind is str:
        yield from (*TEXTS, "0:12,3:40", "8GB", "cells")
    elif isinstance(kind, type) and issubclass(kind, Params):
        for name in kind.model_fields:
            yield from variants(kind, name)


def make(cls: type[Params], **values: Any) -> Params:
    """The defaults, with something for what must be given, and these values."""
    needed = {n: EXAMPLES.get(n, "any text") for n, field in cls.model_fields.items() if field.is_required()}
    return cls(**{**needed, **values})


def variants(cls: type[Params], name: str) -> list[Params]:
    """One object for each candidate of a field that the class accepts."""
    made = []
    for kind in plain(cls.model_fields[name].annotation):
        for value in candidates(kind):
            try:
                made.append(make(cls, **{name: value}))
            except ValidationError:
                continue
    return made


def test_the_search_finds_every_kind_of_class():
    names = {cls.__name__ for cls in CLASSES}
    assert {"Recipe", "Training", "Card", "Settings", "Architecture", "Augmentation"} <= names
    assert {"SegResNet", "MeanShift", "Discriminative", "Foreground", "Percentile", "Standardise"} <= names


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
class TestEveryClass:
    def test_defaults_survive_toml(self, cls):
        assert cls.from_toml(make(cls).to_toml()) == make(cls)

    def test_each_field_survives_toml_and_json(self, cls):
        for name, field in cls.model_fields.items():
            made = variants(cls, name)
            one_value = get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1
            assert one_value or any(getattr(m, name) != field.default for m in made), f"{name} was only its default"
            for params in made:
                assert cls.from_toml(params.to_toml()) == params, name
                assert cls.model_validate_json(params.model_dump_json()) == params, name

    def test_none_is_the_default_where_none_is_allowed(self, cls):
        """TOML cannot say None: a None that is not the default would come back as something else."""
        lost = [n for n, f in cls.model_fields.items() if NoneType in plain(f.annotation) and f.default is not None]
        assert not lost

    def test_every_field_has_a_help_text(self, cls):
        silent = [n for n, f in cls.model_fields.items() if n != "kind" and not f.description]
        assert not silent

    def test_fields_cannot_be_changed(self, cls):
        params = make(cls)
        for name in cls.model_fields:
            with pytest.raises(ValidationError, match="frozen"):
                setattr(params, name, getattr(params, name))

    def test_numbers_must_be_finite(self, cls):
        floats = [n for n, f in cls.model_fields.items() if float in plain(f.annotation)]
        for name in floats:
            for value in (float("nan"), float("inf"), -float("inf")):
                with pytest.raises(BadArgument, match=name) as caught:
                    cls.from_dict({**make(cls).model_dump(), name: value}, "recipe.toml")
                assert "recipe.toml" in str(caught.value)

    def test_kind_comes_first_and_is_its_own(self, cls):
        names = list(cls.model_fields)
        if "kind" in names:
            assert names[0] == "kind"
        if "kind" in names and get_origin(cls.model_fields["kind"].annotation) is Literal:
            with pytest.raises(ValidationError):
                make(cls, kind="something-else")


class Cut(Params):
    depth: int = Field(3, ge=1, le=9)
    """How deep."""
    width: float | None = Field(None, gt=0)
    """How wide."""


class Tree(Params):
    cut: Cut = Cut()
    """Where it is cut."""
    rings: tuple[float, ...] = ()
    """Radii of the rings."""


def test_unknown_name_is_named_with_its_origin():
    with pytest.raises(BadArgument) as caught:
        Cut.from_toml("depht = 4", "cut.toml")
    text = str(caught.value)
    assert "cut.toml" in text
    assert "depht" in text
    assert "Cut" in text


@pytest.mark.parametrize("value", [0, 10, "deep", 2.5])
def test_value_out_of_bounds_is_named_with_its_origin(value):
    with pytest.raises(BadArgument) as caught:
        Cut.from_dict({"depth": value}, "the flags")
    text = str(caught.value)
    assert "the flags" in text
    assert "depth" in text
    assert repr(value) in text


def test_every_wrong_field_is_told_at_once_with_its_path():
    with pytest.raises(BadArgument) as caught:
        Tree.from_toml("rings = [1.0, nan]\n[cut]\ndepth = 0\nwidth = -1.0", "tree.toml")
    text = str(caught.value)
    assert all(path in text for path in ("cut.depth", "cut.width", "rings.1"))


def test_text_that_is_no_toml_says_which_line():
    with pytest.raises(BadArgument, match="line 2") as caught:
        Cut.from_toml("depth = 3\nwidth 4", "cut.toml")
    assert "cut.toml" in str(caught.value)


def test_bad_values_are_errors_of_ours_and_value_errors():
    for kind in (DiscernError, ValueError):
        with pytest.raises(kind):
            Cut.from_dict({"depth": 0})


def test_what_is_not_set_is_left_out_of_toml():
    assert "width" not in Cut().to_toml()
    assert Cut.from_toml("width = 2") == Cut(width=2.0)


def test_an_unset_nested_value_comes_back():
    tree = Tree(cut=Cut(depth=9, width=1e-7), rings=(0.1, 1e300))
    assert Tree.from_toml(tree.to_toml()) == tree
