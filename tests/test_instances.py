"""Instances: objects keep their pixels and their order, also where they lie over one another."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from stubs import balls

from napari_discern.errors import BadArgument
from napari_discern.instances import Instances, count_pairs, count_pixels, object_sums, once_a_pixel, partners, table


def drawing(text: str) -> np.ndarray:
    """Labels drawn as digits; "." is background."""
    return np.array([[0 if sign == "." else int(sign) for sign in row] for row in text.split()])


def full_masks(instances: Instances) -> np.ndarray:
    """The objects as one stack of masks of the whole image, in the order that `masks` gives them."""
    stack = np.zeros((instances.n, *instances.shape), bool)
    for position, (_, box, mask) in enumerate(instances.masks()):
        stack[position][box] = mask
    return stack


MAP = drawing("""
    7.......
    77..33..
    ....33..
    ...9.9..
""")


class TestFromLabels:
    def test_ids_become_one_to_n_in_their_order(self):
        found = Instances.from_labels(MAP)
        assert found.planes.dtype == np.uint32
        assert (found.labels == drawing("2....... 22..11.. ....11.. ...3.3..")).all()

    @pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.uint32, np.int64, np.uint64])
    def test_any_integer_type_gives_the_same(self, dtype):
        assert (Instances.from_labels(MAP.astype(dtype)).labels == Instances.from_labels(MAP).labels).all()

    def test_a_mask_is_one_object(self):
        assert (Instances.from_labels(MAP > 0).labels == (MAP > 0)).all()

    @pytest.mark.parametrize("top", [(1 << 24) - 1, 1 << 24, (1 << 32) - 1, (1 << 63) + 5])
    def test_ids_may_be_huge(self, top):
        labels = np.array([[0, top, 5], [top, top - 1, 0]], np.uint64)
        assert Instances.from_labels(labels).labels.tolist() == [[0, 3, 1], [3, 2, 0]]

    def test_seventy_thousand_objects(self):
        labels = np.random.default_rng(0).permutation(70_001).reshape(1, -1)
        found = Instances.from_labels(labels)
        assert found.n == 70_000
        assert (found.labels == labels).all()
        assert (found.areas == 1).all()
        assert sum(1 for _ in found.masks()) == 70_000

    def test_no_object_at_all(self):
        found = Instances.from_labels(np.zeros((3, 4), int))
        assert (found.n, found.areas.tolist(), list(found.masks())) == (0, [], [])
        assert not found.foreground.any()
        assert list(found.features().columns[:2]) == ["label", "plane"]
        assert len(found.features()) == 0

    def test_negative_labels_are_told_with_the_smallest(self):
        with pytest.raises(BadArgument, match="negative; the smallest is -4"):
            Instances.from_labels(np.array([[0, -1], [-4, 2]]))

    @pytest.mark.parametrize("dtype", [float, np.float32, complex])
    def test_intensities_are_no_labels(self, dtype):
        with pytest.raises(BadArgument, match="must be integers"):
            Instances.from_labels(MAP.astype(dtype))

    @pytest.mark.parametrize("shape", [(5,), (2, 2, 2, 2)])
    def test_two_or_three_dimensions(self, shape):
        with pytest.raises(BadArgument, match=r"\[z,\] y, x"):
            Instances.from_labels(np.ones(shape, int))


class TestFromMasks:
    def test_objects_that_do_not_touch_share_a_plane(self):
        masks = np.array([MAP == 7, MAP == 3, MAP == 9])
        found = Instances.from_masks(masks)
        assert len(found.planes) == 1
        assert (found.labels == drawing("1....... 11..22.. ....22.. ...3.3..")).all()

    def test_each_object_goes_into_the_first_plane_that_is_free(self):
        strip = np.arange(10)
        masks = np.array([[(a <= strip) & (strip < b)] for a, b in ((0, 4), (3, 7), (6, 10), (2, 8))])
        found = Instances.from_masks(masks)
        assert found.planes[:, 0].tolist() == [
            [1, 1, 1, 1, 0, 0, 3, 3, 3, 3],
            [0, 0, 0, 2, 2, 2, 2, 0, 0, 0],
            [0, 0, 4, 4, 4, 4, 4, 4, 0, 0],
        ]

    @settings(max_examples=60)
    @given(
        arrays(bool, st.tuples(st.integers(0, 6), st.integers(1, 4), st.integers(1, 5))).filter(
            lambda masks: masks.any(axis=(1, 2)).all()
        )
    )
    def test_the_masks_come_back_whole_and_in_order(self, masks):
        found = Instances.from_masks(masks)
        assert [label for label, _, _ in found.masks()] == list(range(1, len(masks) + 1))
        assert (full_masks(found) == masks).all()
        assert (found.areas == masks.sum(axis=(1, 2))).all()
        assert (found.foreground == masks.any(axis=0)).all()
        planes_of = [{p for p, plane in enumerate(found.planes) if (plane == k + 1).any()} for k in range(len(masks))]
        assert all(len(planes) == 1 for planes in planes_of)

    @settings(max_examples=30)
    @given(arrays(np.uint8, (3, 4, 5), elements=st.integers(0, 9)))
    def test_flat_labels_in_three_dimensions_are_one_plane(self, labels):
        ids = np.unique(labels[labels > 0])
        found = Instances.from_masks(labels == ids[:, None, None, None])
        assert len(found.planes) == 1
        assert (found.labels == Instances.from_labels(labels).labels).all()

    def test_zeros_and_ones_do_as_well(self):
        masks = np.array([MAP == 7, MAP == 9])
        assert (full_masks(Instances.from_masks(masks.astype(float))) == masks).all()

    @pytest.mark.parametrize("value", [2.0, 0.5, np.nan])
    def test_other_values_are_refused(self, value):
        with pytest.raises(BadArgument, match="0 and 1"):
            Instances.from_masks(np.full((1, 2, 2), value))

    def test_empty_masks_are_named(self):
        masks = np.ones((4, 2, 2), bool)
        masks[[1, 3]] = False
        with pytest.raises(BadArgument, match=r"masks \[1, 3\] of 4 are empty"):
            Instances.from_masks(masks)

    def test_one_label_image_cannot_say_what_two_planes_do(self):
        with pytest.raises(BadArgument, match="share pixels"):
            _ = Instances.from_masks(np.ones((2, 2, 2), bool)).labels


class TestPlanes:
    @pytest.mark.parametrize("planes", [np.zeros((1, 4, 5), int), np.zeros((4, 5), np.uint32)])
    def test_plain_arrays_are_refused_with_what_to_use(self, planes):
        with pytest.raises(BadArgument, match=r"Instances\.from_labels"):
            Instances(planes)

    @pytest.mark.parametrize("where", [{"spacing": (1.0,)}, {"spacing": (1.0,) * 3}, {"axes": "zyx"}])
    def test_axes_and_spacing_fit_the_dimensions(self, where):
        with pytest.raises(BadArgument, match="one entry for each dimension"):
            Instances.from_labels(MAP, **where)

    def test_axes_follow_from_the_dimensions(self):
        assert Instances.from_labels(MAP).axes == "yx"
        assert Instances.from_labels(MAP[None]).axes == "zyx"


class TestCrop:
    def test_ids_start_anew(self):
        part = Instances.from_labels(MAP, spacing=(2.0, 3.0), unit="mm").crop((slice(1, 4), slice(1, 6)))
        assert (part.labels == drawing("2..11 ...11 ..3.3")).all()
        assert (part.spacing, part.unit) == ((2.0, 3.0), "mm")

    def test_objects_that_overlap_elsewhere_lie_in_one_plane(self):
        strip = np.arange(10)
        whole = Instances.from_masks(np.array([[(a <= strip) & (strip < b)] for a, b in ((0, 4), (3, 7), (6, 9))]))
        assert whole.crop((slice(None), slice(4, 6))).labels.tolist() == [[1, 1]]
        assert whole.crop((slice(None), slice(2, 6))).planes[:, 0].tolist() == [[1, 1, 0, 0], [0, 2, 2, 2]]
        assert whole.crop((slice(None), slice(9, 10))).labels.tolist() == [[0]]

    def test_planes_without_an_object_are_left_out(self):
        masks = np.zeros((4, 1, 6), bool)
        masks[:, 0, 0] = True
        masks[1:3, 0, 4] = True
        part = Instances.from_masks(masks).crop((slice(None), slice(3, 6)))
        assert part.planes[:, 0].tolist() == [[0, 1, 0], [0, 2, 0]]

    @settings(max_examples=40)
    @given(
        arrays(bool, (4, 3, 5)).filter(lambda masks: masks.any(axis=(1, 2)).all()),
        st.integers(0, 4),
        st.integers(1, 5),
    )
    def test_keeps_what_lies_inside(self, masks, start, length):
        region = (slice(0, 2), slice(start, start + length))
        part = Instances.from_masks(masks).crop(region)
        inside = masks[(slice(None), *region)]
        expected = inside[inside.any(axis=(1, 2))]
        assert sorted(m.tobytes() for m in full_masks(part)) == sorted(m.tobytes() for m in expected)


class TestFeatures:
    def test_by_hand(self):
        """7: (0,0) (1,0) (1,1). 3: rows 1-2, columns 4-5. 9: (3,3) and (3,5)."""
        table = Instances.from_labels(MAP, spacing=(2.0, 0.5)).features().set_index("label")
        assert table.index.tolist() == [1, 2, 3]
        assert table["area"].tolist() == [4, 3, 2]
        assert table["area_units"].tolist() == [4.0, 3.0, 2.0]
        assert table["centroid_y"].tolist() == pytest.approx([1.5, 2 / 3, 3.0])
        assert table["centroid_x"].tolist() == pytest.approx([4.5, 1 / 3, 4.0])
        assert table[["min_y", "min_x", "max_y", "max_x"]].values.tolist() == [[1, 4, 2, 5], [0, 0, 1, 1], [3, 3, 3, 5]]
        assert table["touches_border"].tolist() == [False, True, True]
        assert table["plane"].tolist() == [0, 0, 0]

    def test_in_three_dimensions(self):
        labels = np.zeros((3, 4, 5), int)
        labels[1, 1:3, 2] = 1
        row = Instances.from_labels(labels, spacing=(4.0, 0.5, 0.5)).features().iloc[0]
        assert (row["area"], row["area_units"]) == (2, 2.0)
        assert (row["centroid_z"], row["centroid_y"], row["centroid_x"]) == (1.0, 1.5, 2.0)
        assert not row["touches_border"]

    def test_objects_over_one_another_each_have_a_row(self):
        masks = np.zeros((2, 3, 3), bool)
        masks[0, :2] = masks[1, 1:] = True
        table = Instances.from_masks(masks).features()
        assert table[["label", "plane", "area"]].values.tolist() == [[1, 0, 6], [2, 1, 6]]

    def test_whole_numbers_stay_whole(self):
        types = Instances.from_labels(MAP).features().dtypes
        assert all(types[name].kind == "i" for name in ("label", "plane", "area", "min_y", "max_x"))
        assert types["touches_border"].kind == "b"


def row_by_row(instances: Instances) -> list[dict[str, object]]:
    """The table of features as its text says it, a pixel after another."""
    rows = []
    for label in range(1, instances.n + 1):
        plane, *points = zip(*np.argwhere(instances.planes == label).tolist(), strict=True)
        here = [set(instances.planes[(slice(None), *at)].tolist()) - {0, label} for at in zip(*points, strict=True)]
        touching = [0 in line or n - 1 in line for line, n in zip(points, instances.shape, strict=True)]
        row = {"label": label, "plane": plane[0], "area": len(plane)}
        row["area_units"] = len(plane) * float(np.prod(instances.spacing))
        row |= {f"centroid_{a}": sum(line) / len(line) for a, line in zip(instances.axes, points, strict=True)}
        row |= {f"min_{a}": min(line) for a, line in zip(instances.axes, points, strict=True)}
        row |= {f"max_{a}": max(line) for a, line in zip(instances.axes, points, strict=True)}
        others = sorted(set().union(*here))
        row |= {"touches_border": any(touching), "overlap_area": sum(map(bool, here))}
        rows.append({**row, "overlaps_with": " ".join(map(str, others)), "score": label / 7})
    return rows


@st.composite
def scattered(draw: st.DrawFn) -> Instances:
    """Objects of any form, also in parts, of which some share pixels, in two or three dimensions."""
    shape = draw(st.lists(st.integers(1, 6), min_size=2, max_size=3))
    planes = np.stack(draw(st.lists(arrays(np.uint32, shape, elements=st.integers(0, 4)), min_size=1, max_size=3)))
    above = 4 * np.arange(len(planes), dtype=np.uint32).reshape(-1, *[1] * len(shape))
    spacing = tuple(draw(st.lists(st.floats(0.1, 9), min_size=len(shape), max_size=len(shape))))
    found = Instances.from_planes(np.where(planes > 0, planes + above, 0).astype(np.uint32), spacing=spacing)
    return replace(found, measures={"score": np.arange(1, found.n + 1) / 7})


class TestTable:
    @settings(max_examples=150)
    @given(scattered(), st.sampled_from([1, 5, 1 << 22]))
    def test_is_what_a_loop_over_pixels_says(self, instances, block):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(table, "BLOCK", block)
            found = instances.features()
        rows = row_by_row(instances)
        assert found.to_dict("records") == rows
        if rows:
            expected = pd.DataFrame(rows)
            pd.testing.assert_frame_equal(found, expected)
            assert list(found.columns) == list(expected.columns)

    def test_of_none_has_the_columns_and_types_of_some(self):
        none, some = (Instances.from_labels(labels).features() for labels in (np.zeros((3, 4), int), MAP))
        assert none.dtypes.to_dict() == some.dtypes.to_dict()

    def test_an_id_that_is_left_out_has_no_row(self):
        found = Instances(np.array([[[1, 1, 3, 0]]], np.uint32)).features()
        assert found[["label", "area"]].values.tolist() == [[1, 2], [3, 1]]
        assert found.index.tolist() == [0, 1]

    @settings(max_examples=60)
    @given(scattered(), st.data())
    def test_sums_of_parts_add_up_to_those_of_the_whole(self, instances, data):
        cut = data.draw(st.integers(0, instances.shape[0]))
        halves = [instances.planes[:, :cut], instances.planes[:, cut:]]
        starts = [(0,) * len(instances.shape), (cut, *(0,) * (len(instances.shape) - 1))]
        parts = [
            object_sums(half, instances.n, instances.axes, start)
            for half, start in zip(halves, starts, strict=True)
            if half.size
        ]
        whole = object_sums(instances.planes, instances.n, instances.axes)
        for name, values in whole.items():
            how = {"min": np.min, "max": np.max, "plane": np.max}.get(name[:3] if name[3:4] == "_" else name, np.sum)
            assert how([part[name] for part in parts], axis=0).tolist() == values.tolist()

    def test_a_large_image_is_not_copied(self):
        """An index takes eight bytes a pixel; so parts of the image are looked at."""
        planes = np.zeros((1, 4096, 2048), np.uint32)
        planes[0, 100:200, 100:200] = 1
        instances = Instances(planes)
        instances.features()
        tracemalloc.start()
        try:
            instances.features()
            assert tracemalloc.get_traced_memory()[1] < planes.nbytes / 2
        finally:
            tracemalloc.stop()


class TestPairs:
    @settings(max_examples=100)
    @given(st.data())
    def test_are_those_that_lie_on_one_another(self, data):
        shape = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
        ids = st.sampled_from([0, 1, 2, 70_000, (1 << 32) - 1])
        one, other = (data.draw(arrays(np.uint32, (data.draw(st.integers(0, 3)), *shape), elements=ids)) for _ in "ab")
        pairs, pixels = count_pairs(one, other)
        expected = Counter(
            (int(a), int(b)) for x in one for y in other for a, b in zip(x.flat, y.flat, strict=True) if a and b
        )
        assert dict(zip(map(tuple, pairs.tolist()), pixels.tolist(), strict=True)) == expected
        assert pairs.tolist() == sorted(pairs.tolist())
        assert (pairs.dtype, pixels.dtype) == (np.int64, np.int64)

    @settings(max_examples=60)
    @given(arrays(np.uint32, (3, 3, 4), elements=st.integers(0, 5)))
    def test_of_layers_are_partners(self, layers):
        layers = once_a_pixel(layers)
        pixels = [set(layers[:, y, x].tolist()) - {0} for y, x in np.ndindex(3, 4)]
        expected = Counter(pair for ids in pixels for pair in combinations(sorted(ids), 2))
        assert {(a, b): n for a, b, n in partners(layers).tolist()} == expected

    def test_pixels_of_ids_are_counted_in_parts(self, monkeypatch):
        monkeypatch.setattr(table, "BLOCK", 7)
        assert count_pixels(Instances.from_labels(MAP).planes, 4).tolist() == [23, 4, 3, 2, 0]


class TestFromPlanes:
    def test_planes_that_are_not_needed_go(self) -> None:
        planes = np.zeros((3, 2, 6), np.uint32)
        planes[0, :, :2], planes[2, :, 4:], planes[1, 0, 2] = 7, 3, 5
        flat = Instances.from_planes(planes)
        np.testing.assert_array_equal(flat.planes, [[[3, 3, 2, 0, 1, 1], [3, 3, 0, 0, 1, 1]]])
        assert Instances.from_planes(planes, least=2).n == 2

    def test_objects_that_share_pixels_keep_their_planes(self) -> None:
        planes = np.zeros((3, 2, 6), np.uint32)
        planes[0, :, :3], planes[2, :, 2:] = 1, 2
        kept = Instances.from_planes(planes, axes="yx", spacing=(2.0, 2.0))
        np.testing.assert_array_equal(kept.planes, planes[[0, 2]])
        assert kept.spacing == (2.0, 2.0)

    def test_of_nothing_a_plane_is_left(self) -> None:
        assert Instances.from_planes(np.zeros((2, 3, 4), np.uint32)).planes.shape == (1, 3, 4)


class TestMeasures:
    def test_they_are_columns_of_the_table_and_follow_their_objects(self) -> None:
        labels = np.array([[1, 1, 0, 2, 2, 0, 3]])
        objects = Instances.from_labels(labels, measures={"score": np.array([0.1, 0.2, 0.3])})
        assert objects.features()["score"].tolist() == [0.1, 0.2, 0.3]
        assert objects.crop((slice(0, 1), slice(3, 7))).features()["score"].tolist() == [0.2, 0.3]

    def test_each_object_must_have_one(self) -> None:
        with pytest.raises(BadArgument, match=r"\['score'\] must have a value for each of the 1 objects"):
            Instances.from_labels(np.ones((2, 2), int), measures={"score": np.zeros(2)})


class TestRims:
    @given(st.integers(0, 999), st.floats(0, 4))
    def test_are_as_wide_as_asked_for(self, seed, width):
        labels = balls((20, 24), (3, 3), 3, seed)
        truth = Instances.from_labels(labels, spacing=(2.0, 1.0))
        inside, everywhere = (np.argwhere(part) * (2, 1) for part in (labels > 0, labels >= 0))
        away = np.linalg.norm(everywhere[:, None] - inside[None], axis=-1).min(axis=1).reshape(labels.shape)
        rimmed = truth.rimmed(width)
        assert (rimmed.known == (away <= width)).all()
        assert (rimmed.labels == labels).all()

    def test_around_nothing_there_is_none(self):
        assert not Instances.from_labels(np.zeros((3, 4), np.uint8)).rimmed(9).known.any()
