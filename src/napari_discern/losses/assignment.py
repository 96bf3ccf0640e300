"""Assignment: where objects share a pixel, which of its embeddings stands for which object."""

from __future__ import annotations

from itertools import permutations

from napari_discern.lazy.torch import Tensor, torch


def assign(embedding: Tensor, labels: Tensor) -> Tensor:
    """Order the objects of each shared pixel over its layers so that the pull is smallest.

    An object's mean is taken over the pixels that it has to itself; where it has none, over all its elements as they
    come. A pixel of k objects uses its first k layers. Nothing here has a gradient.

    Parameters
    ----------
    embedding : float tensor of shape (B, E, L, \\*S)
        L embeddings for each pixel.
    labels : int64 tensor of shape (B, L, \\*S)
        Objects of each pixel, those that there are first; 0 where there are fewer, -1 where unknown.

    Returns
    -------
    int64 tensor of shape (B, L, \\*S)
        The same objects at each pixel, in the order of the layers.
    """
    with torch.no_grad():
        shared = labels[:, 1] > 0
        if not shared.any():
            return labels
        points, ids = embedding.float().movedim(1, -1), labels.movedim(1, -1)  # (B, L, *S, E), (B, *S, L)
        count = int(labels.max()) + 1
        image = torch.arange(len(labels), device=labels.device).view(-1, *[1] * (labels.ndim - 2))
        means = _means(points, labels, shared, image * count, count * len(labels))
        here = ids[shared]
        own = means[here + (image * count).expand_as(shared)[shared][:, None]]
        cost = (points.movedim(1, -2)[shared][:, :, None] - own[:, None]).square().sum(-1)  # (n, layer, object)
        layers, there = torch.arange(here.shape[1], device=here.device), here > 0
        used = layers[:, None] < there.sum(1)[:, None, None]  # not to be left to an empty place
        cost = torch.where(there[:, None], cost, torch.zeros_like(cost).masked_fill(used, torch.inf))
        orders = torch.tensor(list(permutations(range(here.shape[1]))), device=here.device)
        total = torch.stack([cost[:, layers, order].sum(1) for order in orders])
        best = orders[total.argmin(0)]
        ordered = ids.clone()
        ordered[shared] = here.gather(1, best)
        return ordered.movedim(-1, 1)


def _means(points: Tensor, labels: Tensor, shared: Tensor, offset: Tensor, size: int) -> Tensor:
    """Mean embedding (size, E) of each object of each image, over what it has to itself if it has anything."""
    (alone, count), (either, _) = (
        _mean(points, labels, where, offset, size) for where in (~shared, torch.ones_like(shared))
    )
    return torch.where((count > 0)[:, None], alone, either)


def _mean(points: Tensor, labels: Tensor, where: Tensor, offset: Tensor, size: int) -> tuple[Tensor, Tensor]:
    chosen = (labels > 0) & where[:, None]
    owner = (labels + offset[:, None])[chosen]
    count = torch.bincount(owner, minlength=size)
    total = points.new_zeros(size, points.shape[-1]).index_add(0, owner, points[chosen])
    return total / count.clamp_min(1)[:, None], count
