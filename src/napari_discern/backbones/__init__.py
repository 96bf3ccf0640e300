"""Backbones: off-the-shelf networks from MONAI, in 2D and 3D, that turn channels into features."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from napari_discern.backbones.basic_unet import BasicUNet
from napari_discern.backbones.dyn_unet import DynUNet
from napari_discern.backbones.flexible_unet import FlexibleUNet
from napari_discern.backbones.residual_unet import ResidualUNet
from napari_discern.backbones.seg_res_net import SegResNet

Backbone: TypeAlias = Annotated[
    SegResNet | ResidualUNet | BasicUNet | DynUNet | FlexibleUNet, Field(discriminator="kind")
]
"""The family of backbones, told apart by `kind`.

Calling one, ``backbone(ndim, channels, features)``, builds a `torch.nn.Module` that maps float
(B, channels, \\*S) to (B, features, \\*S), where each of \\*S is a multiple of `backbone.multiple`.
"""

__all__ = ["Backbone", "BasicUNet", "DynUNet", "FlexibleUNet", "ResidualUNet", "SegResNet"]
