"""Params: values that are layered, and errors that say where."""

from __future__ import annotations

import pytest
from pydantic import Field

from napari_discern.errors import BadArgument, DiscernError
from napari_discern.params import Params


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
