"""Margins: how well each object stands apart from the others in the embedding."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_discern.clustering.elements import Elements
from napari_discern.clustering.nearest import average
from napari_discern.lazy.torch import Tensor, torch

RIVALS = 4
"""Nearest other centres that a pixel is compared with."""
BLOCK = 1 << 16
"""Pixels whose distances are held at a time."""


class Margins(NamedTuple):
    """What the embedding says of the objects 1..N, and of each pixel.

    Attributes
    ----------
    spread : float32 array of shape (N,)
        Mean distance of an object's pixels from their mean, in units of the embedding. A well trained model keeps
        it below delta_v.
    gap : float32 array of shape (N,)
        Distance of an object's mean from that of the nearest other object; infinite where it is alone. A well
        trained model keeps it above 2 delta_d.
    score : float32 array of shape (N,)
        Mean over an object's pixels of 1 - ambiguity, 0 to 1: the simplified silhouette (Hruschka et al. 2004).
    ambiguity : float32 array of shape (\\*S)
        Distance of a pixel from the mean of its own object over that from the nearest other object's, 1 at most; 0 in
        the background, and where an object is alone.
    """

    spread: NDArray[np.float32]
    gap: NDArray[np.float32]
    score: NDArray[np.float32]
    ambiguity: NDArray[np.float32]


def margins(embedding: Any, labels: NDArray[np.uint32]) -> Margins:
    """Compare each object with its nearest neighbours in the embedding.

    Parameters
    ----------
    embedding : floating array or tensor of shape (E, \\*S)
    labels : uint32 array of shape (\\*S)
        0 is background, ids are 1..N without gaps.

    Raises
    ------
    BadArgument
        If a shape does not fit, or an embedding inside an object is not a finite number.
    """
    inside = torch.from_numpy(labels > 0)
    elements = Elements.gather(embedding, inside)
    points = elements.points
    owner = torch.from_numpy(labels[labels > 0].astype(np.int64) - 1).to(points.device)
    number = int(labels.max(initial=0))
    centres = average(points, owner, points.new_zeros(number, points.shape[1]))
    rivals, gap = _rivals(centres)
    near, far = _distances(points, owner, centres, rivals)
    ratio = torch.where(far > 0, near / far, 1.0).clamp_(max=1.0)
    ambiguity = np.zeros(labels.shape, np.float32)
    ambiguity[labels > 0] = ratio.cpu().numpy()
    spread, doubt = (_mean(values, owner, number) for values in (near, ratio))
    return Margins(spread, gap.cpu().numpy(), 1 - doubt, ambiguity)


def _rivals(centres: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest other centres of each, int64 (N, R), and the distance of the first, float32 (N,)."""
    count = min(RIVALS, len(centres) - 1)
    if count < 1:
        nobody = torch.zeros((len(centres), 0), dtype=torch.int64, device=centres.device)
        return nobody, torch.full((len(centres),), torch.inf)
    found = [
        _smallest(centres, rows, count) for rows in torch.arange(len(centres), device=centres.device).split(BLOCK >> 6)
    ]
    index, distance = (torch.cat(parts) for parts in zip(*found, strict=True))
    return index, distance[:, 0]


def _smallest(centres: Tensor, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    apart = torch.cdist(centres[rows].double(), centres.double())
    apart[torch.arange(len(rows)), rows] = torch.inf
    distance, index = apart.topk(count, largest=False)
    return index, distance.float()


def _distances(points: Tensor, owner: Tensor, centres: Tensor, rivals: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of each point from its own centre and from the nearest rival, float32 (n,) each."""
    near, far = torch.empty(len(points)), torch.full((len(points),), torch.inf)
    near, far = near.to(points.device), far.to(points.device)
    for start in range(0, len(points), BLOCK):
        part = slice(start, start + BLOCK)
        near[part] = torch.linalg.vector_norm(points[part] - centres[owner[part]], dim=1)
        for others in rivals.T:
            away = torch.linalg.vector_norm(points[part] - centres[others[owner[part]]], dim=1)
            far[part] = torch.minimum(far[part], away)
    return near, far


def _mean(values: Tensor, owner: Tensor, number: int) -> NDArray[np.float32]:
    counts = torch.bincount(owner, minlength=number).clamp_min(1)
    total = torch.bincount(owner, weights=values.double(), minlength=number)
    return np.asarray((total / counts).float().cpu().numpy())
