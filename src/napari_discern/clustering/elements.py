"""Elements: the foreground of an embedding as a list of points, and the way back to labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

from napari_discern.errors import BadArgument
from napari_discern.lazy.torch import Tensor, torch

Array = TypeVar("Array", np.ndarray, "Tensor")
"""An array comes back as the kind that it came in as, on the same device."""


@dataclass(frozen=True, eq=False)
class Elements:
    """The elements to cluster: pixels, voxels, or (layer, pixel) pairs.

    Attributes
    ----------
    points : float32 tensor of shape (N, E)
        Their embeddings, in the order of the array.
    foreground : bool tensor of shape (\\*S)
        Where they lie.
    """

    points: Tensor
    foreground: Tensor

    @classmethod
    def gather(cls, embedding: Any, foreground: Any) -> Elements:
        """Take the foreground out of an embedding.

        Parameters
        ----------
        embedding : floating array or tensor of shape (E, \\*S)
        foreground : bool array or tensor of shape (\\*S)

        Raises
        ------
        BadArgument
            If a type or shape does not fit, or an embedding in the foreground is not a finite number.
        """
        embedding, foreground = _tensor(embedding), _tensor(foreground)
        _check(embedding, foreground)
        foreground = foreground.to(embedding.device)
        points = embedding.flatten(1).T
        if not foreground.all():
            points = points.index_select(0, foreground.flatten().nonzero()[:, 0])
        points = points.contiguous().float()
        _check_finite(points)
        return cls(points, foreground)

    def paint(self, ids: Tensor, like: Array) -> Array:
        """Labels (\\*S), uint32, of ids 0..N for the points; a NumPy array or a tensor, as `like` is."""
        labels = torch.zeros(self.foreground.shape, dtype=torch.int32, device=ids.device)
        labels[self.foreground] = ids.int()
        painted: Any = labels.view(torch.uint32)
        result: Array = painted if isinstance(cast("object", like), torch.Tensor) else painted.numpy()
        return result


def _tensor(array: Any) -> Tensor:
    """A tensor of the same values; NumPy's doubles become float32."""
    if isinstance(array, torch.Tensor):
        return array.detach()
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise BadArgument(f"an embedding holds real numbers and a foreground booleans, not {array.dtype}.")
    return torch.from_numpy(np.require(array, np.float32 if array.dtype.kind == "f" else None, ["C", "W"]))


def _check(embedding: Tensor, foreground: Tensor) -> None:
    if not embedding.is_floating_point():
        raise BadArgument(f"the embedding must be of a floating type, not {embedding.dtype}.")
    if foreground.dtype != torch.bool:
        raise BadArgument(f"the foreground must be boolean, not {foreground.dtype}; compare it with a threshold first.")
    if foreground.ndim == 0 or embedding.shape[1:] != foreground.shape or len(embedding) == 0:
        raise BadArgument(
            f"an embedding of shape {tuple(embedding.shape)} does not fit a foreground of shape "
            f"{tuple(foreground.shape)}; it must have the same axes after one for the embedding's channels."
        )


def _check_finite(points: Tensor) -> None:
    if points.numel() and not torch.stack(points.aminmax()).isfinite().all():
        bad = int((~points.isfinite()).any(dim=1).sum())
        raise BadArgument(
            f"the embedding is NaN or infinite at {bad} of {len(points)} foreground elements; "
            "look for such values in the image, or for a network whose training failed."
        )
