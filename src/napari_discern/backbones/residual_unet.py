"""Residual U-Net (Kerfoot et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from napari_discern.params import Params

if TYPE_CHECKING:
    from torch import nn


class ResidualUNet(Params):
    """MONAI's UNet with residual units: strided convolutions down, transposed ones up."""

    kind: Literal["residual-unet"] = "residual-unet"
    filters: int = Field(16, ge=4)
    """Features at the first level; doubled at each level."""
    levels: int = Field(5, ge=2, le=7)
    """Resolutions, each half of the one before."""

    @property
    def multiple(self) -> int:
        """Input sizes must be a multiple of this, in pixels."""
        return 1 << (self.levels - 1)

    def __call__(self, ndim: int, channels: int, features: int) -> nn.Module:
        """Build the network; see `Backbone`."""
        from monai.networks.nets.unet import UNet

        return UNet(
            spatial_dims=ndim,
            in_channels=channels,
            out_channels=features,
            channels=[self.filters * 2**level for level in range(self.levels)],
            strides=[2] * (self.levels - 1),
            num_res_units=2,
        )
