"""The seediness loss of Fathi et al. 2017, section 3.4."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from napari_discern.lazy.torch import Tensor, torch
from napari_discern.losses.groups import draw
from napari_discern.params import Params

ENTRIES = 1 << 23
"""Distances between seeds and elements that are held at a time."""
PIXELS = 1 << 14
"""Random elements of an image that masks are judged by, all of a smaller one."""


class Seediness(Params):
    """Teaches which mask a pixel would grow: a good one of which semantic class, or no object.

    For K random pixels p of each object and each tau the mask ``{q: sigma(p, q) >= tau}`` is grown in the embedding as
    it is. If its IoU with a true object is above a threshold, its class is what the mask head shall say at p, else
    background; the loss is their softmax cross-entropy, averaged over pixels and taus (Fathi et al. 2017, section 3.4).
    Its weight is 0 while the embedding takes shape, and rises to that given (section 3.5).
    """

    kind: Literal["seediness"] = "seediness"
    weight: float = Field(0.2, ge=0)
    """Weight lambda beside the embedding loss, once it has risen."""
    begin: float = Field(0.25, ge=0, le=1)
    """Share of the training after which the weight begins to rise."""
    full: float = Field(0.5, ge=0, le=1)
    """Share of the training after which the weight is what was given."""
    samples: int = Field(10, ge=1)
    """Random pixels of each object, fewer where it has fewer."""
    iou: float = Field(0.5, ge=0, lt=1)
    """A mask is good if its overlap with a true object, intersection over union, is above this."""

    def weight_at(self, done: float) -> float:
        """The weight after a share of the training."""
        if done >= self.full:
            return self.weight
        return self.weight * max(0.0, done - self.begin) / max(self.full - self.begin, 1e-9)

    def __call__(
        self, scores: Tensor, embedding: Tensor, labels: Tensor, taus: Sequence[float], classes: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch, before weighting.

        Parameters
        ----------
        scores : float tensor of shape (B, T, K, \\*S)
            For each tau, scores of the mask that an element would grow: no object (0), or one of a semantic class.
        embedding : float tensor of shape (B, E, \\*S)
            Without effect on the gradient.
        labels : int64 tensor of shape (B, \\*S)
            Object of each element; 0 is background, -1 is unknown, which is in no mask.
        taus : sequence of T floats
            Least similarity of what is in a mask.
        classes : int64 tensor of shape (B, \\*S), optional
            Semantic class of each element, 1 where none is given; -1 is unknown: a mask that is good for such an object
            costs nothing, whatever is said of it.

        Returns
        -------
        float32 scalar tensor
            0 where there is no object.
        """
        drawn = draw(labels, self.samples)
        if not len(drawn.owner):
            return scores.float().sum() * 0
        with torch.no_grad():
            truth = torch.cat([
                self._judge(embedding[b].flatten(1).float(), labels[b].flatten(), drawn.place[drawn.image == b], taus)
                for b in range(len(labels))
            ])  # fmt: skip
            if classes is not None:
                truth = torch.where(truth > 0, _class_of(truth, drawn.image, labels.flatten(1), classes.flatten(1)), 0)
            else:
                truth = (truth > 0).long()
        said = drawn.of(scores.flatten(3)).float()
        cost = torch.nn.functional.cross_entropy(said.flatten(0, 1), truth.flatten(), ignore_index=-1, reduction="sum")
        loss: Tensor = cost / (truth >= 0).sum().clamp_min(1)
        return loss

    def _judge(self, values: Tensor, labels: Tensor, seeds: Tensor, taus: Sequence[float]) -> Tensor:
        """The object that the mask of each seed of one image is good for, 0 where there is none; int64 (n, T)."""
        known = (labels >= 0).nonzero()[:, 0]
        known = known[torch.randperm(len(known), device=known.device)[:PIXELS]]
        points, centre = values[:, known].T, values[:, known].mean(1)
        points, picked = points - centre, values[:, seeds].T - centre
        ids, index = labels[known].unique(return_inverse=True)
        area, square = torch.bincount(index), points.square().sum(1)
        radii = [math.log(2 / tau - 1) for tau in taus]
        found = []
        for part in picked.split(max(1, ENTRIES // max(1, len(points)))):
            apart = torch.addmm(part.square().sum(1)[:, None] + square, part, points.T, alpha=-2)
            seed, pixel = (apart <= max(radii)).nonzero(as_tuple=True)  # few, where the embedding is any good
            apart, cell = apart[seed, pixel], seed * len(ids) + index[pixel]
            both = torch.stack([torch.bincount(cell[apart <= r], minlength=len(part) * len(ids)) for r in radii])
            both = both.view(len(radii), len(part), len(ids)).transpose(0, 1)
            iou = both / (both.sum(2, keepdim=True) + area - both)
            best, which = iou.masked_fill(ids == 0, 0).max(2)
            found.append(torch.where(best > self.iou, ids[which], 0))
        return torch.cat(found) if found else seeds.new_zeros(0, len(taus))


def _class_of(truth: Tensor, image: Tensor, labels: Tensor, classes: Tensor) -> Tensor:
    """Semantic class of objects (n, T) of images (n,), from labels and classes (B, S); -1 where it is unknown."""
    ids = int(labels.max()) + 1
    table = classes.new_zeros(len(labels), ids).scatter_(1, labels.clamp_min(0), classes)
    return table[image[:, None], truth]
