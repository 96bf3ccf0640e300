"""Normalisation: one range for each image and channel, whatever lies in it."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from napari_discern import normalise
from napari_discern.image import Image
from napari_discern.normalise import Percentile, Scaling, Standardise


class Recorder:
    """An array that remembers which boxes of it were read."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.keys: list[tuple[slice, ...]] = []

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        self.keys.append(key)
        return self._array[key]


def two_channels() -> np.ndarray:
    """A dim channel and a bright one, (C, H, W)."""
    ramp = np.linspace(0, 1, 1001).reshape(7, 143)
    return np.stack([ramp * 10, 5000 + ramp * 40_000])


class TestPercentile:
    def test_low_becomes_zero_and_high_becomes_one(self):
        image = Image(np.arange(101.0).reshape(1, -1), "yx")
        scaling = Percentile(low=10, high=60, cofactor=0)(image)
        assert scaling(image.read())[0, 0, [10, 35, 60]] == pytest.approx([0, 0.5, 1])

    def test_arcsinh_keeps_zero_and_one_and_lifts_what_is_dim(self):
        image = Image(np.arange(101.0).reshape(1, -1), "yx")
        row = Percentile(low=0, high=100, cofactor=0.1)(image)(image.read())[0, 0]
        assert row[[0, 100]] == pytest.approx([0, 1], abs=1e-6)
        assert row[10] == pytest.approx(np.arcsinh(1) / np.arcsinh(10), rel=1e-5)
        assert (np.diff(row) > 0).all()

    def test_each_channel_by_itself(self):
        array = two_channels()
        together = Percentile()(Image(array, "cyx"))
        for c in range(2):
            alone = Percentile()(Image(array[c], "yx"))
            assert (together.offset[c], together.scale[c]) == (alone.offset[0], alone.scale[0])
        first, second = together(array)
        np.testing.assert_allclose(first, second, atol=1e-4)

    def test_a_few_objects_on_an_even_background_are_seen(self, caplog):
        """Fewer bright pixels than the high percentile leaves: both percentiles are background."""
        array = np.full((100, 100), 7, np.uint16)
        array[50, 50:53] = 1000, 1500, 2000
        result = Percentile(cofactor=0)(Image(array, "yx"))(array[None])
        assert (result[0, 0, 0], result[0, 50, 52]) == (0, 1)
        assert caplog.messages == []

    def test_low_must_lie_below_high(self):
        with pytest.raises(ValidationError, match=r"low \(60.0\) must be below high \(40.0\)"):
            Percentile(low=60, high=40)


def test_standardise_gives_mean_zero_and_deviation_one():
    array = two_channels()
    result = Standardise()(Image(array, "cyx"))(array)
    np.testing.assert_allclose(result.mean(axis=(1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(result.std(axis=(1, 2)), 1, rtol=1e-4)


class TestLargeImages:
    @pytest.fixture(autouse=True)
    def _small_sample(self, monkeypatch):
        monkeypatch.setattr(normalise, "SAMPLE", 4096)

    def test_a_small_image_is_read_whole_and_once(self):
        data = Recorder(np.random.default_rng(0).random((64, 64)))
        Percentile()(Image(data, "yx"))
        assert len(data.keys) == 1
        assert data[data.keys[0]].size == 4096

    @pytest.mark.parametrize(
        ("shape", "axes"), [((300, 400), "yx"), ((10, 2000), "yx"), ((40, 50, 60), "zyx"), ((2, 300, 400), "cyx")]
    )
    def test_a_large_one_is_read_in_blocks_spread_from_end_to_end(self, shape, axes):
        data = Recorder(np.random.default_rng(0).random(shape))
        Percentile()(Image(data, axes))
        channels = shape[axes.index("c")] if "c" in axes else 1
        assert sum(data._array[key].size for key in data.keys) <= 4096 * channels
        assert len(data.keys) > 3
        for axis, length in enumerate(shape):
            ranges = [key[axis].indices(length) for key in data.keys]
            assert min(start for start, _, _ in ranges) == 0
            assert max(stop for _, stop, _ in ranges) == length

    def test_the_sample_tells_of_the_whole(self):
        """A bright right half: a corner alone would not show it."""
        array = np.random.default_rng(0).normal(100, 5, (300, 400))
        array[:, 200:] += 1000
        sampled = Percentile(low=1, high=99)(Image(array, "yx"))
        low, high = np.percentile(array, (1, 99))
        assert sampled.offset[0] == pytest.approx(low, abs=3)
        assert sampled.scale[0] == pytest.approx(high - low, abs=5)

    def test_the_time_point_of_the_image_counts(self):
        array = np.random.default_rng(0).random((2, 300, 400))
        array[1] += 50
        first, second = (Percentile()(frame) for frame in Image(array, "tyx").split_frames())
        assert first.offset[0] < 1 < 50 <= second.offset[0]


def test_scaling_by_hand():
    scaling = Scaling(np.array([10, 0], np.float32), np.array([5, 2], np.float32))
    assert scaling(np.array([[[10, 20]], [[1, 4]]], np.uint8)).tolist() == [[[0, 2]], [[0.5, 2]]]


@pytest.mark.parametrize("shape", [(5, 4000, 4000), (40, 3000, 2000), (4000, 4000)])
def test_a_large_image_is_looked_at_widely(shape: tuple[int, ...]) -> None:
    read: list[int] = []

    class Counted:
        dtype = np.dtype("uint16")

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            sides = [len(range(*k.indices(n))) for k, n in zip(key, self.shape, strict=True)]
            read.append(int(np.prod(sides)))
            return np.random.default_rng(0).integers(0, 99, sides, np.uint16)

    Counted.shape = shape
    Percentile()(Image(Counted(), "zyx"[-len(shape) :]))
    assert len(read) == 16
    assert 800_000 < sum(read) <= 1_000_000
