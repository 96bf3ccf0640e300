"""The paper's mean-shift thresholding, word by word: what `MeanShift` is measured against.

De Brabandere et al. 2017, section 3.2. Slow by nature: one pass over all pixels an object and step.
"""

from __future__ import annotations

import numpy as np
import torch


def literal_mean_shift(
    embedding: torch.Tensor, foreground: torch.Tensor, bandwidth: float, seed: int = 0
) -> torch.Tensor:
    """Select a random unlabelled pixel, threshold, move to the mean until it rests, label, repeat.

    Parameters
    ----------
    embedding : float32 tensor of shape (E, \\*S)
    foreground : bool tensor of shape (\\*S)
    bandwidth : float
        Radius of the threshold, in units of the embedding.
    seed : int
        Of the random choice of pixels.

    Returns
    -------
    int64 tensor of shape (\\*S)
        0 is background; ids are 1..N in the order in which the objects were found.
    """
    points = embedding.flatten(1).T[foreground.flatten()]
    labels = torch.zeros(len(points), dtype=torch.int64)
    generator = torch.Generator().manual_seed(seed)
    while len(free := (labels == 0).nonzero()[:, 0]):
        pick = free[torch.randint(len(free), (1,), generator=generator)]
        labels[_select(points, labels == 0, points[pick], bandwidth)] = labels.max() + 1
    result = torch.zeros(foreground.shape, dtype=torch.int64)
    result[foreground] = labels
    return result


def literal_mean_shift_numpy(
    embedding: torch.Tensor, foreground: torch.Tensor, bandwidth: float, seed: int = 0
) -> torch.Tensor:
    """The same loop in plain NumPy, as a paper's reader would write it down; parameters as above."""
    inside = foreground.numpy()
    points = np.ascontiguousarray(embedding.numpy()[:, inside].T)
    labels, random = np.zeros(len(points), np.int64), np.random.default_rng(seed)
    while len(left := np.flatnonzero(labels == 0)):
        mean, moved = None, points[random.choice(left)]
        while mean is None or np.linalg.norm(moved - mean) > 1e-4 * bandwidth:
            mean = moved
            selected = (labels == 0) & (np.linalg.norm(points - mean, axis=1) <= bandwidth)
            moved = points[selected].mean(axis=0)
        labels[selected] = labels.max() + 1
    result = np.zeros(inside.shape, np.int64)
    result[inside] = labels
    return torch.from_numpy(result)


def _select(points: torch.Tensor, free: torch.Tensor, mean: torch.Tensor, bandwidth: float) -> torch.Tensor:
    """The free points within the bandwidth of the mean that a start moves to, bool (N,)."""
    while True:
        selected = free & (torch.linalg.vector_norm(points - mean, dim=1) <= bandwidth)
        moved = points[selected].mean(dim=0, keepdim=True)
        if torch.linalg.vector_norm(moved - mean) <= 1e-4 * bandwidth:
            return selected
        mean = moved


def literal_seeds(
    points: torch.Tensor, chance: torch.Tensor, number: int, alpha: float, taus: tuple[float, ...] = ()
) -> tuple[list[int], list[list[torch.Tensor]]]:
    """The loop of Fathi et al. 2017, section 3.3, over all pixels for every seed, and for every mask of it.

    Parameters
    ----------
    points : float tensor of shape (N, E)
    chance : float tensor of shape (N,)
        How likely each pixel is to grow a good mask.
    number : int
        Seeds, at most.
    alpha : float
        Weight of diversity.
    taus : tuple of float
        Similarities at which masks are cut off.

    Returns
    -------
    list of int, list of lists of bool tensors of shape (N,)
        The seeds in the order of picking, and for each the mask at each tau.
    """
    points, good = points.double(), chance.double().log()
    picked: list[int] = []
    masks: list[list[torch.Tensor]] = []
    nearest = torch.full_like(good, torch.inf)
    while len(picked) < min(number, len(points)):
        value = good + alpha * nearest.log() if picked and alpha else good.clone()
        value[picked] = -torch.inf
        if value.max() == -torch.inf:
            break
        picked.append(int(value.argmax()))
        apart = (points - points[picked[-1]]).square().sum(1)
        nearest = torch.minimum(nearest, apart)
        masks.append([2 / (1 + apart.exp()) >= tau for tau in taus])
    return picked, masks
