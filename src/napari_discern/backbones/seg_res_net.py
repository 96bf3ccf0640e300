"""SegResNet, the default: residual blocks that normalise first (Myronenko 2018, without the autoencoder)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from napari_discern.params import Params

if TYPE_CHECKING:
    from torch import nn


class SegResNet(Params):
    """MONAI's SegResNet: one residual block a level, sums instead of concatenation on the way up."""

    kind: Literal["seg-res-net"] = "seg-res-net"
    filters: int = Field(24, ge=8, multiple_of=8)
    """Features at full resolution; doubled at each level."""
    levels: int = Field(4, ge=2, le=7)
    """Resolutions, each half of the one before."""
    norm: Literal["group", "batch", "instance"] = "group"
    """Normalisation of features. Group and instance adapt to each image; batch is the fastest on a CPU."""

    @property
    def multiple(self) -> int:
        """Input sizes must be a multiple of this, in pixels."""
        return 1 << (self.levels - 1)

    def __call__(self, ndim: int, channels: int, features: int) -> nn.Module:
        """Build the network; see `Backbone`."""
        from monai.networks.nets.segresnet import SegResNet as Network

        norms: dict[str, str | tuple[Any, ...]] = {
            "group": ("group", {"num_groups": 8}),
            "batch": "batch",
            "instance": ("instance", {"affine": True}),
        }
        return Network(
            spatial_dims=ndim,
            init_filters=self.filters,
            in_channels=channels,
            out_channels=features,
            blocks_down=(1,) * self.levels,
            blocks_up=(1,) * (self.levels - 1),
            norm=norms[self.norm],
        )
