"""Growth: single objects from seeds that a person sets, the others being left as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_discern.clustering.elements import Elements
from napari_discern.errors import BadArgument
from napari_discern.lazy.torch import Tensor, torch

STEPS = 50
"""Steps of the mean shift from a seed, at most."""
REST = 1e-3
"""A mean has converged when it moves less than this, in bandwidths."""


def similarity(embedding: Any, place: Sequence[int]) -> NDArray[np.float32]:
    """How alike each pixel is to the one at a place: ``2 / (1 + exp(|e_p - e_q|^2))`` (Fathi et al. 2017, equation 1).

    Parameters
    ----------
    embedding : floating array or tensor of shape (E, \\*S)
    place : sequence of int
        Index of a pixel, one for each of \\*S.

    Returns
    -------
    float32 array of shape (\\*S)
        From 0 to 1; 1 where the embeddings are equal.
    """
    values = torch.as_tensor(embedding).float()
    here = _pixel(values, place).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((2 * torch.sigmoid(-(values - here).square().sum(0))).cpu().numpy())


def grow(
    embedding: Any, foreground: Any, place: Sequence[int], bandwidth: float
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """The object that the mean shift grows from one pixel.

    Parameters
    ----------
    embedding : floating array or tensor of shape (E, \\*S)
    foreground : bool array or tensor of shape (\\*S)
        Only these pixels are taken, and the seed itself.
    place : sequence of int
        Index of the seed.
    bandwidth : float
        Largest distance of a pixel from the object's mean, in units of the embedding.

    Returns
    -------
    mask : bool array of shape (\\*S)
    centre : float32 array of shape (E,)
        The mean that the shift came to rest at.
    """
    values, inside = torch.as_tensor(embedding).float(), torch.as_tensor(foreground).clone()
    inside[tuple(place)] = True
    elements = Elements.gather(values, inside)
    centre = _pixel(values, place)
    for _ in range(STEPS):
        near = _distance(elements.points, centre) <= bandwidth
        mean = elements.points[near].mean(0)
        moved, centre = float((mean - centre).norm()), mean
        if moved <= REST * bandwidth:
            break
    mask = torch.zeros(inside.shape, dtype=torch.bool, device=values.device)
    mask[inside] = _distance(elements.points, centre) <= bandwidth
    return mask.cpu().numpy(), centre.cpu().numpy()


def add_seed(
    embedding: Any, foreground: Any, labels: NDArray[np.uint32], place: Sequence[int], bandwidth: float
) -> NDArray[np.uint32]:
    """Grow a new object from a pixel; it takes from its neighbours what lies nearer to it than to them.

    Parameters
    ----------
    embedding, foreground, place, bandwidth
        As for `grow`.
    labels : uint32 array of shape (\\*S)
        0 is background, ids are 1..N.

    Returns
    -------
    uint32 array of shape (\\*S)
        The new object has the id N + 1; all others keep theirs, and their pixels but for those it took.

    Raises
    ------
    BadArgument
        If nothing is left for it: it is the object that is there already.
    """
    mask, centre = grow(embedding, foreground, place, bandwidth)
    rivals = [int(label) for label in np.unique(labels[mask]) if label]
    values = torch.as_tensor(embedding).float()
    own = _distance(_points(values, mask), torch.as_tensor(centre, device=values.device))
    taken = torch.ones(len(own), dtype=torch.bool, device=own.device)
    holder = torch.from_numpy(labels[mask].astype(np.int64)).to(own.device)
    for label in rivals:
        mean = _points(values, labels == label).mean(0)
        taken &= (holder != label) | (own < _distance(_points(values, mask), mean))
    result = labels.copy()
    where = np.nonzero(mask)
    won = tuple(axis[taken.cpu().numpy()] for axis in where)
    if not len(won[0]):
        raise BadArgument("that pixel belongs to the object that is there already; make the bandwidth smaller.")
    result[won] = labels.max() + 1
    return result


def remove_object(embedding: Any, labels: NDArray[np.uint32], label: int, bandwidth: float) -> NDArray[np.uint32]:
    """Give the pixels of an object to the nearest other objects within the bandwidth; the others become background.

    Parameters
    ----------
    embedding : floating array or tensor of shape (E, \\*S)
    labels : uint32 array of shape (\\*S)
    label : int
        Id of the object.
    bandwidth : float
        Largest distance of a pixel from another object's mean, in units of the embedding.

    Returns
    -------
    uint32 array of shape (\\*S)
        Other objects keep their ids, and all their pixels.
    """
    values, result = torch.as_tensor(embedding).float(), labels.copy()
    mask = labels == label
    points = _points(values, mask)
    best = torch.full((len(points),), float(bandwidth), device=points.device)
    holder = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    for other in np.unique(labels):
        if other in (0, label):
            continue
        away = _distance(points, _points(values, labels == other).mean(0))
        nearer = away <= best
        best, holder = torch.where(nearer, away, best), torch.where(nearer, int(other), holder)
    result[mask] = holder.cpu().numpy().astype(labels.dtype)
    return result


def _pixel(values: Tensor, place: Sequence[int]) -> Tensor:
    """The embedding (E,) of one pixel."""
    index: Any = (slice(None), *place)
    return values[index]


def _points(values: Tensor, mask: NDArray[np.bool_]) -> Tensor:
    """Embeddings (n, E) of the pixels of a mask."""
    return values[:, torch.from_numpy(mask).to(values.device)].T


def _distance(points: Tensor, centre: Tensor) -> Tensor:
    away: Tensor = torch.linalg.vector_norm(points - centre, dim=-1)
    return away
