"""Groups: numbers, places and means of elements that belong together, such as those of an object or of an image."""

from __future__ import annotations

from typing import NamedTuple

from napari_discern.lazy.torch import Tensor, torch


def keys(labels: Tensor) -> tuple[Tensor, int]:
    """A number for each object of a batch, and how many of them an image has.

    Parameters
    ----------
    labels : int64 tensor of shape (B, \\*S)
        Object of each element in its image; below 0 where unknown.

    Returns
    -------
    int64 tensor of shape (B, \\*S)
        Image times N plus label.
    int
        N, one more than the largest label.
    """
    ids = int(labels.max()) + 1 if labels.numel() else 1
    return labels + torch.arange(len(labels), device=labels.device).view(-1, *[1] * (labels.ndim - 1)) * ids, ids


class Drawn(NamedTuple):
    """Random elements, sorted by object; int64 tensors of shape (n,).

    Attributes
    ----------
    image : the image of each
    place : its index in the image, flat
    owner : the number of its object; see `keys`
    size : elements of its object
    """

    image: Tensor
    place: Tensor
    owner: Tensor
    size: Tensor

    def of(self, values: Tensor) -> Tensor:
        """Their values (n, ...) in a tensor (B, ..., \\*S) whose channels were flattened to (B, ..., S)."""
        return values.movedim(-1, 1)[self.image, self.place]


def draw(labels: Tensor, samples: int, least: int = 1) -> Drawn:
    """Random elements of each object, fewer where it has fewer.

    Parameters
    ----------
    labels : int64 tensor of shape (B, \\*S)
        Object of each element.
    samples : int
        Elements of each object.
    least : int
        Smallest label that counts as an object; 0 takes the background of each image as one.
    """
    every, ids = keys(labels)
    place = (labels >= least).flatten().nonzero()[:, 0]
    owner = every.flatten()[place]
    order = (owner + torch.rand(len(owner), dtype=torch.float64, device=owner.device)).argsort()
    owner = owner[order]
    count = torch.bincount(owner, minlength=len(labels) * ids)
    drawn = ranks(owner, count) < samples
    place, owner = place[order[drawn]], owner[drawn]
    return Drawn(owner // ids, place % (labels.numel() // max(1, len(labels))), owner, count[owner])


def ranks(group: Tensor, count: Tensor) -> Tensor:
    """Place (n,) of each row within its group; the groups (n,) ascend, and have so many rows each."""
    return torch.arange(len(group), device=group.device) - (count.cumsum(0) - count)[group]


def means(values: Tensor, owner: Tensor, count: Tensor) -> Tensor:
    """Mean (M, ...) of the values (n, ...) of each owner (n,), of which there are so many each (M,)."""
    total = values.new_zeros(len(count), *values.shape[1:]).index_add(0, owner, values)
    return torch.div(total, count.view(-1, *[1] * (values.ndim - 1)))
