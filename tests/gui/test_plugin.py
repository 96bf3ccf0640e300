"""The plugin as napari finds it: manifest, menu, samples."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest
from npe2.cli import main as npe2

import napari_discern
from napari_discern.gui import samples

MANIFEST = Path(napari_discern.__file__).parent / "napari.yaml"


def test_the_manifest_is_valid(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["npe2", "validate", str(MANIFEST)])
    with pytest.raises(SystemExit) as ended:
        npe2()
    assert ended.value.code in (0, None), capsys.readouterr()


def test_every_command_can_be_imported() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.display_name == "Discern"


def test_napari_finds_the_plugin_by_its_entry_point() -> None:
    assert "napari-discern" in {found.manifest.name for found in PluginManifest.discover() if found.manifest}


@pytest.mark.parametrize(
    "sample",
    [samples.sticks, samples.leaves, samples.cells, samples.nuclei_3d, samples.translucent, samples.worms],
)
def test_samples_come_with_their_truth(sample: Any) -> None:
    (image, shown, kind), (truth, hidden, other), *behind = sample()
    assert bool(behind) == (sample in (samples.translucent, samples.worms))
    assert (kind, other) == ("image", "labels")
    assert truth.max() > 3
    assert image.shape[: truth.ndim] == truth.shape
    assert shown["scale"] == hidden["scale"]
    assert hidden["visible"] is False
    again = sample()
    assert np.array_equal(again[0][0], image)
