"""COCO JSON and label planes: objects that share pixels, out and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stubs import masks_of

from napari_discern import io
from napari_discern.errors import BadArgument, BadFile
from napari_discern.image import Image
from napari_discern.instances import Instances

SQUARE = [2.0, 1.0, 6.0, 1.0, 6.0, 5.0, 2.0, 5.0]


def objects(seed: int = 0, number: int = 7, shape: tuple[int, int] = (23, 31)) -> Instances:
    random, (y, x) = np.random.default_rng(seed), np.indices(shape)
    masks = [
        np.hypot(y - random.integers(shape[0]), x - random.integers(shape[1])) < random.integers(2, 8)
        for _ in range(number)
    ]
    return Instances.from_masks(np.array(masks).reshape(-1, *shape))


def annotated(**changes: Any) -> dict[str, Any]:
    """Two images of 10 x 8 pixels with a square each, the second as run lengths."""
    counts = [17, 4, 4, 4, 4, 4, 4, 4, 35]  # column by column
    content = {
        "images": [
            {"id": 7, "file_name": "some/a.png", "height": 8, "width": 10},
            {"id": 9, "file_name": "b.png", "height": 8, "width": 10},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "segmentation": [SQUARE], "iscrowd": 0},
            {"id": 2, "image_id": 9, "segmentation": {"size": [8, 10], "counts": counts}, "iscrowd": 0},
        ],
    }
    return {**content, **changes}


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("suffix", [".coco.json", ".planes.tif", ".masks.npz"])
@given(seed=st.integers(0, 1000), number=st.integers(1, 9))
def test_objects_that_share_pixels_come_back(
    suffix: str, seed: int, number: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = objects(seed, number)
    path = tmp_path_factory.mktemp("out") / f"a{suffix}"
    io.write_masks(path, before)
    after = io.read_instances(path)
    assert len(after.planes) <= len(before.planes)
    for one, other in zip(masks_of(before), masks_of(after), strict=True):
        assert np.array_equal(one, other)


def test_no_objects_come_back_from_coco(tmp_path: Path) -> None:
    io.write_masks(tmp_path / "a.coco.json", Instances(np.zeros((1, 5, 6), np.uint32)))
    back = io.read_instances(tmp_path / "a.coco.json")
    assert (back.n, back.shape) == (0, (5, 6))


def test_planes_of_a_volume_keep_their_spacing(tmp_path: Path) -> None:
    planes = np.zeros((2, 3, 8, 9), np.uint32)
    planes[0, :, 1:5, 1:5], planes[1, :, 3:7, 3:8] = 1, 2
    before = Instances(planes, spacing=(2.0, 0.5, 0.5), unit="micrometer")
    io.write_masks(tmp_path / "a.planes.tif", before)
    after = io.read_instances(tmp_path / "a.planes.tif")
    assert np.array_equal(after.planes, planes)
    assert (after.spacing, after.unit) == (before.spacing, before.unit)


def test_an_id_in_two_planes_is_one_object(tmp_path: Path) -> None:
    import tifffile

    painted = np.array([[[5, 5, 9, 9]], [[0, 0, 5, 0]]], np.uint16)
    tifffile.imwrite(tmp_path / "a.planes.tif", painted)
    found = io.read_instances(tmp_path / "a.planes.tif")
    assert [mask.tolist() for mask in masks_of(found)] == [[[True, True, True, False]], [[False, False, True, True]]]


def test_the_file_names_its_image(tmp_path: Path) -> None:
    io.write_image(tmp_path / "images" / "cell_1.png", Image(np.zeros((23, 31), np.uint8), "yx"))
    io.write_masks(tmp_path / "cell_1.coco.json", objects())
    (pair,) = io.pair(tmp_path / "images", tmp_path / "cell_1.coco.json")
    assert pair.read()[1].n == objects().n


def test_a_single_plane_is_read_as_one(tmp_path: Path) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "a.planes.tif", np.array([[0, 3, 3, 7]] * 4, np.uint16))
    assert io.read_instances(tmp_path / "a.planes.tif").n == 2


def test_coco_has_no_place_for_volumes(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="no place for volumes"):
        io.write_masks(tmp_path / "a.coco.json", Instances(np.ones((1, 2, 3, 4), np.uint32)))
    assert not list(tmp_path.iterdir())


def test_one_file_of_all_images_goes_with_a_folder(tmp_path: Path) -> None:
    for name in "ab":
        io.write_image(tmp_path / "images" / f"{name}.png", Image(np.zeros((8, 10), np.uint8), "yx"))
    pairs = io.pair(tmp_path / "images", write(tmp_path / "all.json", annotated()))
    assert [pair.name for pair in pairs] == ["a", "b"]
    square = np.zeros((8, 10), bool)
    square[1:5, 2:6] = True
    for pair in pairs:
        assert np.array_equal(pair.read()[1].labels == 1, square)


def test_an_image_that_the_file_lacks_is_named(tmp_path: Path) -> None:
    for name in "abc":
        io.write_image(tmp_path / "images" / f"{name}.png", Image(np.zeros((8, 10), np.uint8), "yx"))
    with pytest.raises(BadFile, match=r"c\.png"):
        io.pair(tmp_path / "images", write(tmp_path / "all.json", annotated()))


def change(index: int, **values: Any) -> dict[str, Any]:
    content = annotated()
    content["annotations"][index] |= values
    return content


@pytest.mark.parametrize(("content", "words"), [
    (change(0, segmentation=[[2.0, 1.0, 30.0, 1.0, 6.0, 5.0]]), r"annotations\[0\] .*outside its image of 10 x 8"),
    (change(0, segmentation=[[2.0, 1.0, 3.0, 1.0]]), r"annotations\[0\] .*fewer than three points"),
    (change(0, segmentation=[]), r"annotations\[0\] .*no segmentation"),
    (change(0, iscrowd=1), r"annotations\[0\] .*crowd region"),
    (change(1, image_id=8), r"annotations\[1\] is of image id 8"),
    (change(0, segmentation={"size": [10, 8], "counts": [80]}), r"size \[10, 8\], but its image is \[8, 10\]"),
    (change(0, segmentation={"size": [8, 10], "counts": [3]}), r"do not add up"),
    (change(0, segmentation={"size": [8, 10], "counts": [80]}), r"annotations\[0\] .*covers no pixel"),
])  # fmt: skip
def test_what_cannot_be_used_is_named_and_nothing_is_used(tmp_path: Path, content: Any, words: str) -> None:
    io.write_image(tmp_path / "images" / "a.png", Image(np.zeros((8, 10), np.uint8), "yx"))
    io.write_image(tmp_path / "images" / "b.png", Image(np.zeros((8, 10), np.uint8), "yx"))
    first, _ = io.pair(tmp_path / "images", write(tmp_path / "all.json", content))
    with pytest.raises(BadFile, match=words):
        first.read()


@pytest.mark.parametrize("content", [[], {"images": []}, {"images": [{"id": 1}], "annotations": []}, "x"])
def test_what_is_no_coco_file_says_so(tmp_path: Path, content: Any) -> None:
    with pytest.raises(BadFile, match="no COCO JSON file"):
        io.read_instances(write(tmp_path / "a.coco.json", content))


def test_ids_that_stand_twice_are_refused(tmp_path: Path) -> None:
    content = annotated()
    content["images"][1]["id"] = 7
    with pytest.raises(BadFile, match="twice"):
        io.read_instances(write(tmp_path / "a.coco.json", content))
