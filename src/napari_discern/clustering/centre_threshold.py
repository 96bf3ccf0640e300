"""The oracle: what clustering would give if the true centres were known."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from napari_discern.clustering.elements import Array, Elements
from napari_discern.clustering.nearest import average, dense, nearest
from napari_discern.errors import BadArgument
from napari_discern.lazy.torch import torch
from napari_discern.params import Params


class CentreThreshold(Params):
    """Thresholds around the mean embedding of each true object (De Brabandere et al. 2017, section 3.2, table 3).

    Its score beside that of a clustering says how much the clustering costs.
    """

    kind: Literal["centre-threshold"] = "centre-threshold"
    bandwidth: float = Field(1.2, gt=0)
    """Largest distance of an object's pixels from its mean, in units of the embedding."""

    def __call__(self, embedding: Array, foreground: Array, truth: Any) -> Array:
        """Give each foreground element to the nearest true mean within the bandwidth.

        Parameters
        ----------
        embedding : floating array or tensor of shape (E, \\*S)
        foreground : bool array or tensor of shape (\\*S)
        truth : integer array or tensor of shape (\\*S)
            The true labels; means are taken over all pixels of an object, also those outside the foreground.

        Returns
        -------
        uint32 array or tensor of shape (\\*S)
            0 where no true mean is within the bandwidth; ids are 1..N in the order of the true ids.

        Raises
        ------
        BadArgument
            If a shape or type does not fit, or an embedding is not a finite number.
        """
        elements = Elements.gather(embedding, foreground)
        labels = torch.as_tensor(truth).to(elements.points.device, torch.int64)
        if labels.shape != elements.foreground.shape:
            raise BadArgument(
                f"truth of shape {tuple(labels.shape)} does not fit a foreground of shape "
                f"{tuple(elements.foreground.shape)}; give one true id for each element."
            )
        known = Elements.gather(embedding, labels > 0).points
        ids, index = labels[labels > 0].unique(return_inverse=True)
        if not len(ids):
            return elements.paint(torch.zeros_like(elements.points[:, 0]), embedding)
        centres = average(known, index, known.new_zeros(len(ids), known.shape[1]))
        found = nearest(elements.points, centres, self.bandwidth)
        return elements.paint(dense(found.centre) + 1, embedding)
