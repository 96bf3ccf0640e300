"""Layers: what images and objects a napari layer holds."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_discern.errors import BadArgument
from napari_discern.gui.layers.labels import read_labels
from napari_discern.gui.layers.look import guess
from napari_discern.gui.layers.source import LayerSource, region_text


@pytest.mark.parametrize(
    ("shape", "rgb", "ndim", "channels", "axes", "lead"),
    [
        ((20, 30), False, 2, 1, "yx", ()),
        ((20, 30, 3), True, 2, 3, "yxs", ()),
        ((5, 20, 30), False, 2, 1, "yx", (5,)),
        ((5, 20, 30), False, 3, 1, "zyx", ()),
        ((2, 5, 20, 30), False, 3, 1, "zyx", (2,)),
        ((2, 5, 20, 30), False, 2, 1, "yx", (2, 5)),
        ((4, 2, 20, 30), False, 2, 2, "cyx", (4,)),
    ],
)
def test_a_layer_is_images_for_the_model(
    shape: tuple[int, ...], rgb: bool, ndim: int, channels: int, axes: str, lead: tuple[int, ...]
) -> None:
    data = np.random.default_rng(0).integers(0, 99, shape, np.uint8)
    source = LayerSource.of(Image(data, rgb=rgb), ndim, channels)
    assert (source.axes, source.lead) == (axes, lead)
    place = tuple(n - 1 for n in lead)
    image = source.image(place)
    assert image.channels == channels
    expected = data[place]
    expected = np.moveaxis(expected, -1, 0) if rgb else expected if channels > 1 else expected[None]
    np.testing.assert_array_equal(image.read(), expected)
    assert len(list(source.places())) == np.prod(lead, dtype=int)


@pytest.mark.parametrize("wrap", [da.from_array, lambda a: zarr.array(a)])
def test_lazy_arrays_are_read_in_parts(wrap: Any) -> None:
    data = np.arange(4 * 50 * 60, dtype=np.uint16).reshape(4, 50, 60)
    image = LayerSource.of(Image(wrap(data), multiscale=False), 2).image((2,))
    np.testing.assert_array_equal(image.read((slice(3, 9), slice(5, 7)))[0], data[2, 3:9, 5:7])


def test_of_a_multiscale_layer_the_finest_is_read() -> None:
    fine = np.random.default_rng(0).random((64, 64))
    image = LayerSource.of(Image([fine, fine[::2, ::2]], multiscale=True), 2).image(())
    np.testing.assert_array_equal(image.read()[0], fine)


def test_spacing_comes_from_the_layer() -> None:
    layer = Image(np.zeros((4, 8, 9)), scale=(5.0, 0.5, 0.25))
    assert LayerSource.of(layer, 3).image(()).spacing == (5.0, 0.5, 0.25)
    assert LayerSource.of(layer, 2).image((1,)).spacing == (0.5, 0.25)


def test_too_few_dimensions_are_told() -> None:
    with pytest.raises(BadArgument, match="has 2 dimensions, but the model looks at 3D"):
        LayerSource.of(Image(np.zeros((8, 9)), name="flat"), 3)


def test_the_place_shown_is_found_in_the_layers_own_pixels() -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((5, 20, 30)), scale=(2.0, 1.0, 1.0), translate=(10.0, 0.0, 0.0))
    viewer.dims.set_point(0, 16.0)
    assert LayerSource.of(layer, 2).current(viewer) == (3,)


@pytest.mark.parametrize(
    ("shape", "rgb", "ndim", "words"),
    [
        ((40, 50), False, 2, "2D, one channel, bright on dark"),
        ((40, 50, 3), True, 2, "2D, RGB, bright on dark"),
        ((16, 40, 50), False, 3, "3D, one channel, bright on dark"),
    ],
)
def test_it_is_told_what_an_image_is(shape: tuple[int, ...], rgb: bool, ndim: int, words: str) -> None:
    data = np.zeros(shape, np.uint8)
    data[(slice(10, 14), slice(10, 14)) if rgb else (..., slice(10, 14), slice(10, 14))] = 200
    found = guess(Image(data, rgb=rgb))
    assert (found.ndim, found.words) == (ndim, words)


def test_objects_of_a_labels_layer() -> None:
    data = np.zeros((3, 8, 9), np.int32)
    data[1, :2, :2], data[1, 5:, 5:] = 7, 3
    objects = read_labels(Labels(data, scale=(1.0, 0.5, 0.5)), (1,))
    assert objects.n == 2
    assert objects.spacing == (0.5, 0.5)


def test_regions_are_written_as_recipes_have_them() -> None:
    assert region_text((slice(3, 9), slice(0, 5))) == "3:9,0:5"
