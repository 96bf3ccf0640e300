"""Report: the scores of several images, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_discern.errors import BadArgument
from napari_discern.metrics.score import Figures, Score, mean, pool

HEADINGS = ("S(0.50)", "S(0.75)", "S(0.90)", "S mean", "SBD", "DiC", "fg Dice", "PQ", "SEG")
CAPTION = "mean: each image weighs the same; of DiC, the mean of |DiC|. pooled: all images as if they were one."


@dataclass(frozen=True)
class Report:
    """The scores of some images by name, in the order to show them in.

    Attributes
    ----------
    scores : mapping of str to Score
        At least one, else `BadArgument`.
    """

    scores: Mapping[str, Score]

    def __post_init__(self) -> None:
        if not self.scores:
            raise BadArgument("a report needs the score of one image at least.")

    @property
    def mean(self) -> Figures:
        """The mean over images; DiC is the mean of ``|DiC|``."""
        return mean(list(self.scores.values()))

    @property
    def pooled(self) -> Score:
        """All images as if they were one."""
        return pool(list(self.scores.values()))

    def worst(self, count: int) -> list[str]:
        """Names of the images with the lowest `S_mean`, the worst first."""
        return sorted(self.scores, key=lambda name: (self.scores[name].S_mean, self.scores[name].SBD, name))[:count]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers under "mean", "pooled" and "images"; for their keys see `Figures`.

        Where classes are known there is "class_accuracy" as well.

        DiC keeps its sign in "images" and "pooled"; in "mean" it is the mean of ``|DiC|``.
        """
        images = [
            {"name": name, **score.figures(), "n_found": score.n_found, "n_truth": score.n_truth}
            for name, score in self.scores.items()
        ]
        pooled = self.pooled
        classes = {"class_accuracy": pooled.class_accuracy} if pooled.classed else {}
        return {"mean": self.mean, "pooled": pooled.figures(), **classes, "images": images}

    def to_json(self) -> str:
        """The same as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def table(self) -> str:
        """A row per image, then the mean and the pooled figures, as aligned text."""
        images = [[abridged(name), *_counts(score), *_cells(score.figures())] for name, score in self.scores.items()]
        pooled = self.pooled
        last = [["mean", "", "", *_cells(self.mean, ".2f")], ["pooled", *_counts(pooled), *_cells(pooled.figures())]]
        table = _aligned(["image", "found", "truth", *HEADINGS], [images, last], left=1)
        return f"{table}{CAPTION}\n{self._sharing()}{self._classes()}"

    def _classes(self) -> str:
        """A line on the classes of the objects; "" where none are known."""
        pooled = self.pooled
        if not pooled.classed:
            return ""
        return f"classes: {pooled.class_accuracy:.3f} of {pooled.classed} matched objects are of the right one\n"

    def _sharing(self) -> str:
        """A line on the objects that share pixels; "" where none do."""
        if not self.pooled.sharing.truth_overlap:
            return ""
        f = self.mean["sharing"]
        return (
            f"objects that share pixels: mean IoU {f['mean_iou']:.3f}, overlap recall {f['overlap_recall']:.3f}; cells "
            f"of Dice > 0.7: Dice {f['well_found_dice']:.3f}, pixel TPR {f['pixel_tpr']:.3f}, pixel FPR "
            f"{f['pixel_fpr']:.4f}, missed {f['object_fnr']:.3f}\n"
        )


def table_of(rows: Mapping[str, Report]) -> str:
    """Several reports below one another, the mean and the pooled figures of each, as aligned text.

    Raises
    ------
    BadArgument
        If there are no rows.
    """
    if not rows:
        raise BadArgument("a table needs one report at least.")
    blocks = [
        [[name, "mean", *_cells(report.mean, ".2f")], ["", "pooled", *_cells(report.pooled.figures())]]
        for name, report in rows.items()
    ]
    return _aligned(["", "", *HEADINGS], blocks, left=2) + CAPTION + "\n"


def abridged(name: str, most: int = 32) -> str:
    """A name of `most` characters at the most, the middle left out where it is longer."""
    half = (most - 3) // 2
    return name if len(name) <= most else f"{name[: most - 3 - half]}...{name[-half:]}"


def _counts(score: Score) -> list[str]:
    return [str(score.n_found), str(score.n_truth)]


def _cells(figures: Figures, count: str = "+d") -> list[str]:
    """The figures as text, in the order of `HEADINGS`; `count` is the format of DiC."""
    at = figures["S"]
    shares = [at["0.50"], at["0.75"], at["0.90"], figures["S_mean"], figures["SBD"]]
    rest = [figures["foreground_dice"], figures["PQ"], figures["SEG"]]
    difference = format(figures["DiC"], count).replace("+0", "0")
    return [*(f"{value:.3f}" for value in shares), difference, *(f"{value:.3f}" for value in rest)]


def _aligned(head: Sequence[str], blocks: Sequence[Sequence[Sequence[str]]], left: int) -> str:
    """Lines of text, the first `left` columns flush left, the others flush right, a rule before each block."""
    lines = [head, *(row for block in blocks for row in block)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1)) + "\n"

    def line(cells: Sequence[str]) -> str:
        text = [f"{cell:{'<' if k < left else '>'}{widths[k]}}" for k, cell in enumerate(cells)]
        return "  ".join(text).rstrip() + "\n"

    return line(head) + "".join(rule + "".join(line(row) for row in block) for block in blocks)
