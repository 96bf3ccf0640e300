"""Image: axes, spacing, channels and time, and that only what is asked for is read."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from napari_discern.errors import BadArgument
from napari_discern.image import Image


class Recorder:
    """An array on a slow disk: it counts the pixels that are read, and cannot be read but by slicing."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.read: list[int] = []

    def __getitem__(self, key: tuple[int | slice, ...]) -> np.ndarray:
        part = self._array[key]
        self.read.append(part.size)
        return part

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        raise AssertionError("the whole array was asked for")


def numbered(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape)


class TestAxes:
    @pytest.mark.parametrize(
        ("axes", "shape", "spatial", "spatial_shape", "channels", "frames"),
        [
            ("yx", (4, 5), "yx", (4, 5), 1, 1),
            ("zyx", (3, 4, 5), "zyx", (3, 4, 5), 1, 1),
            ("xy", (4, 5), "yx", (5, 4), 1, 1),
            ("yxs", (4, 5, 3), "yx", (4, 5), 3, 1),
            ("cyx", (2, 4, 5), "yx", (4, 5), 2, 1),
            ("tyx", (7, 4, 5), "yx", (4, 5), 1, 7),
            ("tczyx", (7, 2, 3, 4, 5), "zyx", (3, 4, 5), 2, 7),
            ("tzyxs", (7, 3, 4, 5, 4), "zyx", (3, 4, 5), 4, 7),
        ],
    )
    def test_each_length_is_found_by_its_letter(self, axes, shape, spatial, spatial_shape, channels, frames):
        image = Image(np.zeros(shape), axes)
        assert (image.spatial_axes, image.spatial_shape) == (spatial, spatial_shape)
        assert (image.channels, image.frames) == (channels, frames)

    @pytest.mark.parametrize(
        ("axes", "shape", "says"),
        [
            ("yx", (3, 4, 5), r"'yx' name 2 dimensions.*\(3, 4, 5\)"),
            ("zyx", (4, 5), r"'zyx' name 3 dimensions.*\(4, 5\)"),
            ("yyx", (3, 4, 5), "different letters"),
            ("wyx", (3, 4, 5), "different letters"),
            ("YX", (4, 5), "different letters"),
            ("zx", (4, 5), "need y and x"),
            ("cy", (4, 5), "need y and x"),
            ("cyxs", (2, 4, 5, 3), "one channel axis"),
            ("yx", (0, 5), r"\(0, 5\) has an axis of length 0"),
            ("cyx", (0, 4, 5), "length 0"),
        ],
    )
    def test_what_cannot_be_is_refused_by_name(self, axes, shape, says):
        with pytest.raises(BadArgument, match=says) as caught:
            Image(np.zeros(shape), axes, name="leaf_07")
        assert "leaf_07" in str(caught.value)

    @pytest.mark.parametrize("dtype", [complex, object, "U3", "datetime64[s]"])
    def test_pixels_must_be_real_numbers(self, dtype):
        with pytest.raises(BadArgument, match="not real numbers"):
            Image(np.zeros((4, 5), dtype), "yx")

    @pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint64, np.float16, np.float64])
    def test_any_real_dtype_comes_out_as_it_went_in(self, dtype):
        array = np.ones((2, 3), dtype)
        read = Image(array, "yx").read()
        assert read.dtype == dtype
        assert (read == 1).all()


class TestSpacing:
    def test_is_one_a_pixel_where_nothing_is_known(self):
        assert Image(np.zeros((2, 3, 4, 5)), "czyx").spacing == (1, 1, 1)

    def test_has_the_order_of_the_spatial_axes_and_becomes_floats(self):
        image = Image(np.zeros((2, 3, 4)), "zyx", (2, np.float32(0.5), 0.5), "micrometer")
        assert image.spacing == (2.0, 0.5, 0.5)
        assert {type(s) for s in image.spacing} == {float}

    @pytest.mark.parametrize("spacing", [(1,), (1, 1, 1), (1, 0), (1, -1), (1, np.nan), (np.inf, 1)])
    def test_must_be_a_positive_number_an_axis(self, spacing):
        with pytest.raises(BadArgument, match="one positive number for each of 'yx'"):
            Image(np.zeros((4, 5)), "yx", spacing)


class TestWrap:
    @pytest.mark.parametrize(
        ("shape", "axes"),
        [
            ((9, 8), "yx"),
            ((9, 8, 3), "yxs"),
            ((9, 8, 4), "yxs"),
            ((5, 5, 3), "yxs"),
            ((9, 8, 5), "zyx"),
            ((4, 9, 3), "zyx"),
            ((3, 9, 8), "zyx"),
            ((2, 3, 9, 8), "czyx"),
        ],
    )
    def test_guesses_axes_from_dimensions(self, shape, axes):
        assert Image.wrap(np.zeros(shape)).axes == axes

    def test_believes_axes_that_are_given(self):
        assert Image.wrap(np.zeros((9, 8, 3)), "zyx").axes == "zyx"

    def test_leaves_an_image_alone(self):
        image = Image(np.zeros((4, 5)), "yx", (2, 2), name="own")
        assert Image.wrap(image) is image

    @pytest.mark.parametrize("shape", [(9,), (2, 2, 2, 9, 8)])
    def test_does_not_guess_where_it_cannot_know(self, shape):
        with pytest.raises(BadArgument, match="Give one letter a dimension"):
            Image.wrap(np.zeros(shape))


class TestRead:
    def test_is_channel_first_with_space_in_order(self):
        array = numbered(2, 3, 4, 5)  # z, c, x, y
        read = Image(array, "zcxy").read()
        assert read.shape == (3, 2, 5, 4)
        assert read[1, 0, 4, 2] == array[0, 1, 2, 4]

    def test_rgb_samples_become_channels(self):
        array = numbered(4, 5, 3)
        read = Image(array, "yxs").read()
        assert read.shape == (3, 4, 5)
        assert (read[2] == array[..., 2]).all()

    def test_a_grey_image_has_one_channel(self):
        array = numbered(4, 5)
        assert (Image(array, "yx").read() == array[None]).all()

    def test_one_row_a_region(self):
        array = numbered(3, 4, 5)
        read = Image(array, "yxz").read([slice(1, 3), slice(0, 2), slice(2, 4)])
        assert (read[0] == array[0:2, 2:4, 1:3].transpose(2, 0, 1)).all()

    def test_only_the_time_point_asked_for(self):
        array = numbered(3, 2, 4, 5)
        image = Image(array, "tcyx", time=2)
        assert (image.read() == array[2]).all()

    @pytest.mark.parametrize("time", [-1, 3])
    def test_a_time_point_that_is_not_there(self, time):
        with pytest.raises(BadArgument, match=f"no time point {time}; it has 3"):
            Image(np.zeros((3, 4, 5)), "tyx", time=time)

    def test_touches_no_more_than_the_region(self):
        data = Recorder(numbered(6, 2, 50, 60))
        image = Image.wrap(Image(data, "tcyx", time=4))
        assert data.read == []
        image.read((slice(10, 13), slice(0, 7)))
        assert data.read == [2 * 3 * 7]


class TestFrames:
    def test_are_views_named_in_order_that_read_nothing_by_themselves(self):
        data = Recorder(numbered(3, 4, 5))
        frames = list(Image(data, "tyx", (0.5, 0.5), "mm", "film").split_frames())
        assert [f.name for f in frames] == ["film_t0000", "film_t0001", "film_t0002"]
        assert data.read == []
        assert [f.read()[0, 0, 0] for f in frames] == [0, 20, 40]
        assert {(f.spacing, f.unit) for f in frames} == {((0.5, 0.5), "mm")}

    def test_an_image_without_time_keeps_its_name(self):
        (only,) = Image(np.zeros((4, 5)), "yx", name="leaf").split_frames()
        assert only.name == "leaf"


def test_an_image_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Image(np.zeros((4, 5)), "yx").axes = "xy"
