"""DynUNet, the network of nnU-Net (Isensee et al. 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from napari_discern.params import Params

if TYPE_CHECKING:
    from torch import nn


class DynUNet(Params):
    """MONAI's DynUNet with residual blocks and instance norm; can leave z at full resolution."""

    kind: Literal["dyn-unet"] = "dyn-unet"
    filters: int = Field(16, ge=4)
    """Features at full resolution; doubled at each level."""
    levels: int = Field(5, ge=3, le=7)
    """Resolutions, each half of the one before."""
    flat_levels: int = Field(0, ge=0, le=6)
    """Number of first halvings that leave z as it is, for volumes with thick slices (3D only)."""

    @property
    def multiple(self) -> int:
        """Input sizes must be a multiple of this, in pixels."""
        return 1 << (self.levels - 1)

    def __call__(self, ndim: int, channels: int, features: int) -> nn.Module:
        """Build the network; see `Backbone`."""
        from monai.networks.nets.dynunet import DynUNet as Network

        halvings = [self._halving(ndim, level) for level in range(self.levels - 1)]
        kernels = [[3] * ndim, *[[1 if s == 1 else 3 for s in step] for step in halvings]]
        return Network(
            spatial_dims=ndim,
            in_channels=channels,
            out_channels=features,
            kernel_size=kernels,
            strides=[[1] * ndim, *halvings],
            upsample_kernel_size=halvings,
            filters=[self.filters * 2**level for level in range(self.levels)],
            res_block=True,
        )

    def _halving(self, ndim: int, level: int) -> list[int]:
        return [1, 2, 2] if ndim == 3 and level < self.flat_levels else [2] * ndim
