"""Normalisations: whichever the family has."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from stubs import walked

from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.normalise import Normalisation, Percentile


def two_channels() -> np.ndarray:
    """A dim channel and a bright one, (C, H, W)."""
    ramp = np.linspace(0, 1, 1001).reshape(7, 143)
    return np.stack([ramp * 10, 5000 + ramp * 40_000])


@pytest.mark.parametrize("step", [*walked(Normalisation), Percentile(cofactor=0)])
class TestEveryNormalisation:
    @pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint32, np.float16, np.float64])
    def test_gives_finite_float32_for_any_dtype(self, step, dtype):
        array = np.arange(60).reshape(1, 6, 10).astype(dtype)
        result = step(Image(array, "cyx"))(array)
        assert result.dtype == np.float32
        assert np.isfinite(result).all()
        assert result.min() < result.max()

    def test_does_not_touch_the_image(self, step):
        array = two_channels().astype(np.float32)
        before = array.copy()
        step(Image(array, "cyx"))(array)
        assert (array == before).all()

    def test_a_patch_gets_what_the_whole_image_gets(self, step):
        """Normalised once an image: no seams between tiles."""
        array = two_channels()
        scaling = step(Image(array, "cyx"))
        assert (scaling(array[:, 2:5, 30:70]) == scaling(array)[:, 2:5, 30:70]).all()

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
    def test_pixels_that_are_no_numbers_do_not_matter(self, step, bad, caplog):
        array = two_channels()[:1]
        good = step(Image(array, "cyx"))
        array = np.concatenate([array, np.full((1, 1, 143), bad)], axis=1)
        scaling = step(Image(array, "cyx", name="scan"))
        assert (scaling.offset, scaling.scale) == (good.offset, good.scale)
        assert (scaling(array)[:, -1] == 0).all()
        assert "scan: 12 % of the pixels are NaN or infinite" in caplog.text

    def test_a_broken_pixel_of_one_channel_leaves_the_others_alone(self, step):
        array = two_channels()
        broken = array.copy()
        broken[0, :3] = np.nan
        good, scaling = step(Image(array, "cyx")), step(Image(broken, "cyx"))
        assert (scaling.offset[1], scaling.scale[1]) == (good.offset[1], good.scale[1])
        assert scaling.scale[0] != good.scale[0]

    def test_nothing_finite_is_an_error_that_names_image_and_channel(self, step):
        array = two_channels()
        array[1] = np.nan
        with pytest.raises(BadArgument, match=r"scan: no pixel of channel \[1\] is a finite number"):
            step(Image(array, "cyx", name="scan"))

    @pytest.mark.parametrize("value", [0, 1, 65_535])
    def test_a_constant_channel_is_told_and_becomes_zero(self, step, value, caplog):
        array = two_channels()
        array[1] = value
        result = step(Image(array, "cyx", name="scan"))(array)
        assert (result[1] == 0).all()
        assert result[0].max() > 0
        assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
            (logging.WARNING, "scan: channel [1] is constant; nothing can be found by it.")
        ]

    def test_rgb_channels_are_scaled_in_their_order(self, step):
        array = np.random.default_rng(1).integers(0, 200, (9, 8, 3)).astype(np.uint8)
        array[..., 1] //= 4
        image = Image(array, "yxs")
        scaling = step(image)
        assert scaling.scale.shape == (3,)
        assert scaling.scale[1] < scaling.scale[0] / 2
        assert scaling.scale[1] < scaling.scale[2] / 2
