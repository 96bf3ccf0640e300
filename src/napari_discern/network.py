"""The network: a backbone and its heads. Imports torch; everything above it does so through `model`."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from napari_discern.architecture import Architecture


class Output(NamedTuple):
    """What the network says of a batch.

    Attributes
    ----------
    embedding : float32 tensor of shape (B, E, \\*S), or (B, E, L, \\*S) with L > 1 layers
        A point for each pixel, or for each object that may lie on it.
    logits : float32 tensor of shape (B, K, \\*S)
        Scores of background (0) and the semantic classes; of no, one, two... objects with several layers.
    """

    embedding: Tensor
    logits: Tensor


class EmbeddingNetwork(nn.Module):
    """Maps an image (B, C, \\*S) of any size to an embedding and the scores of the classes."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        self.architecture = a
        channels = a.channels + (a.ndim if a.coordinate_channels else 0)
        self.backbone = a.backbone(a.ndim, channels, a.features)
        sizes = {"embedding": a.layers * a.embedding, "foreground": max(a.classes, a.layers) + 1}
        self.heads = nn.ModuleDict({name: _head(a.ndim, a.features, size) for name, size in sizes.items()})

    def forward(self, image: Tensor) -> Output:
        """Run on an image batch, float (B, C, \\*S)."""
        size = image.shape[2:]
        features = self.backbone(_pad(self._with_coordinates(image), self.architecture.backbone.multiple))
        features = features[(..., *(slice(n) for n in size))]
        embedding, logits = (self.heads[name](features).float() for name in ("embedding", "foreground"))
        if self.architecture.layers > 1:
            embedding = embedding.unflatten(1, (self.architecture.layers, -1)).transpose(1, 2)
        return Output(self._placed(embedding), logits)

    def _with_coordinates(self, image: Tensor) -> Tensor:
        """Coordinate maps in [-1, 1] as further channels (De Brabandere et al. 2017, section 4.2)."""
        if not self.architecture.coordinate_channels:
            return image
        maps = [torch.linspace(-1, 1, n, device=image.device) for n in image.shape[2:]]
        grid = torch.stack(torch.meshgrid(*maps, indexing="ij")).to(image.dtype)
        return torch.cat([image, grid.expand(len(image), *grid.shape)], dim=1)

    def _placed(self, embedding: Tensor) -> Tensor:
        """Scaled coordinates added to the first channels (Novotny et al. 2018, semi-convolutional)."""
        steps = self.architecture.coordinate_steps
        if steps is None:
            return embedding
        size = embedding.shape[-len(steps) :]
        maps = [(torch.arange(n, device=embedding.device) - n / 2) * step for n, step in zip(size, steps, strict=True)]
        grid = torch.stack(torch.meshgrid(*maps, indexing="ij"))
        if embedding.ndim > 2 + len(steps):
            grid = grid[:, None]  # the same for all layers
        first, rest = embedding.split([len(steps), embedding.shape[1] - len(steps)], dim=1)
        return torch.cat([first + grid, rest], dim=1)


def _head(ndim: int, features: int, size: int) -> nn.Module:
    conv: nn.Module = nn.Conv2d(features, size, 1) if ndim == 2 else nn.Conv3d(features, size, 1)
    return nn.Sequential(nn.ReLU(), conv)


def _pad(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last pixels until each side is a multiple.

    A tiny image grows to two multiples along one side: instance norm needs more than one pixel at the coarsest level.
    """
    missing = [-n % multiple for n in image.shape[2:]]
    if all(n <= multiple for n in image.shape[2:]):
        missing[-1] += multiple
    if not any(missing):
        return image
    return nn.functional.pad(image, [p for m in reversed(missing) for p in (0, m)], mode="replicate")
