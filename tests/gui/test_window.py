"""Showing a result in napari: when a window is opened, and what is in it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from napari_discern.gui import has_screen
from napari_discern.gui.window import add_layers
from napari_discern.image import Image
from napari_discern.instances import Instances


@pytest.mark.parametrize(
    ("platform", "display", "wayland", "screen"),
    [
        ("linux", ":0", None, True),
        ("linux", None, "wayland-0", True),
        ("linux", None, None, False),
        ("linux", "", None, False),
        ("darwin", None, None, True),
    ],
)
def test_a_window_needs_a_screen(
    monkeypatch: pytest.MonkeyPatch, platform: str, display: str | None, wayland: str | None, screen: bool
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in (("DISPLAY", display), ("WAYLAND_DISPLAY", wayland)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert has_screen() is screen


@pytest.mark.parametrize("lacking", [{"napari"}, {"PyQt6", "PySide6", "PyQt5", "PySide2"}])
def test_a_window_needs_napari_and_qt(monkeypatch: pytest.MonkeyPatch, lacking: set[str]) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("napari_discern.gui.window.find_spec", lambda name: None if name in lacking else name)
    assert has_screen() is False


def test_image_and_each_plane_of_objects_lie_on_one_another() -> None:
    from napari.components import ViewerModel

    masks = np.zeros((2, 6, 8), bool)
    masks[0, :4, :4] = masks[1, 2:, 2:] = True
    viewer = ViewerModel()
    add_layers(viewer, Image(np.zeros((6, 8), np.uint8), "yx", (0.5, 0.25)), Instances.from_masks(masks))
    assert [layer.name for layer in viewer.layers] == ["image", "objects", "objects, plane 2"]
    assert all(tuple(layer.scale) == (0.5, 0.25) for layer in viewer.layers)
    assert viewer.layers["objects"].data.max() == 1


def test_channels_are_layers_and_colours_are_one() -> None:
    from napari.components import ViewerModel

    objects = Instances.from_labels(np.ones((6, 8), int))
    viewer = ViewerModel()
    add_layers(viewer, Image(np.zeros((3, 6, 8), np.uint8), "cyx"), objects)
    assert len(viewer.layers) == 4
    viewer = ViewerModel()
    add_layers(viewer, Image(np.zeros((6, 8, 3), np.uint8), "yxs"), objects)
    assert [layer.data.shape for layer in viewer.layers] == [(6, 8, 3), (6, 8)]
