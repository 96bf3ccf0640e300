"""The similarity loss of Fathi et al. 2017, section 3.2."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from napari_discern.lazy.torch import Tensor, torch
from napari_discern.losses.discriminative import Quality
from napari_discern.losses.groups import draw, means, ranks
from napari_discern.params import Params

HALF = math.log(3)
"""Squared distance at which sigma is a half."""
TINY = 1e-6
"""Added to squared distances of pixels that should be unlike, whose loss is infinite where they are equal."""


class Similarity(Params):
    """Makes pairs of pixels alike that are of one object, and unlike that are not.

    ``L = -sum_pq w_pq (y_pq log sigma(p, q) + (1 - y_pq) log(1 - sigma(p, q)))`` over the pairs of K random pixels of
    each object (Fathi et al. 2017, section 3.2), with ``sigma(p, q) = 2 / (1 + exp(|e_p - e_q|^2))`` (equation 1).
    The weights are inverse to the sizes of both objects and sum to one in each image, for which the factor 1 / |S| of
    the paper is left out; images are averaged.
    """

    dimensions: ClassVar[int] = 64
    kind: Literal["similarity"] = "similarity"
    samples: int = Field(10, ge=1)
    """Random pixels of each object, fewer where it has fewer."""
    background: Literal["object", "unlike", "unknown"] = "unlike"
    """What the background is: one more object, as in the paper; unlike all objects, but in pieces that need not be
    alike, as they can hardly be where coordinates are added to the embedding; or unknown, and left out."""

    def __call__(self, embedding: Tensor, labels: Tensor, classes: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `Loss`. The classes are of no account: objects of different ones are unlike, too."""
        drawn = draw(labels, self.samples, self._least)
        if not len(drawn.owner):
            return embedding.float().sum() * 0
        image, points = drawn.image, drawn.of(embedding.flatten(2)).float()
        rows = torch.bincount(image, minlength=len(labels))
        rank = ranks(image, rows)
        shape = (len(labels), int(rows.max()))
        padded = points.new_zeros(*shape, points.shape[1]).index_put((image, rank), points)
        weight = points.new_zeros(shape).index_put((image, rank), 1 / drawn.size)
        of = torch.full(shape, -1, device=image.device).index_put((image, rank), drawn.owner)
        pairs = weight[:, :, None] * weight[:, None]
        if self.background == "unlike":
            ground = torch.zeros(shape, dtype=torch.bool, device=image.device)
            ground = ground.index_put((image, rank), labels.flatten(1)[image, drawn.place] == 0)
            pairs = pairs.masked_fill(ground[:, :, None] & ground[:, None], 0)
        pairs = pairs / pairs.sum((1, 2), keepdim=True).clamp_min(1e-30) / torch.count_nonzero(rows)
        apart = _squared_distances(padded)
        alike = torch.nn.functional.softplus(apart) - math.log(2)  # -log sigma
        unlike = -torch.log(torch.tanh((apart + TINY) / 2))  # -log(1 - sigma)
        return (pairs * torch.where(of[:, :, None] == of[:, None], alike, unlike)).sum()

    @property
    def _least(self) -> int:
        """The smallest label of which pixels are drawn."""
        return 1 if self.background == "unknown" else 0

    def quality(self, embedding: Tensor, labels: Tensor) -> Quality:
        """How far the embedding is what the loss wants; parameters as for calling. Without gradient.

        `within` is the share of the drawn pixels that are like the mean of their object's (sigma above a half),
        `beyond` the share of the pairs of means that are not.
        """
        with torch.no_grad():
            drawn = draw(labels, self.samples, 0 if self.background == "object" else 1)
            points = drawn.of(embedding.flatten(2)).float()
            _, of = drawn.owner.unique(return_inverse=True)
            count = torch.bincount(of)
            centres = means(points, of, count)
            where = torch.zeros(len(count), dtype=torch.int64, device=points.device).index_put((of,), drawn.image)
            near = (points - centres[of]).square().sum(1) < HALF
            pair = (where[:, None] == where[None]).triu(1)
            far = torch.cdist(centres, centres).square()[pair] > HALF
            return Quality(float(near.float().mean()), float(far.float().mean()))


def _squared_distances(points: Tensor) -> Tensor:
    """Squared distances (B, M, M) of points (B, M, E), by one matrix product; never negative."""
    near = points - points.mean(1, keepdim=True)
    size = near.square().sum(2)
    return torch.baddbmm(size[:, :, None] + size[:, None], near, near.mT, alpha=-2).clamp_min(0)
