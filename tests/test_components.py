"""Components: objects of all tiles by their links, against the same told plainly with sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_discern.tiles import components as module
from napari_discern.tiles.components import components


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
    tile_of = draw(st.lists(st.integers(0, 4), min_size=number, max_size=number))
    whole = draw(st.lists(st.booleans(), min_size=number, max_size=number))
    node = st.integers(0, number - 1)
    links = draw(st.lists(st.tuples(node, node, st.sampled_from([0.0, 0.4, 0.7, 1.0])), max_size=25))
    return tile_of, whole, links


@pytest.mark.parametrize("block", [1, 1 << 16])
@given(graph=graphs())
@settings(max_examples=150, deadline=None)
def test_they_are_those_of_the_plain_rule(
    block: int, graph: tuple[list[int], list[bool], list[tuple[int, int, float]]]
) -> None:
    tile_of, whole, links = graph
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        nodes = np.array([link[:2] for link in links], np.int64).reshape(-1, 2)
        found = components(np.array(tile_of), np.array(whole), nodes, np.array([link[2] for link in links]))
    assert found.tolist() == plainly(tile_of, whole, links)


def test_one_tile_tells_two_apart_what_others_take_for_one() -> None:
    """Tile 1 sees one object where tile 0 sees two: the more alike is joined with it, the other stays alone."""
    nodes, likeness = np.array([[0, 2], [1, 2]]), np.array([0.5, 0.8])
    assert components(np.array([0, 0, 1]), np.ones(3, bool), nodes, likeness).tolist() == [0, 1, 1]
