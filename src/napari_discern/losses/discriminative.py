"""The discriminative loss of De Brabandere, Neven and Van Gool 2017, section 3.1."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from napari_discern.lazy.torch import Tensor, torch
from napari_discern.losses.groups import keys, means, ranks
from napari_discern.params import Params


class Forces(NamedTuple):
    """The three terms of the loss, each a float32 scalar: L_var, L_dist and L_reg."""

    pull: Tensor
    push: Tensor
    drift: Tensor


class Quality(NamedTuple):
    """How far an embedding is what the loss wants it to be; NaN where there is nothing to look at.

    Attributes
    ----------
    within : float
        Share of the pixels nearer than delta_v to their object's mean.
    beyond : float
        Share of the pairs of objects whose means are further apart than 2 delta_d.
    """

    within: float
    beyond: float


class Discriminative(Params):
    """Pulls the embeddings of an object to their mean and pushes the means of different objects apart.

    ``L = alpha L_var + beta L_dist + gamma L_reg`` (De Brabandere et al. 2017), with

    - ``L_var  = 1/C sum_c 1/N_c sum_i [|mu_c - x_i| - delta_v]+^2``
    - ``L_dist = 1/(C(C-1)) sum_{a != b} [2 delta_d - |mu_a - mu_b|]+^2``
    - ``L_reg  = 1/C sum_c |mu_c|``

    computed for each image and semantic class by itself, summed over the classes, averaged over the images
    that hold an object.
    """

    dimensions: ClassVar[int] = 16
    kind: Literal["discriminative"] = "discriminative"
    delta_v: float = Field(0.5, gt=0)
    """Margin of the pull: embeddings closer than this to their object's mean are left alone."""
    delta_d: float = Field(1.5, gt=0)
    """Margin of the push: means further apart than twice this are left alone."""
    alpha: float = Field(1.0, ge=0)
    """Weight of the pull to an object's mean."""
    beta: float = Field(1.0, ge=0)
    """Weight of the push between means."""
    gamma: float = Field(0.001, ge=0)
    """Weight of the pull of all means to the origin."""
    norm: Literal[1, 2] = 2
    """Distance in the embedding: 1 for L1, 2 for L2."""
    pairs: Literal["all", "close"] = "all"
    """Pairs that L_dist is the mean of: all, as in the paper, or for each object those that are still too close.
    In images of many objects most pairs are far apart, and the mean over all hardly pushes the others."""

    def __call__(self, embedding: Tensor, labels: Tensor, classes: Tensor | None = None) -> Tensor:
        """The weighted sum of the three forces; see `Loss`."""
        forces = self.forces(embedding, labels, classes)
        return self.alpha * forces.pull + self.beta * forces.push + self.gamma * forces.drift

    def forces(self, embedding: Tensor, labels: Tensor, classes: Tensor | None = None) -> Forces:
        """The three terms before weighting; parameters as for calling."""
        points, owner, image, kind = _objects(embedding, labels, classes)
        count = torch.bincount(owner, minlength=len(image))
        centres = means(points, owner, count)
        spread = torch.linalg.vector_norm(points - centres.index_select(0, owner), self.norm, dim=1)
        pull = means((spread - self.delta_v).clamp_min(0).square(), owner, count)
        weight = _share(image, kind)
        drift = torch.linalg.vector_norm(centres, self.norm, dim=1)
        return Forces((weight * pull).sum(), self._push(centres, image, kind, weight), (weight * drift).sum())

    def quality(self, embedding: Tensor, labels: Tensor) -> Quality:
        """How far the embedding is what the loss wants; parameters as for calling. Without gradient."""
        with torch.no_grad():
            points, owner, image, _ = _objects(embedding, labels, None)
            centres = means(points, owner, torch.bincount(owner, minlength=len(image)))
            near = torch.linalg.vector_norm(points - centres.index_select(0, owner), self.norm, dim=1) <= self.delta_v
            pair = (image[:, None] == image[None]).triu(1)
            far = torch.cdist(centres, centres, p=float(self.norm))[pair] >= 2 * self.delta_d
            return Quality(float(near.float().mean()), float(far.float().mean()))

    def _push(self, centres: Tensor, image: Tensor, kind: Tensor, share: Tensor) -> Tensor:
        """Mean over ordered pairs of one image and class, summed over classes, averaged over images."""
        rows = torch.bincount(image)
        rank = ranks(image, rows)
        size = int(rows.max()) if len(rows) else 0
        padded = centres.new_zeros(len(rows), size, centres.shape[1]).index_put((image, rank), centres)
        group = torch.full((len(rows), size), -1, device=image.device).index_put((image, rank), kind)
        pair = (group[:, :, None] == group[:, None, :]) & (group >= 0)[:, :, None]
        pair &= ~torch.eye(size, dtype=torch.bool, device=image.device)
        weight = centres.new_zeros(len(rows), size).index_put((image, rank), share)
        if self.norm == 1:
            hinge = (2 * self.delta_d - torch.cdist(padded, padded, p=1.0)).clamp_min(0) * pair
            return (hinge.square().sum(2) / self._others(hinge, pair) * weight).sum()
        return self._push_fast(padded, pair, weight)

    def _push_fast(self, centres: Tensor, pair: Tensor, weight: Tensor) -> Tensor:
        """The same for L2, with the gradient written out: many times fewer passes over all pairs.

        The gradient of ``w_ab [m - |mu_a - mu_b|]+^2`` by mu_a is ``-2 w_ab [m - |mu_a - mu_b|]+`` times the unit
        vector from mu_b to mu_a; it is taken as 0 where two means are equal.
        """
        with torch.no_grad():
            near = centres - centres.mean(1, keepdim=True)
            wide = near.double()
            size = wide.square().sum(2)
            apart = torch.baddbmm(size[:, :, None] + size[:, None], wide, wide.mT, alpha=-2).float()
            apart = apart.clamp_min_(1e-12).sqrt_()
            hinge = (2 * self.delta_d - apart).clamp_min_(0).mul_(pair)
            share = weight / self._others(hinge, pair)
            value = (hinge.square().sum(2) * share).sum()
            force = hinge.mul_(share[:, :, None] + share[:, None]).div_(apart).masked_fill_(apart <= 1e-6, 0)
            gradient = -2 * (force.sum(2, keepdim=True) * near - force @ near)
        return value + (gradient * (centres - centres.detach())).sum()

    def _others(self, hinge: Tensor, pair: Tensor) -> Tensor:
        """Number of the other objects that an object's push is the mean of, 1 at least."""
        counted = hinge > 0 if self.pairs == "close" else pair
        return counted.sum(2).clamp_min(1)


def _objects(embedding: Tensor, labels: Tensor, classes: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Embeddings (n, E) of the labelled elements, the object (n,) of each, image and class (M,) of each object."""
    inside = labels > 0
    every, ids = keys(labels)
    key = every[inside]
    present = torch.bincount(key, minlength=len(labels) * ids) > 0
    owner = (present.cumsum(0) - 1)[key]
    image = present.nonzero()[:, 0] // ids
    kind = torch.zeros_like(image)
    if classes is not None:
        kind = kind.index_put((owner,), classes[inside])
    return embedding.float().movedim(1, -1)[inside], owner, image, kind


def _share(image: Tensor, kind: Tensor) -> Tensor:
    """Weight (M,) of each object: one over the objects of its image and class, and over the images."""
    if not len(image):
        return torch.zeros(0, device=image.device)
    group = image * (kind.max() + 2) + kind + 1
    share: Tensor = 1 / (torch.bincount(group)[group] * torch.count_nonzero(torch.bincount(image)))
    return share
