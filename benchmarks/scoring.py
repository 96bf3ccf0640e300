"""What a model reaches on a labelled folder; for the other scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_discern import io
from napari_discern.metrics import mean, score
from napari_discern.model import Model
from napari_discern.progress import run
from napari_discern.segmentation import segment


def scored(model: Model, folder: Path) -> dict[str, Any]:
    """The mean over the images of a folder that holds images/ and labels/; keys as of `napari_discern.metrics.mean`."""
    scores = []
    for pair in io.pair(folder / "images", folder / "labels"):
        image, truth = pair.read()
        scores.append(score(run(segment(image, model)), truth))
    return mean(scores)
