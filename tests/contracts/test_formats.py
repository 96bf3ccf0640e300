"""Formats: every row of the table, and every suffix in it, as it reads and writes and refuses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from stubs import mask_set

from napari_discern import io
from napari_discern.errors import BadFile, OutputExists
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.io import FORMATS, Format

GARBAGE = b"Dear reader, this is no image. " * 9
MASKS = np.zeros((3, 9, 12), bool)
MASKS[0, 1:6, 1:6] = MASKS[1, 3:8, 4:10] = MASKS[2, 7:, 1:3] = True
SHARED = Instances.from_masks(MASKS)
FLAT = Instances.from_labels(np.where(MASKS[0], 1, np.where(MASKS[2], 2, 0)))
PIXELS = np.random.default_rng(0).integers(0, 255, (9, 12)).astype(np.uint8)


def suffixes(*deeds: str) -> list[object]:
    """Each suffix whose format can do all of this."""
    rows: list[Format] = [row for row in FORMATS if all(getattr(row, deed) for deed in deeds)]
    return [pytest.param(suffix, id=f"{row.name} {suffix}") for row in rows for suffix in row.suffixes]


def contents(path: Path) -> dict[Path, bytes]:
    """A file, or all files of a folder."""
    return {file: file.read_bytes() for file in (path, *path.rglob("*")) if file.is_file()}


READING = [(deed, *param.values) for deed in ("read", "read_instances") for param in suffixes(deed)]


@pytest.mark.parametrize(("deed", "suffix"), READING)
class TestEveryReader:
    @pytest.mark.parametrize("content", [b"", GARBAGE, bytes(300)], ids=["empty", "words", "zeros"])
    def test_a_file_that_is_none_is_refused_by_its_name(self, tmp_path: Path, deed: str, suffix: str, content: bytes):
        path = tmp_path / f"scan 1{suffix}"
        path.write_bytes(content)
        with pytest.raises(BadFile, match=re.escape(str(path))):
            getattr(io, deed)(path)

    def test_a_missing_file_is_refused_by_its_name(self, tmp_path: Path, deed: str, suffix: str):
        with pytest.raises(BadFile, match=f"scan{re.escape(suffix)} does not exist"):
            getattr(io, deed)(tmp_path / f"scan{suffix}")

    def test_the_name_is_the_stem(self, deed: str, suffix: str):
        assert io.stem(f"some/scan.1{suffix.upper()}") == "scan.1"


class TestEveryWriter:
    @pytest.mark.parametrize("suffix", suffixes("read", "write_image"))
    def test_an_image_comes_back(self, tmp_path: Path, suffix: str):
        path = tmp_path / f"scan{suffix}"
        io.write_image(path, Image(PIXELS, "yx"))
        image = io.read(path)
        assert (image.name, image.read().dtype, image.axes) == ("scan", np.uint8, "yx")
        np.testing.assert_array_equal(image.read()[0], PIXELS)

    @pytest.mark.parametrize("suffix", suffixes("read_instances", "write_labels"))
    def test_labels_come_back(self, tmp_path: Path, suffix: str):
        io.write_labels(tmp_path / f"scan{suffix}", FLAT)
        np.testing.assert_array_equal(io.read_instances(tmp_path / f"scan{suffix}").labels, FLAT.labels)

    @pytest.mark.parametrize("suffix", suffixes("read_instances", "write_masks"))
    @pytest.mark.parametrize("objects", [FLAT, SHARED], ids=["apart", "shared pixels"])
    def test_masks_come_back(self, tmp_path: Path, suffix: str, objects: Instances):
        io.write_masks(tmp_path / f"scan{suffix}", objects)
        assert mask_set(io.read_instances(tmp_path / f"scan{suffix}")) == mask_set(objects)

    @pytest.mark.parametrize(
        ("deed", "suffix"),
        [(deed, *p.values) for deed in ("write_image", "write_labels", "write_masks") for p in suffixes(deed)],
    )
    def test_nothing_is_overwritten_unasked(self, tmp_path: Path, deed: str, suffix: str):
        path, what = tmp_path / f"scan{suffix}", Image(PIXELS, "yx") if deed == "write_image" else FLAT
        getattr(io, deed)(path, what)
        before = contents(path)
        with pytest.raises(OutputExists, match=re.escape(str(path))):
            getattr(io, deed)(path, what)
        assert contents(path) == before
        getattr(io, deed)(path, what, overwrite=True)
        assert list(tmp_path.iterdir()) == [path]


def test_no_suffix_is_of_two_formats() -> None:
    every = [suffix for row in FORMATS for suffix in row.suffixes]
    assert len(set(every)) == len(every)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in every)
