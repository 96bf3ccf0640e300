"""Pieces joined to the objects that they were cut off from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stubs import Fixed, balls, stub

from napari_discern.clustering.pieces import OUTLINE, join_pieces
from napari_discern.model import find_objects

WHOLE = np.zeros((16, 16), np.uint32)
WHOLE[2:12, 2:12] = 7


def drawn(*boxes: tuple[slice, slice]) -> np.ndarray:
    """The whole with further objects 8, 9... painted over it."""
    labels = WHOLE.copy()
    for number, box in enumerate(boxes, start=8):
        labels[box] = number
    return labels


class TestJoined:
    def test_a_sliver_along_an_object(self):
        labels = drawn(np.s_[2:12, 12:14])
        assert (join_pieces(labels, 0.3) == 7 * (labels > 0)).all()

    def test_a_hole_in_an_object(self):
        labels = drawn(np.s_[5:8, 5:8])
        assert (join_pieces(labels, 0.1) == WHOLE).all()

    def test_pieces_of_pieces(self):
        labels = drawn(np.s_[2:12, 12:14], np.s_[6:7, 14:15])
        labels[6, 14] = 0
        labels[6, 13] = 9
        assert (join_pieces(labels, 0.3) == 7 * (labels > 0)).all()

    def test_to_the_one_along_which_most_of_it_lies(self):
        labels = np.zeros((12, 21), np.uint32)
        labels[:, :10], labels[:, 11:], labels[2:10, 10] = 3, 5, 4
        labels[2:4, 9] = 4
        joined = join_pieces(labels, 0.3)
        assert set(np.unique(joined[labels == 4])) == {3}

    def test_in_volumes(self):
        labels = np.zeros((6, 8, 8), np.uint32)
        labels[:4], labels[4] = 2, 1
        assert (join_pieces(labels, 0.3) == 2 * (labels > 0)).all()

    def test_sides_at_the_border_of_the_image_are_no_outline(self):
        labels = np.zeros((8, 20), np.uint32)
        labels[:, :10], labels[:4, 10:12] = 1, 2  # 4 of 4 + 4 + 2 sides
        assert join_pieces(labels, 0.3)[0, 10] == 1


class TestLeftAlone:
    @pytest.mark.parametrize(("share", "now"), [(0.19, 8), (0.21, 7)])
    def test_what_is_larger_than_the_share(self, share, now):
        labels = drawn(np.s_[2:12, 12:14])
        assert join_pieces(labels, share)[5, 12] == now

    @pytest.mark.parametrize(("long", "now"), [(1, 7), (2, 8), (4, 8)])
    def test_what_stands_out_from_it(self, long, now):
        """Four of 8 + 2 long sides lie along the object."""
        assert 4 / 12 < OUTLINE < 4 / 10
        assert join_pieces(drawn(np.s_[4:8, 12 : 12 + long]), 0.5)[5, 12] == now

    def test_what_touches_nothing(self):
        labels = drawn(np.s_[14:15, 3:6])
        assert (join_pieces(labels, 0.9) == labels).all()


@given(seed=st.integers(0, 999), share=st.floats(0, 0.99), ndim=st.integers(2, 3))
def test_only_smaller_objects_go_and_the_foreground_stays(seed, share, ndim):
    shape = (20, 24) if ndim == 2 else (8, 12, 12)
    labels = balls(shape, (3,) * ndim, 12, seed).astype(np.uint32)
    joined = join_pieces(labels, share)
    assert joined.dtype == np.uint32
    assert ((joined > 0) == (labels > 0)).all()
    before, after = np.bincount(labels.ravel()), np.bincount(joined.ravel(), minlength=int(labels.max()) + 1)
    for one in np.unique(labels):
        goes_to = np.unique(joined[labels == one])
        assert len(goes_to) == 1
        assert goes_to[0] == one or before[one] < share * before[goes_to[0]]
    assert (after[np.unique(joined)] >= before[np.unique(joined)]).all()
    if not share:
        assert (joined == labels).all()


def test_nothing_in_nothing_out():
    assert join_pieces(np.zeros((0, 4), np.uint32), 0.5).shape == (0, 4)
    assert not join_pieces(np.zeros((3, 4), np.uint32), 0.5).any()


def test_objects_are_found_with_their_pieces():
    """The sliver is below the smallest object, and is not lost."""
    labels = drawn(np.s_[2:12, 12:14]).astype(int)
    model = stub(Fixed(np.stack([9.0 * labels, 0 * labels]), labels > 0))
    said = model.embed(np.zeros((1, *labels.shape)))
    settings = model.card.settings.model_copy(update={"min_size": 50, "join_share": 0.3})
    assert (find_objects(said, settings)[0] == (labels > 0)).all()
