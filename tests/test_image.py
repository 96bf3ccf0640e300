"""Image: axes, spacing, channels and time, and that only what is asked for is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_discern.errors import BadArgument
from napari_discern.image import ArrayView, Image


class Recorder:
    """An array on a slow disk: it counts the pixels that are read, and cannot be read but by slicing."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.read: list[int] = []
        self.keys: list[tuple[int | slice, ...]] = []

    def __getitem__(self, key: tuple[int | slice, ...]) -> np.ndarray:
        part = self._array[key]
        self.read.append(part.size)
        self.keys.append(key)
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


LAZY = pytest.mark.parametrize(
    "wrap", [np.asarray, zarr.array, da.from_array, Recorder], ids=lambda made: made.__name__
)


class TestCrop:
    def test_is_a_view_with_all_that_the_image_knows(self):
        image = Image(numbered(3, 2, 9, 8), "tcyx", (0.5, 0.25), "mm", "film", time=1)
        part = image.crop((slice(2, 7), slice(3, None)))
        assert (part.axes, part.spatial_shape) == ("tcyx", (5, 5))
        assert (part.spacing, part.unit, part.name, part.time) == ((0.5, 0.25), "mm", "film", 1)
        assert (part.read() == image.read((slice(2, 7), slice(3, 8)))).all()

    def test_reads_what_is_asked_for_and_nothing_else(self):
        data = Recorder(numbered(4, 50, 60))
        part = Image(data, "cyx").crop((slice(10, 30), slice(20, 60))).crop((slice(5, 15), slice(0, 8)))
        assert data.read == []
        part.read((slice(1, 4), slice(2, 7)))
        assert data.keys == [(slice(0, 4, 1), slice(16, 19, 1), slice(22, 27, 1))]

    @given(st.data())
    def test_of_a_crop_is_a_crop(self, data):
        array = numbered(11, 13)
        here, there = array, Image(array, "yx")
        for _ in range(3):
            box = []
            for length in here.shape:
                start = data.draw(st.integers(-length, length - 1))
                stop = data.draw(st.integers(start % length + 1, 20) | st.none())
                box.append(slice(start, stop))
            here, there = here[tuple(box)], there.crop(box)
        assert (there.read()[0] == here).all()

    @LAZY
    def test_of_any_array(self, wrap):
        array = numbered(5, 6, 7)
        part = Image(wrap(array), "zxy").crop((slice(1, 4), slice(2, 6), slice(0, 5)))
        assert (part.read()[0] == array[1:4, :5, 2:6].transpose(0, 2, 1)).all()

    @pytest.mark.parametrize(
        ("box", "says"),
        [((slice(5, 9), slice(9, 12)), "nothing to read"), ((slice(0, 9, 2), slice(0, 8)), "no gaps")],
    )
    def test_of_nothing_or_with_gaps_is_refused(self, box, says):
        with pytest.raises(BadArgument, match=f"leaf.*{says}"):
            Image(numbered(9, 8), "yx", name="leaf").crop(box)

    def test_a_slice_an_axis(self):
        with pytest.raises(ValueError, match="shorter"):
            Image(numbered(9, 8), "yx").crop((slice(0, 5),))


class TestAt:
    @LAZY
    def test_an_index_leaves_the_axis_out(self, wrap):
        array = numbered(3, 4, 2, 5, 6)
        image = Image(wrap(array), "tzcyx", (2.0, 0.5, 0.25), "mm", "film")
        assert (image.at(time=2).read() == array[2].transpose(1, 0, 2, 3)).all()
        place = image.at(time=1, z=3)
        assert (place.read() == array[1, 3]).all()
        assert (place.axes, place.spacing, place.unit, place.name) == ("cyx", (0.5, 0.25), "mm", "film")
        assert image.at(z=3).at(time=1).crop((slice(1, 2), slice(2, 4))).read().tolist() == (
            array[1, 3, :, 1:2, 2:4].tolist()
        )

    def test_reads_nothing_else(self):
        data = Recorder(numbered(3, 4, 5, 6))
        slice_of_it = Image(data, "tzyx").at(time=1, z=2)
        assert data.read == []
        slice_of_it.read((slice(0, 2), slice(1, 3)))
        assert data.keys == [(1, 2, slice(0, 2, 1), slice(1, 3, 1))]

    def test_the_time_chosen_before_is_forgotten_with_its_axis_only(self):
        array = numbered(3, 4, 5, 6)
        image = Image(array, "tzyx", time=2)
        assert (image.at(z=1).read()[0] == array[2, 1]).all()
        assert (image.at(time=0).read()[0] == array[0]).all()

    def test_an_image_without_the_axis_is_its_first(self):
        image = Image(numbered(4, 5), "yx")
        assert (image.at(time=0, z=0).read() == image.read()).all()

    @pytest.mark.parametrize(
        ("place", "says"), [({"time": 3}, "no time point 3; it has 3"), ({"z": -1}, "no slice -1; it has 1")]
    )
    def test_an_index_that_is_not_there(self, place, says):
        with pytest.raises(BadArgument, match=f"film: there is {says}, counted from 0"):
            Image(numbered(3, 4, 5), "tyx", name="film").at(**place)


class TestStack:
    def test_images_are_the_channels_of_one(self):
        one, other = numbered(4, 5).astype(np.uint8), np.full((4, 5), 0.5, np.float32)
        image = Image.stack([Image(a, "yx", (2.0, 3.0), "mm", n) for a, n in ((one, "red"), (other, "green"))])
        assert (image.axes, image.channels, image.spacing, image.unit) == ("cyx", 2, (2.0, 3.0), "mm")
        assert image.name == "red"
        assert (image.read() == np.stack([one, other])).all()
        assert image.data.dtype == np.float32

    @LAZY
    def test_are_read_where_asked_for(self, wrap: Callable[[np.ndarray], Any]):
        arrays = [wrap(numbered(30, 40)), wrap(-numbered(30, 40))]
        image = Image.stack([Image(array, "yx") for array in arrays]).crop((slice(10, 20), slice(5, 25)))
        read = image.read((slice(1, 3), slice(2, 6)))
        assert (read == np.stack([numbered(30, 40), -numbered(30, 40)])[:, 11:13, 7:11]).all()
        assert [array.read for array in arrays if isinstance(array, Recorder)] in ([], [[8], [8]])

    @pytest.mark.parametrize("shapes", [[], [(4, 5), (5, 4)], [(4, 5), (3, 4, 5)]])
    def test_of_one_shape_only(self, shapes):
        with pytest.raises(BadArgument, match="can be the channels of one"):
            Image.stack([Image(np.zeros(shape), "zyx"[-len(shape) :]) for shape in shapes])


class TestArrayView:
    @given(st.data())
    def test_slices_as_numpy_does(self, data):
        array = numbered(4, 3, 5, 6)
        place = data.draw(st.lists(st.integers(0, 2) | st.builds(slice, st.integers(0, 1), st.just(3)), max_size=4))
        view, flat = ArrayView(array, place), array[tuple(place)]
        assert view.shape == flat.shape
        assert (np.asarray(view) == flat).all()
        key = data.draw(st.lists(st.integers(-2, 1) | st.slices(3), max_size=flat.ndim))
        assert np.array_equal(view[tuple(key)], flat[tuple(key)])
        key.insert(data.draw(st.integers(0, len(key))), ...)
        assert np.array_equal(view[tuple(key)], flat[tuple(key)])

    def test_too_many_indices(self):
        with pytest.raises(IndexError, match="2 for 1 axes"):
            ArrayView(numbered(4, 5), (1,))[0, 0]


def test_an_image_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Image(np.zeros((4, 5)), "yx").axes = "xy"
