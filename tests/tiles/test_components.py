"""Components: objects of all tiles by their links, against the same told plainly with sets."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_discern.tiles import components as module
from napari_discern.tiles.components import Links, components


def plainly(tile_of: list[int], whole: list[bool], links: list[tuple[int, int, float]]) -> list[int]:
    """The groups that grow by one link after another, the strongest first."""
    groups = [{node} for node in range(len(tile_of))]
    for one, other, alike in sorted(links, key=lambda link: (-link[2], link[0], link[1])):
        a, b = (next(group for group in groups if node in group) for node in (one, other))
        seen = [{tile_of[node] for node in group if alike or whole[node]} for group in (a, b)]
        if a is not b and not seen[0] & seen[1]:
            groups = [group for group in groups if group not in (a, b)] + [a | b]
    groups.sort(key=min)
    return [next(k for k, group in enumerate(groups) if node in group) for node in range(len(tile_of))]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[int], list[bool], list[tuple[int, int, float]]]:
    number = draw(st.integers(1, 12))
    tile_of = sorted(draw(st.lists(st.integers(0, 4), min_size=number, max_size=number)))
    whole = draw(st.lists(st.booleans(), min_size=number, max_size=number))
    node = st.integers(0, number - 1)
    links = draw(st.lists(st.tuples(node, node, st.sampled_from([0.0, 0.4, 0.7, 1.0])), max_size=25))
    return tile_of, whole, links


@pytest.mark.parametrize("block", [1, 1 << 13])
@given(graph=graphs())
@settings(max_examples=150, deadline=None)
def test_they_are_those_of_the_plain_rule(
    block: int, graph: tuple[list[int], list[bool], list[tuple[int, int, float]]]
) -> None:
    tile_of, whole, every = graph
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(module, "BLOCK", block)
        with Links(Path(folder)) as links:
            for *nodes, alike in every:
                links.add(np.array([nodes]), np.array([alike]))
            found = components(np.bincount(tile_of, minlength=5).tolist(), np.array(whole), links)
    assert found.tolist() == plainly(tile_of, whole, every)


def test_one_tile_tells_two_apart_what_others_take_for_one() -> None:
    """Tile 1 sees one object where tile 0 sees two: the more alike is joined with it, the other stays alone."""
    links = [(np.array([[0, 2], [1, 2]]), np.array([0.5, 0.8]))]
    assert components([2, 1], np.ones(3, bool), links).tolist() == [0, 1, 1]


def test_links_leave_no_file(tmp_path: Path) -> None:
    with Links(tmp_path) as links:
        links.add(np.array([[0, 1]]), np.array([0.5]))
        assert len(list(links)) == len(list(links)) == 1
    assert not list(tmp_path.iterdir())
