"""The classic U-Net (Ronneberger et al. 2015; Falk et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from napari_discern.params import Params

if TYPE_CHECKING:
    from torch import nn


class BasicUNet(Params):
    """MONAI's BasicUNet: two convolutions a level, five levels, concatenation on the way up."""

    kind: Literal["basic-unet"] = "basic-unet"
    filters: int = Field(16, ge=4)
    """Features at full resolution; doubled at each level."""

    @property
    def multiple(self) -> int:
        """Input sizes must be a multiple of this, in pixels."""
        return 16

    def __call__(self, ndim: int, channels: int, features: int) -> nn.Module:
        """Build the network; see `Backbone`."""
        from monai.networks.nets.basic_unet import BasicUNet as Network

        f = self.filters
        widths = (f, f, 2 * f, 4 * f, 8 * f, f)
        return Network(spatial_dims=ndim, in_channels=channels, out_channels=features, features=widths)
