"""Colourings of labels: neighbours are found, and the colouring that tells the most of them apart is taken."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_discern.gui.layers.colours import APART, NEAR, TRIES, colormap, colouring, neighbours


@given(
    hnp.arrays(
        np.uint32, st.tuples(st.integers(1, 2), st.integers(4, 7), st.integers(4, 7)), elements=st.integers(0, 4)
    )
)
@settings(deadline=None)
def test_neighbours_are_all_pairs_that_some_step_apart_meet(planes: np.ndarray) -> None:
    expected = set()
    for plane in planes:
        for axis in (0, 1):
            for step in NEAR:
                lines = np.moveaxis(plane, axis, 0)
                for one, other in zip(lines[:-step].ravel(), lines[step:].ravel(), strict=True):
                    if one and other and one != other:
                        expected.add((int(one), int(other)))
    assert {(int(a), int(b)) for a, b in neighbours(planes)} == expected


def test_the_colouring_taken_is_the_best_of_all() -> None:
    pairs = np.random.default_rng(0).integers(1, 300, (80, 2))

    def alike(number: int) -> int:
        colours = np.asarray(colormap(number).map(pairs.ravel()))[:, :3].reshape(-1, 2, 3)
        return int((np.linalg.norm(colours[:, 0] - colours[:, 1], axis=1) < APART).sum())

    found = [alike(number) for number in range(TRIES)]
    assert found[colouring(pairs)] == min(found) < max(found)


def test_nothing_beside_one_another_takes_naparis_own() -> None:
    assert colouring(np.zeros((0, 2), np.int64)) == 0


def test_a_layer_that_changes_its_colours_changes_no_others() -> None:
    pairs = np.array([[1, 2], [2, 3], [5, 9]])
    before = colouring(pairs)
    for number in range(TRIES):
        colormap(number).use_selection = True
    assert not colormap(0).use_selection
    assert colouring(pairs) == before
