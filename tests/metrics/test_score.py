"""Scores: by hand on toy images, by brute force on small random ones, and against a library."""

from __future__ import annotations

import json
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_discern.errors import BadArgument
from napari_discern.instances import Instances
from napari_discern.metrics import THRESHOLDS, Report, Score, compare, matching, mean, pool, score, table_of


def flat(drawing: str) -> Instances:
    """Objects drawn by letters or digits, "." is background."""
    rows = [[0 if sign == "." else ord(sign) for sign in row] for row in drawing.split()]
    return Instances.from_labels(np.array(rows))


def strips(length: int, *ranges: tuple[int, int]) -> Instances:
    """Objects on one row of pixels, each from a first to a last column, which may overlap."""
    columns = np.arange(length)
    return Instances.from_masks(np.array([[(first <= columns) & (columns <= last)] for first, last in ranges]))


EMPTY = Instances(np.zeros((1, 4, 8), np.uint32))

TRUTH = flat("""
    aaaa....
    aaaa.bb.
    .....bb.
    cc......
""")
FOUND = flat("""
    1111....
    11...22.
    .....22.
    ...33...
""")
# Areas: a 8, b 4, c 2; 1 6, 2 4, 3 2. Shared: a&1 6, b&2 4. IoU: a&1 6/8 = 0.75, b&2 1. Dice: a&1 12/14, b&2 1.
# At 0.5: TP 2, FP 1 (3), FN 1 (c). At 0.75 the pair a, 1 is at, not above, the threshold: TP 1, FP 2, FN 2.


def test_every_figure_of_a_flat_toy() -> None:
    result = score(FOUND, TRUTH)
    assert result.S == pytest.approx({t: 0.5 if t < 0.75 else 0.2 for t in THRESHOLDS})
    assert result.S_mean == pytest.approx((3 * 0.5 + 2 * 0.2) / 5)
    assert result.SBD == pytest.approx((12 / 14 + 1 + 0) / 3)
    assert result.DiC == 0
    assert result.foreground_dice == pytest.approx(2 * 10 / (12 + 14))
    assert result.PQ == pytest.approx((0.75 + 1) / (2 + 0.5 + 0.5))
    assert result.SEG == pytest.approx((0.75 + 1 + 0) / 3)
    assert (result.n_found, result.n_truth) == (3, 3)
    assert (result.tp[0.5], result.fp[0.5], result.fn[0.5]) == (2, 1, 1)
    assert (result.tp[0.75], result.fp[0.75], result.fn[0.75]) == (1, 2, 2)


def test_best_dice_is_the_smaller_direction() -> None:
    merged, apart = flat("1111"), flat("aaab")
    # Dice a&1 6/7, b&1 2/5. Found to truth: 6/7. Truth to found: (6/7 + 2/5) / 2 = 22/35.
    assert score(merged, apart).SBD == pytest.approx(22 / 35)
    assert score(apart, merged).SBD == pytest.approx(22 / 35)
    assert score(merged, apart).DiC == -1
    assert score(apart, merged).DiC == 1


def test_seg_asks_for_more_than_half_of_the_true_object() -> None:
    # Half of a is covered by 1, half by 2: neither counts. IoU 3/4 of b counts.
    assert score(flat("1122.333"), flat("aaaabbbb")).SEG == pytest.approx((0 + 3 / 4) / 2)
    # A find that covers a whole counts with its Jaccard index, however small: 2/8.
    assert score(flat("11111111"), flat("aa......")).SEG == pytest.approx(2 / 8)


def test_objects_that_share_pixels() -> None:
    truth = strips(10, (0, 5), (4, 9))  # 6 px each, 2 shared
    found = strips(10, (0, 5), (6, 9))  # the first exactly, the second without the shared part
    result = score(found, truth)
    # IoU: 1, 4/6; the first find shares 2 of 10 with the second truth. Dice: 1, 8/10.
    assert result.S[0.65] == 1
    assert result.S[0.7] == pytest.approx(1 / 3)
    assert result.SBD == pytest.approx((1 + 0.8) / 2)
    assert result.PQ == pytest.approx((1 + 4 / 6) / 2)
    assert result.SEG == pytest.approx((1 + 4 / 6) / 2)
    assert result.foreground_dice == 1


def test_as_many_objects_as_possible_are_matched() -> None:
    truth = strips(11, (0, 9), (1, 10))
    found = strips(11, (0, 10), (0, 8))
    # IoU of found 1: 10/11 and 10/11; of found 2: 9/10 and 8/11. Taking 1 with truth 1 first would leave 2 alone.
    pairs, missed, false = matching(found, truth, 0.75)
    assert pairs.tolist() == [[1, 2], [2, 1]]
    assert len(missed) == len(false) == 0
    assert score(found, truth).PQ == pytest.approx((10 / 11 + 9 / 10) / 2)


def test_equal_halves_are_matched_once() -> None:
    pairs, missed, false = matching(flat("1122"), flat("aaaa"), 0.4)
    assert len(pairs) == 1
    assert (len(missed), len(false)) == (0, 1)


def test_of_equally_many_matches_the_closer_is_taken() -> None:
    assert matching(flat("11122"), flat("aaaaa"), 0.3).pairs.tolist() == [[1, 1]]
    assert matching(flat("11222"), flat("aaaaa"), 0.3).pairs.tolist() == [[2, 1]]


def test_misses_and_false_finds_are_named() -> None:
    pairs, missed, false = matching(FOUND, TRUTH, 0.5)
    assert pairs.tolist() == [[1, 1], [2, 2]]
    assert missed.tolist() == [3]
    assert false.tolist() == [3]


@pytest.mark.parametrize("threshold", [-0.1, 1.0])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(BadArgument, match="threshold"):
        matching(FOUND, TRUTH, threshold)


def figures_but_dic(result: Score) -> list[float]:
    rest = [result.S_mean, result.SBD, result.foreground_dice, result.PQ, result.SEG]
    return [*result.S.values(), *rest]


def test_no_objects() -> None:
    assert set(figures_but_dic(score(EMPTY, EMPTY))) == {1.0}
    assert set(figures_but_dic(score(FOUND, EMPTY))) == {0.0}
    assert set(figures_but_dic(score(EMPTY, TRUTH))) == {0.0}
    assert [score(*pair).DiC for pair in ((EMPTY, EMPTY), (FOUND, EMPTY), (EMPTY, TRUTH))] == [0, 3, -3]
    assert matching(EMPTY, TRUTH).missed.tolist() == [1, 2, 3]


def test_different_shapes_are_refused() -> None:
    with pytest.raises(BadArgument, match=r"\(1, 4\).*\(4, 8\)"):
        compare(flat("1111"), TRUTH)


def test_volumes_are_counted_in_voxels() -> None:
    truth = np.zeros((2, 3, 4), int)
    truth[:, 0] = 1
    found = truth.copy()
    found[1] = 0
    result = score(Instances.from_labels(found), Instances.from_labels(truth))
    assert result.SEG == 0  # 4 of 8 voxels are not more than half
    assert result.SBD == pytest.approx(2 * 4 / (4 + 8))


def test_many_objects_are_counted_exactly() -> None:
    side = 265  # 70,225 objects of 3 x 3 pixels; every find is one column off
    ids = np.arange(1, side * side + 1).reshape(side, side)
    labels = np.kron(np.pad(ids, 1), np.ones((3, 3), int))
    result = score(Instances.from_labels(np.roll(labels, 1, axis=1)), Instances.from_labels(labels))
    assert result.n_truth == 70_225
    assert result.SEG == pytest.approx(6 / 12)
    assert result.tp[0.5] == 0
    assert result.truth_dice_sum == pytest.approx(70_225 * 12 / 18)


# Pooling


def test_pooled_and_mean_by_hand() -> None:
    one, two = score(FOUND, TRUTH), score(flat("1111"), flat("aaab"))
    # two: IoU a&1 3/4, b&1 1/4; TP 1, FN 1 at 0.5. Dice 6/7, 2/5. Foreground whole.
    pooled, averaged = pool([one, two]), mean([one, two])
    assert pooled.S[0.5] == pytest.approx(3 / (3 + 1 + 2))
    assert averaged["S"]["0.50"] == pytest.approx((2 / 4 + 1 / 2) / 2)
    assert pooled.PQ == pytest.approx((0.75 + 1 + 0.75) / (3 + 0.5 + 1))
    assert averaged["PQ"] == pytest.approx((1.75 / 3 + 0.75 / 1.5) / 2)
    assert pooled.foreground_dice == pytest.approx(2 * 14 / (16 + 18))
    assert averaged["foreground_dice"] == pytest.approx((20 / 26 + 1) / 2)
    assert pooled.SBD == pytest.approx((6 / 7 + 1 + 6 / 7 + 2 / 5) / 5)  # truth to found is the smaller
    assert averaged["SBD"] == pytest.approx(((6 / 7 + 1) / 3 + 22 / 35) / 2)
    assert pooled.SEG == pytest.approx((0.75 + 1 + 0.75 + 0.25) / 5)
    assert averaged["SEG"] == pytest.approx((1.75 / 3 + 1 / 2) / 2)


def test_counts_off_both_ways_cancel_when_pooled_and_not_in_the_mean() -> None:
    more, less = score(flat("12"), flat("aa")), score(flat("11"), flat("ab"))
    assert pool([more, less]).DiC == 0
    assert mean([more, less])["DiC"] == 1


def test_nothing_to_average() -> None:
    for combine in (pool, mean):
        with pytest.raises(BadArgument, match="no scores"):
            combine([])


# Properties

SHAPE = (3, 5)


@st.composite
def stacks(draw: st.DrawFn, most: int = 4) -> np.ndarray:
    """Up to `most` masks that may share pixels; none is empty."""
    masks = draw(arrays(bool, (draw(st.integers(0, most)), *SHAPE)))
    return masks[masks.any(axis=(1, 2))]


def brute_force(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Every figure by its definition, from sets of pixels and all one-to-one matchings."""
    if len(found) == 0 or len(truth) == 0:
        equal = float(len(found) == len(truth))
        return dict.fromkeys(["S", "SBD", "foreground_dice", "PQ", "SEG"], equal)
    shared = (found[:, None] & truth[None]).sum(axis=(2, 3))
    sizes_f, sizes_t = found.sum(axis=(1, 2)), truth.sum(axis=(1, 2))
    dice = 2 * shared / (sizes_f[:, None] + sizes_t)
    iou = shared / (found[:, None] | truth[None]).sum(axis=(2, 3))
    table = iou if len(found) <= len(truth) else iou.T
    hits, quality = max(
        (int(sum(v > 0.5 for v in values)), sum(v for v in values if v > 0.5))
        for chosen in permutations(range(table.shape[1]), len(table))
        for values in [[table[row, column] for row, column in enumerate(chosen)]]
    )
    seg = [
        max((iou[f, t] for f in range(len(found)) if 2 * shared[f, t] > sizes_t[t]), default=0.0)
        for t in range(len(truth))
    ]
    a, b = found.any(axis=0), truth.any(axis=0)
    return {
        "S": hits / (len(found) + len(truth) - hits),
        "SBD": min(dice.max(axis=0).mean(), dice.max(axis=1).mean()),
        "foreground_dice": 2 * (a & b).sum() / (a.sum() + b.sum()),
        "PQ": quality / ((len(found) + len(truth)) / 2),
        "SEG": float(np.mean(seg)),
    }


@settings(max_examples=300, deadline=None)
@given(stacks(), stacks())
def test_brute_force_agrees(found: np.ndarray, truth: np.ndarray) -> None:
    result = score(Instances.from_masks(found), Instances.from_masks(truth))
    expected = brute_force(found, truth)
    assert result.S[0.5] == pytest.approx(expected.pop("S"))
    assert {name: getattr(result, name) for name in expected} == pytest.approx(expected)


@settings(deadline=None)
@given(stacks(), stacks(), st.randoms())
def test_order_and_planes_do_not_matter(found: np.ndarray, truth: np.ndarray, random: object) -> None:
    shuffled = list(range(len(found)))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    spread = np.zeros((len(found) + 1, *SHAPE), np.uint32)  # a plane for each object, and one to spare
    for plane, k in zip(spread, shuffled, strict=False):
        plane[found[k]] = k + 1
    one = score(Instances.from_masks(found), Instances.from_masks(truth))
    for other in (Instances.from_masks(found[shuffled]), Instances(spread)):
        assert figures_but_dic(score(other, Instances.from_masks(truth))) == pytest.approx(figures_but_dic(one))


@settings(deadline=None)
@given(stacks(), stacks())
def test_all_but_seg_and_dic_are_symmetric(found: np.ndarray, truth: np.ndarray) -> None:
    a, b = Instances.from_masks(found), Instances.from_masks(truth)
    there, back = score(a, b), score(b, a)
    assert figures_but_dic(there)[:-1] == pytest.approx(figures_but_dic(back)[:-1])
    assert there.DiC == -back.DiC


@settings(deadline=None)
@given(stacks())
def test_the_truth_itself_is_perfect(truth: np.ndarray) -> None:
    objects = Instances.from_masks(truth)
    assert set(figures_but_dic(score(objects, objects))) == {1.0}


@settings(deadline=None)
@given(st.tuples(*[stacks(most=3)] * 4))
def test_pooled_is_the_score_of_the_images_side_by_side(four: tuple[np.ndarray, ...]) -> None:
    def beside(left: np.ndarray, right: np.ndarray) -> Instances:
        wide = [np.pad(left, [(0, 0), (0, 0), (0, SHAPE[1])]), np.pad(right, [(0, 0), (0, 0), (SHAPE[1], 0)])]
        return Instances.from_masks(np.concatenate(wide))

    found, truth, other_found, other_truth = four
    pooled = pool([_score_of_masks(found, truth), _score_of_masks(other_found, other_truth)])
    whole = score(beside(found, other_found), beside(truth, other_truth))
    assert figures_but_dic(pooled) == pytest.approx(figures_but_dic(whole))
    assert pooled.DiC == whole.DiC


def _score_of_masks(found: np.ndarray, truth: np.ndarray) -> Score:
    return score(Instances.from_masks(found), Instances.from_masks(truth))


# Against a library


@pytest.mark.filterwarnings("ignore")
def test_stardist_agrees() -> None:
    library = pytest.importorskip("stardist.matching")
    random = np.random.default_rng(0)
    truth = np.kron(np.arange(1, 65).reshape(8, 8), np.ones((8, 8), int))
    found = np.where(random.random(truth.shape) < 0.85, np.roll(truth, (1, 1), (0, 1)), 0)
    found[found % 7 == 3] = 0
    result = score(Instances.from_labels(found), Instances.from_labels(truth))
    for t in THRESHOLDS:
        theirs = library.matching(truth, found, thresh=t + 1e-6)  # there a pair matches at the threshold too
        assert (result.tp[t], result.fp[t], result.fn[t]) == (theirs.tp, theirs.fp, theirs.fn)
        assert result.S[t] == pytest.approx(theirs.accuracy)
    assert 0 < result.tp[0.5] < 64
    assert result.PQ == pytest.approx(library.matching(truth, found, thresh=0.5 + 1e-6).panoptic_quality)


@pytest.mark.filterwarnings("ignore")
def test_torchmetrics_agrees() -> None:
    library = pytest.importorskip("torchmetrics.functional.detection")
    torch = pytest.importorskip("torch")
    pairs = [torch.from_numpy(np.stack([o.labels > 0, o.labels], -1).astype(int)[None]) for o in (FOUND, TRUTH)]
    theirs = library.panoptic_quality(*pairs, things={1}, stuffs={0}, return_per_class=True)[0]
    assert score(FOUND, TRUTH).PQ == pytest.approx(float(theirs[0]))


# Report


def report() -> Report:
    return Report({"first": score(FOUND, TRUTH), "second": score(flat("1111"), flat("aaab"))})


KEYS = ["S", "S_mean", "SBD", "DiC", "foreground_dice", "PQ", "SEG", "sharing"]


def test_json_has_the_layout_that_others_read() -> None:
    read = json.loads(report().to_json())
    assert list(read) == ["mean", "pooled", "images"]
    assert list(read["mean"]) == list(read["pooled"]) == KEYS
    assert list(read["mean"]["S"]) == [f"0.{percent}" for percent in range(50, 100, 5)]
    assert [list(image) for image in read["images"]] == [["name", *KEYS, "n_found", "n_truth"]] * 2
    assert [image["name"] for image in read["images"]] == ["first", "second"]
    assert [image["DiC"] for image in read["images"]] == [0, -1]
    assert (read["mean"]["DiC"], read["pooled"]["DiC"]) == (0.5, -1)
    assert read["images"][0]["S"]["0.75"] == pytest.approx(0.2)


def test_table_is_aligned_and_complete() -> None:
    head, *lines = report().table().splitlines()
    first = next(line for line in lines if line.startswith("first"))
    assert first.split() == [
        "first",
        "3",
        "3",
        "0.500",
        "0.200",
        "0.200",
        "0.380",
        "0.619",
        "0",
        "0.769",
        "0.583",
        "0.583",
    ]
    averaged = next(line for line in lines if line.startswith("mean"))
    pooled = next(line for line in lines if line.startswith("pooled"))
    assert {len(line) for line in (head, first, averaged, pooled)} == {len(head)}
    assert pooled.split()[1:3] == ["4", "5"]
    assert pooled.split()[8] == "-1"
    assert averaged.split()[6] == "0.50"  # of |DiC|, 0 and 1
    assert averaged.split()[1] == "0.500"


def test_rows_of_several_reports() -> None:
    text = table_of({"found foreground": report(), "true foreground": Report({"first": score(TRUTH, TRUTH)})})
    rows = [line.split() for line in text.splitlines()]
    assert ["true", "foreground", "mean", *["1.000"] * 5, "0.00", *["1.000"] * 3] in rows
    assert rows.index(["pooled", *["1.000"] * 5, "0", *["1.000"] * 3]) > 4


def test_worst_first() -> None:
    half = score(flat("11.."), flat("aaaa"))  # S 0 everywhere, although its best Dice, 2/3, is above that of FOUND
    scores = {"good": score(TRUTH, TRUTH), "half": half, "none": score(EMPTY, TRUTH), "fair": score(FOUND, TRUTH)}
    assert Report(scores).worst(3) == ["none", "half", "fair"]


def test_an_empty_report_is_refused() -> None:
    with pytest.raises(BadArgument):
        Report({})
    with pytest.raises(BadArgument):
        table_of({})


class TestPartlyKnownTruth:
    """Objects that lie where the truth is not known are neither right nor wrong."""

    def test_finds_beside_what_is_known_do_not_count(self) -> None:
        truth = np.zeros((6, 12), np.uint32)
        truth[:3, :3] = 1
        found = truth.copy()
        found[4:, 8:] = 2
        dense = score(Instances.from_labels(found), Instances.from_labels(truth))
        sparse = score(Instances.from_labels(found), Instances.from_labels(truth, known=truth > 0))
        assert (dense.S[0.5], sparse.S[0.5]) == (0.5, 1.0)
        assert (dense.DiC, sparse.DiC) == (1, 0)
        assert sparse.foreground_dice == 1

    def test_finds_on_known_background_are_false(self) -> None:
        truth = np.zeros((6, 12), np.uint32)
        truth[:3, :3] = 1
        found = truth.copy()
        found[4:, 8:] = 2
        known = (truth > 0) | (found == 2)
        assert score(Instances.from_labels(found), Instances.from_labels(truth, known=known)).S[0.5] == 0.5


def test_cells_that_share_pixels_are_scored_as_the_challenge_does() -> None:
    """Two true cells of 20 pixels that share 8; one found with 18 of its pixels and 2 others, one hardly."""
    truth, found = np.zeros((2, 10, 10), bool), np.zeros((2, 10, 10), bool)
    truth[0, :4, :5], truth[1, 2:6, 1:6] = True, True
    found[0, :4, :5], found[1, 2:4, 1:4] = True, True
    found[0, 0, :2], found[0, 9, :2] = False, True
    result = score(Instances.from_masks(found), Instances.from_masks(truth)).sharing
    figures = result.figures()
    assert (result.n_truth, result.n_good) == (2, 1)
    assert figures["well_found_dice"] == pytest.approx(2 * 18 / 40)
    assert figures["object_fnr"] == 0.5
    assert figures["pixel_tpr"] == pytest.approx(18 / 20)
    assert figures["pixel_fpr"] == pytest.approx(2 / 80)
    assert figures["mean_iou"] == pytest.approx((18 / 22 + 6 / 20) / 2)
    assert figures["overlap_recall"] == pytest.approx(6 / 8)


def test_of_no_object_nothing_is_wrong_with_its_sharing() -> None:
    nothing = Instances(np.zeros((1, 4, 4), np.uint32))
    figures = score(nothing, nothing).sharing.figures()
    assert list(figures.values()) == [1, 0, 1, 0, 1, 1]


def test_sharing_is_pooled_by_counts() -> None:
    masks = np.zeros((2, 6, 6), bool)
    masks[0, :4], masks[1, 2:] = True, True
    both, one = Instances.from_masks(masks), Instances.from_masks(masks[:1])
    pooled = pool([score(both, both), score(one, both)]).sharing.figures()
    assert pooled["overlap_recall"] == 0.5
    assert pooled["object_fnr"] == 0.25
