"""Misses: a figure of images with the true objects that were missed and the finds that are false."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.io.atomic import atomic
from napari_discern.metrics import Matching, Score, abridged, matching
from napari_discern.pictures.overlay import stretch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
FORMATS = (".png", ".pdf", ".svg")
STYLES: dict[str, dict[str, Any]] = {
    "true": {"color": "white", "linewidth": 0.9, "linestyle": "solid"},
    "found": {"color": "#56b4e9", "linewidth": 1.1, "linestyle": (0, (2, 1))},
    "missed": {"color": "#ffa500", "linewidth": 2.2, "linestyle": "solid"},
    "false": {"color": "#ff4fd8", "linewidth": 1.4, "linestyle": (0, (2.5, 2.5))},
}
WORDS = {"true": "true", "found": "found", "missed": "M: missed", "false": "F: false find"}


@dataclass(frozen=True, eq=False)
class Case:
    """One image for the figure: what was found in it, what is true, its score, and its pixels where at hand."""

    name: str
    found: Instances
    truth: Instances
    score: Score
    image: Image | None = None


def draw_misses(cases: Sequence[Case], path: Path, overwrite: bool = False) -> None:
    """Draw each image with the outlines of what is true and what was found, misses and false finds marked.

    A true object is missed, a find false, if it has no partner with an IoU above 0.5. Of a large image the
    window with most mistakes is shown, of a volume the slice. Where there are no pixels, the true objects
    are drawn in grey.

    Parameters
    ----------
    cases : sequence of Case
        What to draw, in this order.
    path : Path
        PNG, PDF or SVG.
    overwrite : bool
        Whether it may exist.

    Raises
    ------
    BadArgument
        If there is nothing to draw, an image is not of its objects' shape, or `path` is not PNG, PDF or SVG.
    OutputExists
        If `path` exists and `overwrite` is not set.
    """
    from matplotlib.figure import Figure

    if not cases or path.suffix.lower() not in FORMATS:
        raise BadArgument(f"a figure needs one image at least, and a name that ends in {', '.join(FORMATS)}: {path}")
    rows = math.ceil(len(cases) / COLUMNS)
    columns = math.ceil(len(cases) / rows)
    figure = Figure(figsize=(4.2 * columns, 4.6 * rows + 0.5), dpi=150, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, case in zip(axes, cases, strict=False):
        _draw(ax, case)
    _legend(figure)
    with atomic(path, overwrite) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), bbox_inches="tight")


class View(NamedTuple):
    """The part of an image that is shown: a slice along z (of a volume only), and a window in it."""

    z: int | None
    y: slice
    x: slice

    @property
    def place(self) -> tuple[int | slice, ...]:
        """What takes this part out of an array over the spatial axes."""
        return (self.y, self.x) if self.z is None else (self.z, self.y, self.x)


def _draw(ax: Axes, case: Case) -> None:
    """One panel: pixels, outlines, letters and title."""
    from matplotlib.collections import LineCollection

    partners = matching(case.found, case.truth, 0.5)
    view = _view(case, partners)
    truth, found = (objects.planes[(slice(None), *view.place)] for objects in (case.truth, case.found))
    ax.set_anchor("N")
    ax.imshow(_backdrop(case, view), interpolation="nearest")
    shown = {
        "true": _outlines(truth, partners.pairs[:, 1]),
        "found": _outlines(found, partners.pairs[:, 0]),
        "missed": _outlines(truth, partners.missed),
        "false": _outlines(found, partners.false),
    }
    for kind, lines in shown.items():
        ax.add_collection(LineCollection([line for _, line in lines], **STYLES[kind]), autolim=False)
    for kind in ("missed", "false"):
        _write_letters(ax, kind, shown[kind])
    ax.set_title(_title(case, partners, view), fontsize=8, loc="left")


def _view(case: Case, partners: Matching) -> View:
    """Where most pixels of mistakes are, or of true objects where there are no mistakes."""
    wrong = _covered(case.truth, partners.missed) | _covered(case.found, partners.false)
    if not wrong.any():
        wrong = case.truth.foreground
    z = int(wrong.sum(axis=(1, 2)).argmax()) if wrong.ndim == 3 else None
    diameter = math.sqrt(np.median(case.truth.areas)) if case.truth.n else 0.0
    return View(z, *_densest(wrong if z is None else wrong[z], side=max(256, round(16 * diameter))))


def _densest(wrong: np.ndarray, side: int) -> tuple[slice, slice]:
    """The window of at most `side` pixels along each axis that holds most of `wrong`, amid those that do."""
    h, w = (min(side, length) for length in wrong.shape)
    sums = np.pad(wrong.astype(np.int64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    within = sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]
    best = np.argwhere(within == within.max())
    y, x = best[np.abs(best - best.mean(axis=0)).sum(axis=1).argmin()].tolist()
    return slice(y, y + h), slice(x, x + w)


def _covered(objects: Instances, ids: np.ndarray) -> np.ndarray:
    """Pixels of these objects, bool."""
    chosen = np.zeros(objects.n + 1, bool)
    chosen[ids] = True
    return np.asarray(chosen[objects.planes].any(axis=0))


def _backdrop(case: Case, view: View) -> np.ndarray:
    """Dimmed pixels, or true objects in grey, uint8 (H, W, 3)."""
    if case.image is None:
        grey = np.where(case.truth.foreground[view.place], 90, 20).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if case.image.spatial_shape != case.truth.shape:
        raise BadArgument(
            f"{case.name}: the image has shape {case.image.spatial_shape}, its objects {case.truth.shape}; "
            "they must be the same."
        )
    region = (view.y, view.x) if view.z is None else (slice(view.z, view.z + 1), view.y, view.x)
    pixels = case.image.read(region)
    flat = pixels if view.z is None else pixels[:, 0]
    return np.asarray((0.7 * stretch(flat, case.image.is_rgb)).astype(np.uint8))


def _outlines(planes: np.ndarray, ids: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """The outlines of these objects as (id, (x, y) of each corner); an object in pieces has several."""
    from scipy import ndimage
    from skimage.measure import find_contours

    wanted, lines = set(ids.tolist()), []
    for plane in planes:
        for label, box in enumerate(ndimage.find_objects(plane.astype(np.int64)), start=1):
            if box is not None and label in wanted:
                mask = np.pad(plane[box] == label, 1).astype(float)
                corner = (box[0].start - 1, box[1].start - 1)
                lines += [(label, (line + corner)[:, ::-1]) for line in find_contours(mask, 0.5)]  # type: ignore[no-untyped-call]
    return lines


def _write_letters(ax: Axes, kind: str, lines: list[tuple[int, np.ndarray]]) -> None:
    """The first letter of the word in the legend, once for each object: above a miss, below a false find."""
    from matplotlib.patheffects import withStroke

    colour, above = STYLES[kind]["color"], kind == "missed"
    for line in dict(sorted(lines, key=lambda item: len(item[1]))).values():  # the longest outline of each
        x, y = line[line[:, 1].argmin() if above else line[:, 1].argmax()]
        letter = ax.text(x, y, WORDS[kind][0], color=colour, fontsize=7, fontweight="bold", clip_on=True)
        letter.set(ha="center", va="bottom" if above else "top")
        letter.set_path_effects([withStroke(linewidth=1.5, foreground="black")])


def _title(case: Case, partners: Matching, view: View) -> str:
    place = [] if view.z is None else [f"z {view.z}"]
    if (view.y.stop - view.y.start, view.x.stop - view.x.start) != case.truth.shape[-2:]:
        place += [f"y {view.y.start}-{view.y.stop}", f"x {view.x.start}-{view.x.stop}"]
    scores = f"S(0.5) {case.score.S[0.5]:.3f}   S mean {case.score.S_mean:.3f}   SBD {case.score.SBD:.3f}"
    counts = f"{case.truth.n} true, {case.found.n} found: {len(partners.missed)} missed, {len(partners.false)} false"
    return "\n".join([f"{abridged(case.name)}   {', '.join(place)}".rstrip(), scores, counts])


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=WORDS[kind], **style) for kind, style in STYLES.items()]
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=9)
    legend.get_frame().set(facecolor="0.25", edgecolor="none")
    for text in legend.get_texts():
        text.set_color("white")
