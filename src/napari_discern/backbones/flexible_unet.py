"""A U-Net whose encoder is a larger classification network (EfficientNet, ResNet)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_discern.params import Params

if TYPE_CHECKING:
    from torch import nn


class FlexibleUNet(Params):
    """MONAI's FlexibleUNet over an EfficientNet (Tan and Le 2019) or ResNet encoder, untrained at first."""

    kind: Literal["flexible-unet"] = "flexible-unet"
    encoder: Literal["efficientnet-b0", "efficientnet-b1", "efficientnet-b2", "resnet18", "resnet34"] = (
        "efficientnet-b0"
    )
    """Which classification network encodes the image."""

    @property
    def multiple(self) -> int:
        """Input sizes must be a multiple of this, in pixels."""
        return 32

    def __call__(self, ndim: int, channels: int, features: int) -> nn.Module:
        """Build the network; see `Backbone`."""
        from monai.networks.nets.flexible_unet import FlexibleUNet as Network

        return Network(in_channels=channels, out_channels=features, backbone=self.encoder, spatial_dims=ndim)
