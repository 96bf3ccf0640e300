"""Curves: what proposals find, by the weight of diversity, the number of seeds, and their confidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from napari_discern.errors import BadArgument
from napari_discern.io.atomic import atomic
from napari_discern.metrics import Calibration
from napari_discern.pictures.misses import FORMATS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_proposals(
    precision: Mapping[float, Mapping[float, float]],
    found: Mapping[str, Mapping[int, float]],
    calibrated: Calibration,
    path: Path,
    overwrite: bool = False,
) -> None:
    """Draw three panels beside one another.

    Parameters
    ----------
    precision : mapping of float to mapping of float to float
        Average precision by alpha and IoU.
    found : mapping of str to mapping of int to float
        By name, shares by the number of seeds.
    calibrated : Calibration
        Confidence against the share of good masks.
    path : Path
        PNG, PDF or SVG.

    Raises
    ------
    BadArgument
        If `path` is not PNG, PDF or SVG.
    OutputExists
        If `path` exists and `overwrite` is not set.
    """
    from matplotlib.figure import Figure

    if path.suffix.lower() not in FORMATS:
        raise BadArgument(f"the name of a figure ends in {', '.join(FORMATS)}: {path}")
    figure = Figure(figsize=(12, 3.8), dpi=150, layout="constrained")
    _fill(figure.subplots(1, 3), precision, found, calibrated)
    with atomic(path, overwrite) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower())


def _fill(
    panels: Iterable[Axes],
    precision: Mapping[float, Mapping[float, float]],
    found: Mapping[str, Mapping[int, float]],
    calibrated: Calibration,
) -> None:
    left, middle, right = panels
    for threshold in next(iter(precision.values()), {}):
        values = [row[threshold] for row in precision.values()]
        left.plot(list(precision), values, marker="o", label=f"IoU {threshold:g}")
    left.set(xlabel="weight of diversity, alpha", ylabel="mAP$^r$", ylim=(0, 1))
    left.legend()
    for name, values_of in found.items():
        middle.plot(list(values_of), list(values_of.values()), marker="o", label=name)
    middle.set(xlabel="seeds", xscale="log", ylim=(0, 1))
    middle.legend()
    right.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="dashed")
    right.plot(calibrated.confidence, calibrated.good, marker="o")
    right.set(xlabel="confidence", ylabel="share with IoU above 0.5", xlim=(0, 1), ylim=(0, 1))
    right.set_title(f"expected calibration error {calibrated.error:.3f}", fontsize="medium")
