"""Pictures: which pixels are coloured, that neighbours differ, what part is shown, and what is written."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as Picture

from napari_discern.errors import BadArgument, OutputExists
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.metrics import score
from napari_discern.pictures import Case, colouring, draw_misses, misses, overlay, save_overlay
from napari_discern.pictures.overlay import PALETTE

LABELS = np.zeros((20, 30), int)
LABELS[2:9, 2:14] = 1
LABELS[2:9, 14:28] = 2
LABELS[12:18, 4:10] = 3
OBJECTS = Instances.from_labels(LABELS)
RAMP = Image(np.tile(np.arange(30, dtype=np.uint16) * 100, (20, 1)), "yx", name="ramp")


def is_grey(picture: np.ndarray) -> np.ndarray:
    return (picture == picture[..., :1]).all(axis=-1)


def test_overlay_tints_objects_and_leaves_the_rest_grey() -> None:
    picture = overlay(RAMP, OBJECTS)
    assert picture.dtype == np.uint8
    assert picture.shape == (20, 30, 3)
    assert (is_grey(picture) == (LABELS == 0)).all()
    background = picture[10, :, 0].astype(int)
    assert background[0] == 0
    assert background[-1] == 255
    assert (np.diff(background) >= 0).all()


def test_overlay_outlines_are_stronger_than_the_inside_and_differ_between_neighbours() -> None:
    dark = Image(np.zeros((20, 30), np.uint8), "yx")
    picture = overlay(dark, OBJECTS).astype(int)
    assert picture[5, 13].sum() > 2 * picture[5, 8].sum()  # edge of 1 beside 2, inside of 1
    assert (picture[5, 13] != picture[5, 14]).any()


def test_magnified_outlines_stay_thin() -> None:
    large = overlay(RAMP, OBJECTS, magnify=4)
    assert large.shape == (80, 120, 3)
    assert (is_grey(large) == np.kron(LABELS == 0, np.ones((4, 4), bool))).all()
    row = large[5 * 4]
    assert (row[2 * 4] != row[2 * 4 + 1]).any()  # the outline is one pixel, not four


def test_overlapping_objects_are_all_seen() -> None:
    masks = np.zeros((2, 20, 30), bool)
    masks[0, 2:12, 2:15] = masks[1, 6:18, 8:28] = True
    picture = overlay(Image(np.zeros((20, 30), np.uint8), "yx"), Instances.from_masks(masks))
    assert (is_grey(picture) == ~masks.any(axis=0)).all()
    assert (picture[2, 5] != picture[17, 20]).any()
    assert (picture[8, 11] != picture[4, 4]).any()  # shared pixels take on both tints


def test_of_a_volume_the_slice_with_most_objects_is_shown() -> None:
    volume = np.zeros((3, 20, 30), np.uint8)
    volume[1] = np.arange(30) * 8
    labels = np.zeros((3, 20, 30), int)
    labels[1], labels[2, :2, :2] = LABELS, 9
    picture = overlay(Image(volume, "zyx"), Instances.from_labels(labels))
    assert (picture == overlay(Image(volume[1], "yx"), OBJECTS)).all()


def test_rgb_stays_in_colour_and_channels_are_grey() -> None:
    colours = np.zeros((20, 30, 3), np.uint8)
    colours[:, :15, 0] = 200
    nothing = Instances(np.zeros((1, 20, 30), np.uint32))
    assert overlay(Image(colours, "yxs"), nothing)[0, 0].tolist() == [255, 0, 0]
    assert overlay(Image(colours.transpose(2, 0, 1), "cyx"), nothing)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan, np.inf])
def test_flat_and_unreal_pixels_are_black(value: float) -> None:
    pixels = np.full((20, 30), value, np.float32)
    assert not overlay(Image(pixels, "yx"), Instances(np.zeros((1, 20, 30), np.uint32))).any()


def test_one_bad_pixel_does_not_spoil_the_contrast() -> None:
    pixels = np.tile(np.arange(30, dtype=np.float32), (20, 1))
    pixels[0, 0] = np.nan
    picture = overlay(Image(pixels, "yx"), OBJECTS)
    assert picture[10, -1, 0] == 255
    assert picture[0, 0, 0] == 0


def test_overlay_refuses_another_shape() -> None:
    with pytest.raises(BadArgument, match=r"ramp.*\(20, 30\).*\(10, 30\)"):
        overlay(RAMP, Instances.from_labels(LABELS[:10]))


@settings(deadline=None, max_examples=50)
@given(arrays(np.uint32, (2, 6, 6), elements=st.integers(0, 3)))
def test_touching_and_overlapping_objects_differ_in_colour(planes: np.ndarray) -> None:
    planes[1][planes[1] > 0] += 3
    colours = colouring(planes)
    for one in planes:
        for other in planes:
            for a, b in ((one, other), (one[1:], other[:-1]), (one[:, 1:], other[:, :-1])):
                near = (a > 0) & (b > 0) & (a != b)
                assert (colours[a[near]] != colours[b[near]]).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 4)])
def test_the_smallest_images_are_drawn(shape: tuple[int, int]) -> None:
    truth = Instances.from_labels(np.arange(1, 1 + np.prod(shape)).reshape(shape))
    assert overlay(Image(np.zeros(shape, np.uint8), "yx"), truth).any()


def test_colours_of_many_objects_are_all_used() -> None:
    ids = np.random.default_rng(0).permutation(400).reshape(20, 20) + 1
    labels = np.kron(ids, np.ones((7, 7), int)).astype(np.uint32)
    colours = colouring(labels[None])
    inside = colours[labels]
    step = inside[3::7, 3::7]
    assert (step[1:] != step[:-1]).all()
    assert (step[:, 1:] != step[:, :-1]).all()
    assert (step[1:, 1:] != step[:-1, :-1]).all()
    assert np.bincount(colours[1:], minlength=len(PALETTE)).min() > 30


def test_overlay_is_saved_as_png_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "overlay.png"
    save_overlay(RAMP, OBJECTS, path)
    with Picture.open(path) as picture:
        assert picture.format == "PNG"
        assert max(picture.size) >= 1000
        assert picture.size[0] * 20 == picture.size[1] * 30
    with pytest.raises(OutputExists):
        save_overlay(RAMP, OBJECTS, path)
    assert [p.name for p in tmp_path.iterdir()] == ["overlay.png"]


# Misses


def case(found: np.ndarray, truth: np.ndarray = LABELS, image: Image | None = None) -> Case:
    one, other = Instances.from_labels(found), Instances.from_labels(truth)
    return Case("toy", one, other, score(one, other), image)


FOUND = np.where(LABELS == 3, 0, LABELS)
FOUND[14:17, 20:26] = 5  # 3 is missed, and this is none


def drawn(one: Case) -> SimpleNamespace:
    """What is on the panel: outlines by kind, letters with their places, title and picture."""
    from matplotlib.figure import Figure

    ax: Any = Figure().subplots()
    misses._draw(ax, one)
    lines = {kind: list(group.get_paths()) for kind, group in zip(misses.STYLES, ax.collections, strict=True)}
    letters = [(text.get_text(), *text.get_position()) for text in ax.texts]
    return SimpleNamespace(
        lines=lines, letters=letters, title=ax.get_title(loc="left"), picture=ax.images[0].get_array()
    )


def test_outlines_go_round_their_objects() -> None:
    panel = drawn(case(FOUND))
    assert {kind: len(lines) for kind, lines in panel.lines.items()} == {"true": 2, "found": 2, "missed": 1, "false": 1}
    box = panel.lines["missed"][0].get_extents()
    assert (box.x0, box.x1, box.y0, box.y1) == (3.5, 9.5, 11.5, 17.5)
    box = panel.lines["false"][0].get_extents()
    assert (box.x0, box.x1, box.y0, box.y1) == (19.5, 25.5, 13.5, 16.5)


def test_mistakes_are_marked_by_letters_above_and_below() -> None:
    (missed, x, y), (false, other_x, other_y) = drawn(case(FOUND)).letters
    assert (missed, y, 3.5 <= x <= 9.5) == ("M", 11.5, True)
    assert (false, other_y, 19.5 <= other_x <= 25.5) == ("F", 16.5, True)


def test_an_object_in_two_pieces_has_one_letter() -> None:
    truth = LABELS.copy()
    truth[14:17, 20:26] = 3
    panel = drawn(case(np.where(LABELS == 3, 0, LABELS), truth))
    assert len(panel.lines["missed"]) == 2
    assert len(panel.letters) == 1


def test_styles_differ_by_more_than_colour() -> None:
    looks = {(str(style["linestyle"]), style["linewidth"]) for style in misses.STYLES.values()}
    assert len(looks) == len(misses.STYLES)


def test_title_gives_scores_and_counts() -> None:
    title = drawn(case(FOUND)).title
    assert "S(0.5) 0.500" in title
    assert "3 true, 3 found: 1 missed, 1 false" in title


@pytest.mark.parametrize(("missed", "window"), [(1, "y 5-261, x 5-261"), (2, "y 300-556, x 600-856")])
def test_the_window_of_a_large_image_holds_the_mistakes(missed: int, window: str) -> None:
    truth = np.zeros((600, 900), int)
    truth[10:20, 10:20], truth[500:512, 800:812] = 1, 2
    panel = drawn(case(truth * (truth != missed), truth))
    assert panel.picture.shape == (256, 256, 3)
    assert len(panel.lines["missed"]) == 1
    assert not panel.lines["true"]
    assert window in panel.title  # amid those that hold it: from 0 to 10; from 256 to 344 and from 556 to 644


def test_an_outline_leaves_out_what_else_is_in_the_box() -> None:
    truth = np.full((20, 30), 1)
    truth[5:10, 5:10] = 2
    outer, hole = drawn(case(truth * (truth != 1), truth)).lines["missed"]
    assert {tuple(line.get_extents().extents) for line in (outer, hole)} == {
        (-0.5, -0.5, 29.5, 19.5),
        (4.5, 4.5, 9.5, 9.5),
    }


def test_the_slice_of_a_volume_with_most_mistakes_is_shown() -> None:
    truth = np.zeros((4, 20, 30), int)
    truth[0], truth[2:, 3:6, 3:6] = LABELS, 8
    truth[3, 3:9, 3:9] = 8
    pixels = np.zeros((4, 20, 30), np.uint8)
    pixels[3, 10:] = 100
    panel = drawn(case(truth * (truth != 8), truth, Image(pixels, "zyx")))
    assert "z 3" in panel.title
    assert (panel.picture[10:] > 0).all()
    assert not panel.picture[:10].any()


def test_without_pixels_true_objects_are_grey() -> None:
    picture = drawn(case(FOUND)).picture
    assert (picture[LABELS == 3] > picture[0, 0]).all()


@pytest.mark.parametrize(("found", "truth"), [(LABELS, LABELS), (LABELS * 0, LABELS), (LABELS, LABELS * 0)])
@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_figures_are_written(found: np.ndarray, truth: np.ndarray, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"worst.{suffix}"
    draw_misses([case(found, truth, RAMP)] * 4, path)
    assert path.read_bytes()[:4] == {"png": b"\x89PNG", "pdf": b"%PDF"}[suffix]
    with pytest.raises(OutputExists):
        draw_misses([case(found, truth)], path)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="one image at least"):
        draw_misses([], tmp_path / "worst.png")
    with pytest.raises(BadArgument, match=r"\.png"):
        draw_misses([case(FOUND)], tmp_path / "worst.docx")
    with pytest.raises(BadArgument, match="same"):
        draw_misses([case(FOUND, image=Image(np.zeros((5, 5)), "yx"))], tmp_path / "worst.png")
    assert not list(tmp_path.iterdir())
