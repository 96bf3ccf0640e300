"""Groups: numbers, places and means of elements that belong together, such as those of an object or of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_discern.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


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


def ranks(group: Tensor, count: Tensor) -> Tensor:
    """Place (n,) of each row within its group; the groups (n,) ascend, and have so many rows each."""
    return torch.arange(len(group), device=group.device) - (count.cumsum(0) - count)[group]


def means(values: Tensor, owner: Tensor, count: Tensor) -> Tensor:
    """Mean (M, ...) of the values (n, ...) of each owner (n,), of which there are so many each (M,)."""
    total = values.new_zeros(len(count), *values.shape[1:]).index_add(0, owner, values)
    return torch.div(total, count.view(-1, *[1] * (values.ndim - 1)))
