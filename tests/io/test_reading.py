"""Images and objects come back from files as they went in."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from stubs import masks_of

from napari_discern import io
from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.io import tiff

quick = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
sizes = st.floats(1e-3, 1e3)
units = st.sampled_from(["pixel", "micrometer", "nanometer", "millimeter", "furlong"])


def draw(*rows: str) -> np.ndarray:
    """Labels out of rows of characters; a dot is background."""
    return np.array([[0 if c == "." else int(c, 36) for c in row] for row in rows])


LEAVES = draw("11..", "1122", "..22")
STACK = np.stack([LEAVES == 1, LEAVES == 2, draw("....", ".111", ".1..") > 0])  # the third lies on the other two


@st.composite
def images(draw_one: st.DrawFn, axes: tuple[str, ...], types: tuple[str, ...]) -> Image:
    letters = draw_one(st.sampled_from(axes))
    shape = tuple(3 if a == "s" else draw_one(st.integers(1, 5)) for a in letters)
    pixels = draw_one(arrays.arrays(draw_one(st.sampled_from(types)), shape))
    spatial = len([a for a in letters if a in "zyx"])
    spacing = tuple(draw_one(sizes) for _ in range(spatial))
    return Image(pixels, letters, spacing, draw_one(units))


@st.composite
def volumes(draw_one: st.DrawFn) -> Instances:
    """Flat objects, few or none, in 2D or 3D."""
    shape = draw_one(st.sampled_from([(4, 5), (1, 3), (2, 4, 3), (3, 1, 2)]))
    labels = draw_one(arrays.arrays(np.int64, shape, elements=st.integers(0, 5)))
    return Instances.from_labels(labels, spacing=tuple(draw_one(sizes) for _ in shape), unit=draw_one(units))


@st.composite
def overlapping(draw_one: st.DrawFn) -> Instances:
    """One to four objects that may share pixels, in 2D or 3D."""
    shape = draw_one(st.sampled_from([(4, 5), (2, 4, 3)]))
    masks = draw_one(arrays.arrays(bool, (draw_one(st.integers(1, 4)), *shape)))
    masks.reshape(len(masks), -1)[:, 0] = True
    return Instances.from_masks(masks, spacing=tuple(draw_one(sizes) for _ in shape), unit=draw_one(units))


def kept(image: Image) -> tuple[str, tuple[float, ...]]:
    """Axes and spacing once axes of length 1 are left out."""
    long = "".join(a for a in image.axes if a in "yx" or image.size(a) > 1)
    sizes = dict(zip(image.spatial_axes, image.spacing, strict=True))
    return long, tuple(sizes[a] for a in "zyx" if a in long)


def pixels(image: Image) -> np.ndarray:
    """All pixels, of one time point after another."""
    return np.concatenate([frame.read().ravel() for frame in image.split_frames()])


# Images


@quick
@given(images(("yx", "zyx", "cyx", "tyx", "czyx", "tczyx", "zcyx"), tiff.TYPES) | images(("yxs",), tiff.TYPES[1:]))
def test_tiff_gives_an_image_back(tmp_path: Path, image: Image) -> None:
    io.write_image(tmp_path / "a.tif", image, overwrite=True)
    back = io.read(tmp_path / "a.tif")
    axes, spacing = kept(image)
    assert (sorted(back.axes), back.spacing, back.unit, back.name) == (sorted(axes), spacing, image.unit, "a")
    assert back.data.dtype == image.data.dtype
    np.testing.assert_array_equal(pixels(back), pixels(image))
    assert back.spatial_shape == tuple(image.size(a) for a in back.spatial_axes)


@quick
@given(images(("yx", "zyx", "cyx", "tyx", "yxs", "xyc", "tczyx"), (*tiff.TYPES, "int64", "uint64", "float16")))
def test_ome_zarr_gives_an_image_back(tmp_path: Path, image: Image) -> None:
    io.write_image(tmp_path / "a.ome.zarr", image, overwrite=True)
    back = io.read(tmp_path / "a.ome.zarr")
    axes, spacing = kept(image)
    assert sorted(back.axes) == sorted(axes.replace("s", "c"))
    assert (back.spacing, back.unit, back.name) == (spacing, image.unit, "a")
    assert back.data.dtype == image.data.dtype
    np.testing.assert_array_equal(pixels(back), pixels(image))


@quick
@given(images(("yx",), ("uint8", "uint16")) | images(("yxs",), ("uint8",)))
def test_png_gives_pixels_back(tmp_path: Path, image: Image) -> None:
    io.write_image(tmp_path / "a.png", image, overwrite=True)
    back = io.read(tmp_path / "a.png")
    assert (back.axes, back.data.dtype) == (image.axes, image.data.dtype)
    np.testing.assert_array_equal(back.read(), image.read())


def test_npy_gives_an_array_back(tmp_path: Path) -> None:
    pixels = np.arange(24.0).reshape(2, 3, 4)
    io.write_image(tmp_path / "a.npy", Image(pixels, "zyx"))
    back = io.read(tmp_path / "a.npy")
    assert back.axes == "zyx"
    np.testing.assert_array_equal(back.data, pixels)


def test_imagej_stack_states_axes_and_spacing(tmp_path: Path) -> None:
    pixels = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(3, 2, 4, 5)
    metadata = {"axes": "ZCYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, resolution=(4, 2), metadata=metadata)
    image = io.read(tmp_path / "a.tif")
    assert (image.axes, image.spacing, image.unit) == ("zcyx", (2.0, 0.5, 0.25), "micrometer")
    np.testing.assert_array_equal(image.read(), pixels.transpose(1, 0, 2, 3))


def test_resolution_per_centimetre_is_spacing_and_dots_per_inch_are_not(tmp_path: Path) -> None:
    pixels = np.zeros((4, 5), np.uint8)
    tifffile.imwrite(tmp_path / "cm.tif", pixels, resolution=(20000, 10000), resolutionunit="CENTIMETER")
    tifffile.imwrite(tmp_path / "inch.tif", pixels, resolution=(72, 72), resolutionunit="INCH")
    image = io.read(tmp_path / "cm.tif")
    assert (image.spacing, image.unit) == ((1.0, 0.5), "micrometer")
    assert (io.read(tmp_path / "inch.tif").spacing, io.read(tmp_path / "inch.tif").unit) == ((1.0, 1.0), "pixel")


def test_missing_z_size_is_that_of_x_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 500, "PhysicalSizeYUnit": "nm"}
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 4, 5), np.uint8), ome=True, metadata=metadata)
    image = io.read(tmp_path / "a.tif")
    assert image.spacing == pytest.approx((0.5, 0.5, 0.5))
    assert image.unit == "micrometer"
    assert "no size along z" in caplog.text


def test_pages_that_nothing_names_are_z(tmp_path: Path) -> None:
    pixels = np.arange(5 * 6 * 7, dtype=np.uint16).reshape(5, 6, 7)
    tifffile.imwrite(tmp_path / "shaped.tif", pixels)
    tifffile.imwrite(tmp_path / "bare.tif", pixels, metadata=None)
    for name in ("shaped.tif", "bare.tif"):
        image = io.read(tmp_path / name)
        assert image.axes == "zyx"
        np.testing.assert_array_equal(image.data, pixels)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "tile": (16, 16)}, {"byteorder": ">"}])
def test_big_tiff_stays_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object]) -> None:
    pixels = np.arange(6 * 32 * 48, dtype=np.uint16).reshape(1, 6, 32, 48)
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata={"axes": "CZYX"}, photometric="minisblack", **options)
    monkeypatch.setattr(tiff, "BIG", 100)
    image = io.read(tmp_path / "a.tif")
    assert isinstance(image.data, np.memmap | io.reading.Lazy)
    region = (slice(1, 5, 3), slice(20, 30), slice(4, 6))
    np.testing.assert_array_equal(image.read(region), pixels[(slice(None), *region)])


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_alpha_is_dropped_and_said(tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture) -> None:
    pixels = np.arange(5 * 6 * 4, dtype=np.uint8).reshape(5, 6, 4)
    PIL.Image.fromarray(pixels).save(tmp_path / f"a{suffix}")
    with caplog.at_level(logging.INFO):
        image = io.read(tmp_path / f"a{suffix}")
    assert image.axes == "yxs"
    np.testing.assert_array_equal(image.data, pixels[..., :3])
    assert "alpha" in caplog.text


def test_palette_is_colours_in_images_and_ids_in_labels(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(LEAVES.astype(np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 9, 9, 9, 200, 100, 50])
    picture.putdata(LEAVES.ravel().tolist())
    picture.save(tmp_path / "a.png")
    assert io.read(tmp_path / "a.png").read()[:, 2, 3].tolist() == [200, 100, 50]
    np.testing.assert_array_equal(io.read_instances(tmp_path / "a.png").labels, LEAVES)


def test_jpeg_is_read(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.full((8, 9, 3), 128, np.uint8)).save(tmp_path / "a.JPG")
    PIL.Image.fromarray(np.full((8, 9, 4), 128, np.uint8), "CMYK").save(tmp_path / "b.jpeg")
    assert io.read(tmp_path / "a.JPG").axes == "yxs"
    assert io.read(tmp_path / "b.jpeg").channels == 3


def test_picture_beyond_the_limit_of_pillow_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    PIL.Image.fromarray(np.zeros((8, 9), np.uint8)).save(tmp_path / "a.png")
    assert io.read(tmp_path / "a.png").spatial_shape == (8, 9)
    assert PIL.Image.MAX_IMAGE_PIXELS == 10


def test_sixteen_bit_colours_say_what_they_lose(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" + b"\x12\x34" * 6)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(png)
    assert io.read(tmp_path / "a.png").axes == "yxs"
    assert "8-bit" in caplog.text


# OME-Zarr


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_of_others_is_read_lazily(tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import ngio

    pixels = np.arange(2 * 40 * 50, dtype=np.uint16).reshape(2, 1, 40, 50)
    ngio.create_ome_zarr_from_array(
        tmp_path / "a.zarr", pixels, (0.5, 0.25), z_spacing=2.0, axes_names="czyx", ngff_version=version, levels=1
    )
    reads: list[object] = []
    get = zarr.Array.__getitem__
    monkeypatch.setattr(zarr.Array, "__getitem__", lambda self, key: (reads.append(key), get(self, key))[1])
    image = io.read(tmp_path / "a.zarr")
    assert (image.axes, image.spacing, image.unit) == ("cyx", (0.5, 0.25), "micrometer")
    assert not reads
    np.testing.assert_array_equal(image.read((slice(3, 9), slice(40, 50))), pixels[:, 0, 3:9, 40:50])
    assert len(reads) == 1


def test_our_ome_zarr_is_read_by_others(tmp_path: Path) -> None:
    import ngio

    pixels = np.arange(2 * 4 * 5, dtype=np.uint8).reshape(2, 4, 5)
    io.write_image(tmp_path / "a.ome.zarr", Image(pixels, "zyx", (2.0, 0.5, 0.25), "micrometer"))
    image = ngio.open_image(tmp_path / "a.ome.zarr")
    assert (image.pixel_size.zyx, image.space_unit) == ((2.0, 0.5, 0.25), "micrometer")
    np.testing.assert_array_equal(image.get_as_numpy(), pixels)


def test_scales_of_level_and_image_multiply(tmp_path: Path) -> None:
    io.write_image(tmp_path / "a.zarr", Image(np.zeros((4, 5)), "yx", (0.5, 0.25), "micrometer"))
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    ome = group.attrs["ome"]
    ome["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [10, 10]}]
    group.attrs["ome"] = ome
    assert io.read(tmp_path / "a.zarr").spacing == (5.0, 2.5)


def test_plain_zarr_array_is_read(tmp_path: Path) -> None:
    pixels = np.arange(3 * 6 * 7).reshape(3, 6, 7)
    zarr.create_array(tmp_path / "named.zarr", data=pixels, dimension_names=["t", "y", "x"])
    zarr.create_array(tmp_path / "folder", data=pixels, zarr_format=2)
    assert io.read(tmp_path / "named.zarr").axes == "tyx"
    image = io.read(tmp_path / "folder")
    assert (image.axes, image.name) == ("zyx", "folder")
    np.testing.assert_array_equal(image.data, pixels)


def test_lazy_slices_as_numpy_does() -> None:
    pixels = np.arange(2 * 3 * 4).reshape(2, 1, 3, 4)
    lazy = io.reading.Lazy(pixels, Path("a"), keep=(0, 2, 3))
    flat = pixels[:, 0]
    for key in (0, slice(1), ..., (..., 2), (1, ...), (0, slice(None), 3), (slice(None), ..., slice(1, 3))):
        np.testing.assert_array_equal(lazy[key], flat[key])
    np.testing.assert_array_equal(np.asarray(lazy), flat)


# Objects


@quick
@given(volumes())
def test_labels_come_back(tmp_path: Path, instances: Instances) -> None:
    io.write_labels(tmp_path / "a.tif", instances, overwrite=True)
    back = io.read_instances(tmp_path / "a.tif")
    np.testing.assert_array_equal(back.planes, instances.planes)
    assert (back.axes, back.spacing, back.unit) == (instances.axes, instances.spacing, instances.unit)
    io.write_labels(tmp_path / "a.npy", instances, overwrite=True)
    np.testing.assert_array_equal(io.read_instances(tmp_path / "a.npy").planes, instances.planes)


@pytest.mark.parametrize("name", ["a.npz", "a.masks.tif", "a.tif"])
@quick
@given(instances=overlapping())
def test_masks_come_back(tmp_path: Path, name: str, instances: Instances) -> None:
    io.write_masks(tmp_path / name, instances, overwrite=True)
    back = io.read_instances(tmp_path / name)
    np.testing.assert_array_equal(masks_of(back), masks_of(instances))
    assert (back.axes, back.spacing, back.unit) == (instances.axes, instances.spacing, instances.unit)


def test_no_objects_come_back_from_npz(tmp_path: Path) -> None:
    io.write_masks(tmp_path / "a.npz", Instances.from_labels(np.zeros((3, 4), int)))
    back = io.read_instances(tmp_path / "a.npz")
    assert (back.n, back.shape) == (0, (3, 4))
    with pytest.raises(BadArgument, match="npz"):
        io.write_masks(tmp_path / "a.masks.tif", back)


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_seventy_thousand_objects_come_back(tmp_path: Path, suffix: str) -> None:
    labels = np.arange(70_200).reshape(260, 270)
    io.write_labels(tmp_path / f"a{suffix}", Instances.from_labels(labels))
    back = io.read_instances(tmp_path / f"a{suffix}")
    assert back.n == 70_199
    np.testing.assert_array_equal(back.labels, labels)
    assert tifffile.imread(tmp_path / "a.tif").dtype == np.uint32 if suffix == ".tif" else True


def test_sixteen_bit_png_labels_are_read(tmp_path: Path) -> None:
    PIL.Image.fromarray((LEAVES * 20_000).astype(np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(io.read_instances(tmp_path / "a.png").labels, LEAVES)


@pytest.mark.parametrize("values", [bool, np.uint8])
def test_masks_of_others_are_read_by_name(tmp_path: Path, values: type) -> None:
    stack = STACK.astype(values) * (1 if values is bool else 255)
    tifffile.imwrite(tmp_path / "a.masks.tif", stack.astype(values), photometric="minisblack")
    np.savez(tmp_path / "a.npz", masks=STACK.astype(values))
    for name in ("a.masks.tif", "a.npz"):
        np.testing.assert_array_equal(masks_of(io.read_instances(tmp_path / name)), STACK)


def test_volume_of_labels_is_no_stack_of_masks(tmp_path: Path) -> None:
    volume = np.stack([LEAVES, LEAVES])
    tifffile.imwrite(tmp_path / "a.tif", volume.astype(np.uint8), photometric="minisblack")
    back = io.read_instances(tmp_path / "a.tif")
    assert (back.n, back.axes) == (2, "zyx")
    np.testing.assert_array_equal(back.labels, volume)


def test_features_are_written(tmp_path: Path) -> None:
    io.write_features(tmp_path / "a.csv", Instances.from_labels(LEAVES, spacing=(0.5, 0.1), unit="micrometer"))
    table = pd.read_csv(tmp_path / "a.csv")
    assert table["area"].tolist() == [4, 4]
    np.testing.assert_allclose(table["area_units"], [0.2, 0.2])


def test_overlaps_are_not_written_as_flat_labels(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="share pixels"):
        io.write_labels(tmp_path / "a.tif", Instances.from_masks(STACK))
    assert not list(tmp_path.iterdir())


# Folders


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Four images of 3 x 4 pixels in as many formats, and labels for them in as many others."""
    pictures, labels = tmp_path / "images", tmp_path / "labels"
    image, objects = Image(np.zeros((3, 4), np.uint8), "yx"), Instances.from_labels(LEAVES)
    for name in ("a.tif", "b.PNG", "c.ome.zarr", "d.1.ome.tif", ".hidden.tif"):
        io.write_image(pictures / name, image)
    (pictures / "notes.txt").write_text("not an image")
    io.write_masks(labels / "a.npz", objects)
    io.write_masks(labels / "b.masks.tif", objects)
    io.write_labels(labels / "c.tif", objects)
    PIL.Image.fromarray(LEAVES.astype(np.uint8)).save(labels / "d.1.png")
    return pictures, labels


def test_images_pair_with_labels_by_stem(folders: tuple[Path, Path]) -> None:
    pairs = io.pair(*folders)
    assert [p.name for p in pairs] == ["a", "b", "c", "d.1"]
    for found in pairs:
        image, instances = found.read()
        assert image.name == found.name
        np.testing.assert_array_equal(instances.labels, LEAVES)


def test_labels_lie_on_the_pixels_of_their_image(tmp_path: Path) -> None:
    volume = np.stack([LEAVES, LEAVES])
    io.write_image(tmp_path / "i" / "a.tif", Image(volume.astype(np.uint8), "zyx", (5.0, 0.5, 0.5), "um"))
    io.write_labels(tmp_path / "l" / "a.tif", Instances.from_labels(volume))  # knows no spacing
    (found,) = io.pair(tmp_path / "i", tmp_path / "l")
    _, instances = found.read()
    assert (instances.spacing, instances.unit) == ((5.0, 0.5, 0.5), "micrometer")


def test_images_are_listed_by_folder_pattern_and_name(folders: tuple[Path, Path]) -> None:
    names = [p.name for p in io.list_images(folders[0])]
    assert names == ["a.tif", "b.PNG", "c.ome.zarr", "d.1.ome.tif"]
    assert [p.name for p in io.list_images(str(folders[0] / "[ac].*"))] == ["a.tif", "c.ome.zarr"]
    assert io.list_images(folders[0] / "c.ome.zarr") == [folders[0] / "c.ome.zarr"]
    assert [p.name for p in io.list_labels(folders[1])] == ["a.npz", "b.masks.tif", "c.tif", "d.1.png"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.tif", "a"),
        ("a.ome.TIFF", "a"),
        ("a.masks.tif", "a"),
        ("a.b.ome.zarr", "a.b"),
        ("a.csv", "a"),
        (".tif", ".tif"),
    ],
)
def test_stem(name: str, stem: str) -> None:
    assert io.stem(Path("folder") / name) == stem
