"""PyTorch, imported when it is first used; `Tensor` is for annotations alone."""

from typing import TYPE_CHECKING

from napari_discern.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch, Tensor = LazyModule("torch"), "torch.Tensor"

__all__ = ["Tensor", "torch"]
