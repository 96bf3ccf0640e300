"""The foreground loss: which pixels belong to an object, or to which semantic class."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_discern.lazy.torch import Tensor, torch
from napari_discern.params import Params


class Foreground(Params):
    """Cross-entropy with soft Dice (Milletari et al. 2016), with more weight where objects touch or end.

    The Dice term is the mean over the semantic classes. Where pixels are shared it is over the pixels of one and more
    objects, of two and more and so on, each weighing as much as its pixels do in the cross-entropy, so that a few
    shared pixels do not outweigh all the others.

    The foreground costs more accuracy than the clustering does (De Brabandere et al. 2017, table 3).
    """

    kind: Literal["cross-entropy-dice"] = "cross-entropy-dice"
    weight: float = Field(1.0, ge=0)
    """Weight of the foreground loss beside the embedding loss."""
    dice: float = Field(1.0, ge=0)
    """Weight of the Dice term beside cross-entropy."""
    boundary: float = Field(1.0, ge=0)
    """Extra weight of pixels on either side of a border between objects, or of object and background."""
    rare: float = Field(10.0, ge=1)
    """How much more a pixel of a rare class counts, at most, such as one that several objects share: as much as the
    commonest class but the background has more pixels. 1 counts all alike."""

    def __call__(self, scores: Tensor, classes: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch; see `ForegroundLoss`. Borders of the labels get the extra weight."""
        logits = scores.float()
        known = classes >= 0
        border = _border(labels.flatten(0, -classes.ndim)).view(labels.shape)
        weight = known * (1 + self.boundary * (border if labels.ndim == classes.ndim else border.amax(1)))
        truth = classes.clamp_min(0)
        kinds = logits.shape[1]
        rarity = self._rarity(truth, known, kinds)
        weight = weight * rarity[truth]
        entropy = torch.nn.functional.cross_entropy(logits, truth, reduction="none")
        loss = (entropy * weight).sum() / weight.sum().clamp_min(1)
        chance, target = torch.softmax(logits, 1), torch.nn.functional.one_hot(truth, kinds).movedim(-1, 1)
        share = torch.full((kinds - 1,), 1 / (kinds - 1), device=logits.device)
        if labels.ndim > classes.ndim:  # so many objects, or more
            chance, target = (x.flip(1).cumsum(1).flip(1) for x in (chance, target))
            pixels = (target[:, 1:] * known[:, None]).sum((0, *range(2, logits.ndim))) * rarity[1:]
            share = pixels / pixels.sum().clamp_min(1)
        return self.weight * (loss + self.dice * (share * _dice_loss(chance, target, known)).sum())

    def _rarity(self, truth: Tensor, known: Tensor, kinds: int) -> Tensor:
        """Weight of each class by its pixels in the batch, float32 (K,); 1 for the background and the commonest."""
        pixels = torch.bincount(truth[known], minlength=kinds)[1:].float()
        return torch.cat([pixels.new_ones(1), (pixels.amax() / pixels.clamp_min(1)).clamp(1, self.rare)])


def _border(labels: Tensor) -> Tensor:
    """1 where a direct or diagonal neighbour bears another known label, else 0; float32."""
    pool = torch.nn.functional.max_pool3d if labels.ndim == 4 else torch.nn.functional.max_pool2d
    values = labels.float()[:, None]
    unknown = values < 0
    low = -pool(-values.masked_fill(unknown, torch.inf), 3, stride=1, padding=1)
    high = pool(values.masked_fill(unknown, -torch.inf), 3, stride=1, padding=1)
    return (low < high)[:, 0].float()


def _dice_loss(chance: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """One minus the soft Dice of all but the background, over the batch, float32 (K - 1,); parameters (B, K, \\*S)."""
    chance, target = chance[:, 1:] * known[:, None], target[:, 1:] * known[:, None]
    axes = (0, *range(2, chance.ndim))
    both = (chance * target).sum(axes)
    return 1 - (2 * both + 1) / (chance.sum(axes) + target.sum(axes) + 1)
