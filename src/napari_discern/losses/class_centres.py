"""The discriminative loss between semantic classes: De Brabandere, Neven and Van Gool 2017, section 3.2."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from napari_discern.lazy.torch import Tensor, torch
from napari_discern.losses.discriminative import Discriminative
from napari_discern.losses.groups import means
from napari_discern.params import Params


class ClassCentres(Params):
    """The discriminative loss in an embedding of its own, whose objects are the background and each semantic class.

    Their means are taken over all crops of a step at once, so that they are the same in every image. They are
    recorded during the training; afterwards a pixel is of the class whose mean it is nearest to, and background where
    none is nearer than `reach`.
    """

    reach: ClassVar[float] = 1.5
    """delta_d of the loss, and the distance from the mean of a class at which it ends."""
    kind: Literal["class-centres"] = "class-centres"
    weight: float = Field(1.0, ge=0)
    """Weight of the foreground loss beside the embedding loss."""
    dimensions: int = Field(8, ge=2)
    """Dimensions of the embedding of classes. A base model brings its own."""

    def __call__(self, scores: Tensor, classes: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch; see `ForegroundLoss`."""
        points = scores.movedim(1, 0).flatten(1)[None]  # all crops are one image
        return self.weight * Discriminative(delta_d=self.reach)(points, classes.flatten()[None] + 1)


def class_means(points: Tensor, classes: Tensor, last: Tensor) -> Tensor:
    """Mean point of each class over a batch, float32 (K, D).

    Parameters
    ----------
    points : float tensor of shape (B, D, \\*S)
    classes : int64 tensor of shape (B, \\*S)
        Class of each pixel, 0 to K - 1; -1 is unknown.
    last : float32 tensor of shape (K, D)
        What it is of a class that the batch does not have.
    """
    known = classes >= 0
    kind = classes[known]
    count = torch.bincount(kind, minlength=len(last))
    found = means(points.float().movedim(1, -1)[known], kind, count.clamp_min(1))
    return torch.where(count[:, None] > 0, found, last)


def centre_scores(points: Tensor, centres: Tensor) -> Tensor:
    """Minus the squared distance from each centre, float32 (B, K, \\*S): scores for a softmax.

    The background's centre (0) counts as never further away than `ClassCentres.reach`.

    Parameters
    ----------
    points : float tensor of shape (B, D, \\*S)
    centres : float32 tensor of shape (K, D)
    """
    seen = points.float()
    one = (-1,) + (1,) * (points.ndim - 2)
    apart = torch.stack([(seen - centre.view(one)).square().sum(1) for centre in centres], 1)
    scores: Tensor = -torch.cat([apart[:, :1].clamp_max(ClassCentres.reach**2), apart[:, 1:]], 1)
    return scores
