"""Bad files are refused in words that help, and nothing is lost or left half written."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
import zarr

from napari_discern import io
from napari_discern.errors import BadArgument, BadFile, OutputExists
from napari_discern.image import Image
from napari_discern.instances import Instances

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 60_000, (5, 16, 17)).astype(np.uint16)
OBJECTS = Instances.from_labels(np.kron([[1, 0], [2, 3]], np.ones((4, 4), int)))

WAYS = {
    "plain": {"photometric": "minisblack"},
    "bare": {"photometric": "minisblack", "metadata": None},
    "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "ome": {"ome": True, "metadata": {"axes": "ZYX"}},
    "zlib": {"photometric": "minisblack", "compression": "zlib"},
    "zlib bare": {"photometric": "minisblack", "compression": "zlib", "metadata": None, "rowsperstrip": 4},
    "zlib ome": {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    "tiles": {"photometric": "minisblack", "tile": (16, 16), "compression": "zlib"},
    "bigtiff": {"photometric": "minisblack", "bigtiff": True},
}


# What cannot be read


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("ignore")  # tifffile's own, on broken tags
def test_tiff_that_is_cut_off_is_refused_or_whole(tmp_path: Path, way: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS, **WAYS[way])
    raw = path.read_bytes()
    refused = 0
    for size in range(0, len(raw), 61):
        path.write_bytes(raw[:size])
        try:
            image = io.read(path)
        except BadFile as error:
            assert str(path) in str(error)  # noqa: PT017
            refused += 1
        else:
            np.testing.assert_array_equal(image.data, PIXELS)
    assert refused > len(raw) // 61 // 2


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.npy", "a.npz"])
def test_other_files_that_are_cut_off_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.npz":
        io.write_masks(path, OBJECTS)
    elif name == "a.npy":
        np.save(path, PIXELS)
    else:
        PIL.Image.fromarray(PIXELS[0].astype(np.uint8)).save(path)
    raw = path.read_bytes()
    read = io.read_instances if name == "a.npz" else io.read
    for size in (1, 5, len(raw) // 3, len(raw) // 2, len(raw) * 2 // 3):
        path.write_bytes(raw[:size])
        with pytest.raises(BadFile, match=re.escape(name)):
            read(path)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg", "a.npy", "a.npz", "a.masks.tif"])
@pytest.mark.parametrize(("content", "words"), [(b"", "empty"), (b"Dear reader, this is no image. " * 9, "damaged")])
def test_files_that_are_no_image_are_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadFile, match=words):
        io.read_instances(tmp_path / name) if "jpg" not in name else io.read(tmp_path / name)


def test_unknown_suffix_lists_the_known(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(BadFile, match=r"(?s)xyz.*\.tif.*\.png.*\.zarr"):
        io.read(tmp_path / "a.xyz")
    with pytest.raises(BadArgument, match=r"(?s)xyz.*\.tif"):
        io.write_labels(tmp_path / "b.xyz", OBJECTS)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr", "a.xyz", "nowhere/a.png"])
def test_missing_file_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadFile, match="does not exist"):
        io.read(tmp_path / name)


def test_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="is a folder"):
        io.read(tmp_path)


@pytest.mark.parametrize("name", ["a.npz", "a.masks.tif"])
def test_masks_are_no_image(tmp_path: Path, name: str) -> None:
    io.write_masks(tmp_path / name, OBJECTS)
    with pytest.raises(BadFile, match="masks"):
        io.read(tmp_path / name)


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_complex_pixels_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    tifffile.imwrite(path, np.ones((4, 5), complex)) if suffix == ".tif" else np.save(path, np.ones((4, 5), complex))
    with pytest.raises(BadFile, match="complex128"):
        io.read(path)


def test_axes_that_cannot_be_told_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 3, 6, 7), np.uint8), photometric="minisblack")
    with pytest.raises(BadFile, match="OME-TIFF"):
        io.read(tmp_path / "a.tif")


def test_missing_codec_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    tifffile.imwrite(tmp_path / "a.tif", PIXELS[0])
    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", fail)
    with pytest.raises(BadFile, match="pip install imagecodecs"):
        io.read(tmp_path / "a.tif")


def test_zarr_without_an_image_names_what_is_inside(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w").create_group("well")
    with pytest.raises(BadFile, match="well"):
        io.read(tmp_path / "a.zarr")


def test_damaged_chunk_names_the_file_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    io.write_image(path, Image(PIXELS, "zyx"))
    chunk = next(p for p in (path / "0" / "c").rglob("*") if p.is_file())
    chunk.write_bytes(chunk.read_bytes()[:100])
    image = io.read(path)
    with pytest.raises(BadFile, match=r"a\.ome\.zarr"):
        image.read()


# What is no labels


def refuse(path: Path, words: str) -> None:
    with pytest.raises(BadFile, match=words) as caught:
        io.read_instances(path)
    assert path.name in str(caught.value)


def test_labels_in_colour_are_refused(tmp_path: Path) -> None:
    colours = np.zeros((6, 7, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb")
    PIL.Image.fromarray(colours).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", colours)
    for name in ("a.tif", "a.png", "a.npy"):
        refuse(tmp_path / name, "one integer a pixel")


def test_labels_as_floats_are_refused_even_if_whole(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((6, 7), np.float32))
    np.save(tmp_path / "a.npy", np.ones((6, 7)))
    for name in ("a.tif", "a.npy"):
        refuse(tmp_path / name, "integers, not float.*uint16 or uint32")


def test_negative_labels_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((6, 7), -3, np.int16))
    refuse(tmp_path / "a.tif", "-3")


def test_labels_with_channels_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((2, 6, 7), np.uint8), imagej=True, metadata={"axes": "CYX"})
    refuse(tmp_path / "a.tif", "yx or zyx")


@pytest.mark.parametrize("stack", [np.eye(3, 30).reshape(3, 5, 6) > 0, 255 * np.eye(3, 30).reshape(3, 5, 6)])
def test_pages_with_two_values_are_neither_taken_for_labels_nor_masks(tmp_path: Path, stack: np.ndarray) -> None:
    pages = stack if stack.dtype == bool else stack.astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    refuse(tmp_path / "a.tif", r"STEM\.masks\.tif")
    assert io.read_instances((tmp_path / "a.tif").rename(tmp_path / "a.masks.tif")).n == 3


# What is no stack of masks


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({"labels": np.ones((3, 4, 5), bool)}, "no array named 'masks'.*savez"),
        ({"masks": np.array([{"a": 1}], dtype=object)}, "allow_pickle"),
        ({"masks": np.ones((4, 5), bool)}, r"\(n, y, x\).*\(4, 5\)"),
        ({"masks": np.ones((3, 4, 5))}, "boolean, not float64"),
        ({"masks": np.full((3, 4, 5), 7)}, "reach 7"),
        ({"masks": np.arange(3)[:, None, None] != np.ones((3, 4, 5))}, r"\[1\] of 3 are empty"),
    ],
)
def test_stacks_that_are_no_masks_are_refused(tmp_path: Path, stored: dict[str, np.ndarray], words: str) -> None:
    np.savez(tmp_path / "a.npz", **stored)
    refuse(tmp_path / "a.npz", f"(?s){words}")


def test_pickle_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
            return Path.touch, (tmp_path / "run",)

    np.savez(tmp_path / "a.npz", masks=np.array([Trap()], dtype=object))
    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    refuse(tmp_path / "a.npz", "allow_pickle")
    refuse(tmp_path / "a.npy", "allow_pickle|Python objects")
    assert not (tmp_path / "run").exists()


def test_flat_labels_named_masks_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.masks.tif", np.stack([OBJECTS.labels] * 2), photometric="minisblack")
    refuse(tmp_path / "a.masks.tif", "flat labels")


# Folders


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Eight images of 8 x 8 pixels, seven of them with labels, and labels of two others."""
    for name in "abcdefgh":
        io.write_image(tmp_path / "images" / f"{name}.tif", Image(np.zeros((8, 8), np.uint8), "yx"))
    for name in "bcdefghyz":
        io.write_labels(tmp_path / "labels" / f"{name}.tif", OBJECTS)
    return tmp_path / "images", tmp_path / "labels"


def test_missing_and_surplus_labels_are_counted_and_named(folders: tuple[Path, Path]) -> None:
    with pytest.raises(BadFile, match=r"1 of 8 files.*: a\.tif.*2 of 9 partners.*: y\.tif.*z\.tif"):
        io.pair(*folders)


def test_at_most_five_are_named(folders: tuple[Path, Path]) -> None:
    images, labels = folders
    for name in "bcdefgh":
        (labels / f"{name}.tif").unlink()
    with pytest.raises(BadFile, match=r"8 of 8 files.*a\.tif.*e\.tif.*and 3 more") as caught:
        io.pair(images, labels)
    assert "f.tif" not in str(caught.value)


def test_two_files_of_a_stem_are_named(folders: tuple[Path, Path]) -> None:
    images, labels = folders
    io.write_image(images / "c.png", Image(np.zeros((8, 8), np.uint8), "yx"))
    with pytest.raises(BadFile, match=r"c\.png and c\.tif"):
        io.pair(images, labels)


def test_folder_without_images_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="is empty"):
        io.list_images(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(BadFile, match=r"holds 1 others.*\.tif"):
        io.list_images(tmp_path)
    with pytest.raises(BadFile, match="does not exist"):
        io.list_images(tmp_path / "nowhere" / "*.tif")


def test_shapes_that_differ_name_both_files(tmp_path: Path) -> None:
    io.write_image(tmp_path / "images" / "a.png", Image(np.zeros((8, 9), np.uint8), "yx"))
    io.write_labels(tmp_path / "labels" / "a.tif", OBJECTS)
    (pair,) = io.pair(tmp_path / "images", tmp_path / "labels")
    with pytest.raises(BadFile, match=r"a\.tif.*\(8, 8\).*a\.png.*\(8, 9\)"):
        pair.read()


def test_pages_for_a_flat_image_hint_at_masks(tmp_path: Path) -> None:
    io.write_image(tmp_path / "images" / "a.png", Image(np.zeros((8, 8), np.uint8), "yx"))
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.stack([OBJECTS.labels == k for k in (1, 2, 3)]).astype(np.uint8),
        metadata={"axes": "ZYX"},
        photometric="minisblack",
    )
    pair = io.Pair("a", tmp_path / "images" / "a.png", tmp_path / "a.tif")
    with pytest.raises(BadFile, match=r"a\.masks\.tif"):
        pair.read()


# Writing


WRITERS: dict[str, Callable[[Path, bool], None]] = {
    "a.tif": lambda path, over: io.write_labels(path, OBJECTS, over),
    "a.npz": lambda path, over: io.write_masks(path, OBJECTS, over),
    "a.masks.tif": lambda path, over: io.write_masks(path, OBJECTS, over),
    "a.csv": lambda path, over: io.write_features(path, OBJECTS, over),
    "a.png": lambda path, over: io.write_image(path, Image(PIXELS[0], "yx"), over),
    "a.ome.zarr": lambda path, over: io.write_image(path, Image(PIXELS, "zyx"), over),
    "a.npy": lambda path, over: io.write_image(path, Image(PIXELS, "zyx"), over),
}


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes: what a full disk looks like from inside."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def listing(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", WRITERS)
def test_output_that_exists_is_kept_unless_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path, False)
    before = listing(tmp_path)
    with pytest.raises(OutputExists, match="overwrite"):
        WRITERS[name](path, False)
    assert listing(tmp_path) == before
    WRITERS[name](path, True)
    assert listing(tmp_path).keys() == before.keys()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
@pytest.mark.parametrize("name", WRITERS)
def test_full_disk_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path, False)
    before = listing(tmp_path)
    with small_disk(60), pytest.raises(BadFile, match=rf"{re.escape(name)}.*disk has room"):
        WRITERS[name](path, True)
    assert listing(tmp_path) == before
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_removes_what_was_begun(tmp_path: Path) -> None:
    def write() -> None:
        with io.atomic(tmp_path / "model") as folder:
            folder.mkdir()
            (folder / "weights").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert not list(tmp_path.iterdir())


def test_atomic_replaces_a_folder_whole(tmp_path: Path) -> None:
    for names in (("a", "b"), ("a", "c")):
        with io.atomic(tmp_path / "model", overwrite=True, ours=("a", "b")) as folder:
            folder.mkdir()
            for name in names:
                (folder / name).write_text(name)
    assert listing(tmp_path) == {"model/a": b"a", "model/c": b"c"}


def test_atomic_puts_a_folder_back_if_the_move_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("old")
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        if Path(target).name == "model" and not Path(source).name.endswith(".old"):
            raise OSError("no")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(BadFile), io.atomic(tmp_path / "model", overwrite=True, ours=("old",)) as folder:
        folder.mkdir()
    assert listing(tmp_path) == {"model/old": b"old"}


def test_file_does_not_replace_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.tif").mkdir()
    with pytest.raises(OutputExists, match="is a folder"):
        io.write_labels(tmp_path / "a.tif", OBJECTS, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_parent_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(BadFile, match="could not be written"):
        io.write_labels(tmp_path / "out" / "a.tif", OBJECTS)


def test_bytes_reach_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    order: list[str] = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("fsync"), sync(handle)))
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("replace"), replace(a, b)))
    io.write_labels(tmp_path / "a.tif", OBJECTS)
    assert order == ["fsync", "replace"]


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("a.png", Image(np.zeros((4, 5), np.float32), "yx")),
        ("a.png", Image(np.zeros((3, 4, 5), np.uint8), "zyx")),
        ("a.tif", Image(np.zeros((4, 5), np.int64), "yx")),
        ("a.tif", Image(np.zeros((4, 5, 2), np.uint8), "yxs")),
        ("a.jpg", Image(np.zeros((4, 5), np.uint8), "yx")),
    ],
)
def test_pixels_without_a_place_are_refused(tmp_path: Path, name: str, image: Image) -> None:
    with pytest.raises(BadArgument, match=r"no place|Use one of"):
        io.write_image(tmp_path / name, image)
    assert not list(tmp_path.iterdir())
