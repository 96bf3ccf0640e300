"""Parameter classes: whichever the package has, through TOML, JSON and the form and back, explained and checked."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import ValidationError
from stubs import parameter_classes

from napari_discern.errors import BadArgument
from napari_discern.params import Params, leaves
from napari_discern.segmentation import Recipe

CLASSES = parameter_classes()
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

    def test_defaults_survive_json(self, cls):
        assert cls.model_validate_json(make(cls).model_dump_json()) == make(cls)

    def test_an_unknown_name_is_refused(self, cls):
        with pytest.raises(BadArgument, match=r"recipe\.toml(?s:.*)no_such_name"):
            cls.from_dict({**make(cls).model_dump(), "no_such_name": 1}, "recipe.toml")

    def test_every_leaf_has_a_help_text(self, cls):
        """Also those of members inside, as flags and forms show them."""
        assert not [".".join(leaf.path) for leaf in leaves(cls) if not leaf.about and leaf.path != ("kind",)]

    def test_the_form_shows_and_gives_it_back(self, cls, qapp):
        from napari_discern.gui.widgets.form import Form

        form, values = Form(cls), make(cls)
        form.show(values)
        assert form.read() == values
        assert not [w.name for w in form.widget if len(w.tooltip) < 5 and w.name != "kind"]
