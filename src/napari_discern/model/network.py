"""The network: a backbone and its heads. Imports torch; everything above it does so through `model`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from napari_discern.losses import centre_scores, class_means
from napari_discern.model.architecture import Architecture


class Output(NamedTuple):
    """What the network says of a batch.

    Attributes
    ----------
    embedding : float32 tensor of shape (B, E, \\*S), or (B, E, L, \\*S) with L > 1 layers
        A point for each pixel, or for each object that may lie on it.
    logits : float32 tensor of shape (B, K, \\*S)
        Scores of background (0) and the semantic classes; of no, one, two... objects with several layers.
    seeds : float32 tensor of shape (B, T, K, \\*S) or None
        For each of T taus, scores of the mask that a pixel would grow: no object (0), or one of a semantic class.
    points : float32 tensor of shape (B, D, \\*S) or None
        A point for each pixel in an embedding of classes, if there is one; the logits are of its distance from them.
    """

    embedding: Tensor
    logits: Tensor
    seeds: Tensor | None = None
    points: Tensor | None = None


class EmbeddingNetwork(nn.Module):
    """Maps an image (B, C, \\*S) of any size to an embedding and the scores of the classes."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        self.architecture = a
        block = math.prod(a.strides)
        channels = a.channels + (a.ndim if a.coordinate_channels else 0)
        self.backbone = a.backbone(a.ndim, block * channels, a.features)
        self.expand = _expansion(a.ndim, a.features, block * a.features) if block > 1 else nn.Identity()
        kinds = max(a.classes, a.layers) + 1
        sizes = {"embedding": a.layers * a.embedding, "foreground": a.class_dimensions or kinds}
        if a.taus:
            sizes["seeds"] = len(a.taus) * (a.classes + 1)
        if a.class_dimensions:
            self.register_buffer("centres", torch.zeros(kinds, a.class_dimensions))
        self.heads = nn.ModuleDict({name: _head(a.ndim, a.features, size) for name, size in sizes.items()})

    def forward(self, image: Tensor) -> Output:
        """Run on an image batch, float (B, C, \\*S)."""
        image = self._with_coordinates(image)
        embedding, logits, *seeds = self._said(image)
        if self.architecture.layers > 1:
            embedding = embedding.unflatten(1, (self.architecture.layers, -1)).transpose(1, 2)
        every = seeds[0].float().unflatten(1, (len(self.architecture.taus), -1)) if seeds else None
        points, logits = None, logits.float()
        if self.architecture.class_dimensions:
            points, logits = logits, centre_scores(logits, self.get_buffer("centres"))
        return Output(self._placed(embedding), logits, every, points)

    def record(self, points: Tensor, classes: Tensor) -> None:
        """Take the means of a batch as the centres of the classes; its running average knows those of many.

        Parameters
        ----------
        points : float tensor of shape (B, D, \\*S)
        classes : int64 tensor of shape (B, \\*S)
            True class of each pixel; -1 is unknown.
        """
        centres = self.get_buffer("centres")
        centres.copy_(class_means(points.detach(), classes, centres))

    def _said(self, image: Tensor) -> tuple[Tensor, ...]:
        """What each head says, (B, N, \\*S)."""
        a = self.architecture
        if a.scales == (1.0,):  # heads have fewer channels than the features, which need not be laid out as pixels
            said = self._laid_out(self._heads(self._blocks(image), math.prod(a.strides)), image)
        else:
            said = self._heads(self._features(image), 1)
        split: tuple[Tensor, ...] = said.split([len(bias) for _, bias in map(_linear, self.heads.values())], dim=1)
        return split

    def _heads(self, features: Tensor, pixels: int) -> Tensor:
        """All heads as one convolution of the pixels of blocks: (B, pixels F, \\*S) to (B, pixels N, \\*S)."""
        weight, bias = map(torch.cat, zip(*map(_linear, self.heads.values()), strict=True))
        weight = weight.repeat(pixels, *[1] * (weight.ndim - 1))
        convolve = nn.functional.conv2d if features.ndim == 4 else nn.functional.conv3d
        return convolve(features.relu_(), weight, bias.repeat(pixels), groups=pixels)

    def _blocks(self, image: Tensor) -> Tensor:
        """Features of the pixels of each block, (B, prod(strides) F, \\*S / strides), of the padded image."""
        blocks = space_to_depth(_pad(image, self.architecture.multiples), self.architecture.strides)
        features: Tensor = self.expand(self.backbone(blocks))
        return features

    def _laid_out(self, blocks: Tensor, image: Tensor) -> Tensor:
        """The pixels of blocks where they are in the image, without its padding."""
        inside: tuple[Any, ...] = (..., *map(slice, image.shape[2:]))
        return depth_to_space(blocks, self.architecture.strides)[inside]

    def _features(self, image: Tensor) -> Tensor:
        """Features (B, F, \\*S), mean of what the backbone sees at each scale."""
        seen = [self._at_scale(image, scale) for scale in self.architecture.scales]
        return torch.stack(seen).mean(0) if len(seen) > 1 else seen[0]

    def _at_scale(self, image: Tensor, scale: float) -> Tensor:
        """Features (B, F, \\*S) of what the backbone sees at a scale."""
        size, linear = image.shape[2:], "bilinear" if image.ndim == 4 else "trilinear"
        if scale == 1:
            return self._laid_out(self._blocks(image), image)
        sides = [max(1, math.floor(n * scale + 0.5)) for n in size]
        image = nn.functional.interpolate(image, sides, mode="area" if scale < 1 else linear)
        return nn.functional.interpolate(self._laid_out(self._blocks(image), image), size, mode=linear)

    def _with_coordinates(self, image: Tensor) -> Tensor:
        """Coordinate maps in [-1, 1] as further channels (De Brabandere et al. 2017, section 4.2)."""
        if not self.architecture.coordinate_channels:
            return image
        axes = [torch.arange(n, dtype=torch.float32, device=image.device) for n in image.shape[2:]]
        maps = [2 * axis / axis[-1].clamp_min(1) - 1 for axis in axes]
        grid = torch.stack(torch.meshgrid(*maps, indexing="ij")).to(image.dtype)
        return torch.cat([image, grid.expand(image.shape[0], *grid.shape)], dim=1)

    def _placed(self, embedding: Tensor) -> Tensor:
        """As float32, with scaled coordinates added to the first channels (Novotny et al. 2018, semi-convolutional)."""
        embedding, steps = embedding.to(torch.float32, copy=True), self.architecture.coordinate_steps
        if steps is None:
            return embedding
        axes = [torch.arange(n, dtype=torch.float32, device=embedding.device) for n in embedding.shape[-len(steps) :]]
        maps = [(axis - (axis[-1] + 1) / 2) * step for axis, step in zip(axes, steps, strict=True)]
        grid = torch.stack(torch.meshgrid(*maps, indexing="ij"))
        if embedding.ndim > 2 + len(steps):
            grid = grid[:, None]  # the same for all layers
        embedding[:, : len(steps)] += grid
        return embedding


def hand_over(old: EmbeddingNetwork, new: EmbeddingNetwork) -> bool:
    """Give the weights to a network that differs in nothing but the sides of its blocks and its added coordinates.

    Objects half as large, in blocks half as large, look alike to it: with smaller blocks it then gives what the old one
    gives for the image magnified, each pixel repeated; with larger ones, for the image shrunk, pixels averaged and
    features repeated. Both hold exactly for sides that are multiples of both.

    Parameters
    ----------
    old, new : EmbeddingNetwork
        Of the sides of their blocks, one divides the other. Of blocks there is no way back to single pixels.

    Returns
    -------
    bool
        False, with nothing done, where the new one has other parts, as some backbones do for other input channels.
    """
    weights, wanted = dict(old.state_dict()), new.state_dict()
    sides = old.architecture.strides, new.architecture.strides
    if math.prod(sides[0]) == 1 < math.prod(sides[1]):
        weights |= _handing_on(new.expand, old.architecture.features)
    if weights.keys() != wanted.keys():
        return False
    for name, weight in weights.items():
        if weight.shape != wanted[name].shape:
            entry = name.startswith("backbone")
            weights[name] = _regrouped(weight, *sides, axis=int(entry), share=entry)
    new.load_state_dict(weights)
    return True


def _handing_on(expand: nn.Module, features: int) -> dict[str, Tensor]:
    """Weights of an expansion, of one pixel a block, that hands on the features of the block."""
    weight = torch.empty(features, features, *next(expand.parameters()).shape[2:])
    return {"expand.1.weight": nn.init.dirac_(weight), "expand.1.bias": torch.zeros(features)}


def _regrouped(weight: Tensor, old: Sequence[int], new: Sequence[int], axis: int, share: bool) -> Tensor:
    """Weights of the pixels of blocks, along an axis, for blocks of other sides; inputs share them, outputs do not."""
    pixels: Tensor = weight.movedim(axis, 0).unflatten(0, (*old, -1))
    for k, (was, now) in enumerate(zip(old, new, strict=True)):
        if was > now:
            parts = pixels.unflatten(k, (now, was // now))
            pixels = parts.sum(k + 1) if share else parts.mean(k + 1)
        elif was < now:
            pixels = pixels.repeat_interleave(now // was, dim=k) / (now // was if share else 1)
    return pixels.flatten(0, len(old)).movedim(0, axis)


def _linear(head: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight (N, F, 1...) and bias (N) of a head."""
    convolution: Any = head.get_submodule("1")
    return convolution.weight, convolution.bias


def _head(ndim: int, features: int, size: int) -> nn.Module:
    conv: nn.Module = nn.Conv2d(features, size, 1) if ndim == 2 else nn.Conv3d(features, size, 1)
    return nn.Sequential(nn.ReLU(), conv)


def _expansion(ndim: int, features: int, size: int) -> nn.Module:
    """Features of all pixels of a block from those of the block and its neighbours."""
    conv: nn.Module = nn.Conv2d(features, size, 3, padding=1) if ndim == 2 else nn.Conv3d(features, size, 3, padding=1)
    return nn.Sequential(nn.ReLU(), conv)


def space_to_depth(image: Tensor, strides: Sequence[int]) -> Tensor:
    """The pixels of each block as channels: (B, C, \\*S) to (B, prod(strides) C, \\*S / strides), in any dimensions.

    Shi et al. 2016 (pixel shuffle), backwards. Nothing is lost: `depth_to_space` gives the image back.
    """
    sizes = [n for side, step in zip(image.shape[2:], strides, strict=True) for n in (side // step, step)]
    order = [0, *range(3, 3 + 2 * len(strides), 2), 1, *range(2, 2 + 2 * len(strides), 2)]
    return image.reshape(*image.shape[:2], *sizes).permute(order).flatten(1, 1 + len(strides))


def depth_to_space(blocks: Tensor, strides: Sequence[int]) -> Tensor:
    """Channels as the pixels of each block: (B, prod(strides) C, \\*S) to (B, C, \\*S strides); Shi et al. 2016."""
    n = len(strides)
    last = blocks.movedim(1, -1)  # channels last, since those of a pixel are moved as one
    pixels: Tensor = last.unflatten(-1, (*strides, -1))
    order = [0, *(axis for k in range(n) for axis in (1 + k, 1 + n + k)), 1 + 2 * n]
    sides = [side * step for side, step in zip(blocks.shape[2:], strides, strict=True)]
    return pixels.permute(order).reshape(blocks.shape[0], *sides, pixels.shape[-1]).movedim(-1, 1)


def _pad(image: Tensor, multiples: Sequence[int]) -> Tensor:
    """Repeat the last pixels until each side is a multiple.

    A tiny image grows to two multiples along one side: instance norm needs more than one pixel at the coarsest level.
    """
    missing = [-n % multiple for n, multiple in zip(image.shape[2:], multiples, strict=True)]
    if all(n <= multiple for n, multiple in zip(image.shape[2:], multiples, strict=True)):
        missing[-1] += multiples[-1]
    if not any(missing):
        return image
    return nn.functional.pad(image, [p for m in reversed(missing) for p in (0, m)], mode="replicate")
