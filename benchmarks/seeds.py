"""How fast `Seeds` is: 100 proposals on 512x512x64, against a literal loop over seeds and thresholds.

    python benchmarks/seeds.py

Two threads. The embedding is of 200 objects that lie well apart; their pixels are good seeds to different degrees.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from common import median_seconds
from literal import literal_seeds
from scipy.spatial import cKDTree

from napari_discern.clustering import SeedMap, Seeds

SIDE, CHANNELS, OBJECTS, PROPOSALS = 512, 64, 200, 100
TAUS = (0.25, 0.5, 0.75, 0.9)


def draw(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """An embedding (E, H, W), and chances (T, 2, H, W) of the masks at each tau."""
    random = np.random.default_rng(seed)
    pixels = np.stack(np.indices((SIDE, SIDE)), axis=-1).reshape(-1, 2)
    middles = random.uniform(0, SIDE, (OBJECTS, 2))
    away, labels = cKDTree(middles).query(pixels)
    centres = random.normal(scale=0.5, size=(OBJECTS, CHANNELS))
    points = centres[labels] + random.normal(scale=0.03, size=(len(pixels), CHANNELS))
    embedding = points.astype(np.float32).T.reshape(CHANNELS, SIDE, SIDE)
    good = np.exp(-away / 20).reshape(SIDE, SIDE) * random.uniform(0.8, 1, (len(TAUS), SIDE, SIDE))
    chance = np.stack([1 - good, good], axis=1).astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(embedding)), torch.from_numpy(chance)


def main() -> None:
    """Time, compare and print."""
    torch.set_num_threads(2)
    embedding, chance = draw()
    inside, known = torch.ones(SIDE, SIDE, dtype=torch.bool), SeedMap(TAUS, chance)
    step = Seeds(proposals=PROPOSALS)
    proposing = median_seconds(lambda: step.propose(embedding, inside, known).members)
    labelling = median_seconds(lambda: step(embedding, inside, known))
    guessing = median_seconds(lambda: step(embedding, inside))
    start = time.perf_counter()
    points = embedding.flatten(1).T.contiguous()
    picked, _ = literal_seeds(points, chance[:, 1].amax(0).flatten(), PROPOSALS, step.diversity, TAUS)
    literal = time.perf_counter() - start
    same = picked == step.propose(embedding, inside, known).element.tolist()
    print(f"{PROPOSALS} proposals and their masks   {proposing:8.3f} s (at most 0.5)")
    print(f"the same as labels             {labelling:8.3f} s")
    print(f"labels without seediness       {guessing:8.3f} s")
    print(f"literal loop                   {literal:8.3f} s, {literal / proposing:.1f} times (at least 20)")
    print(f"the same picks                 {same}")


if __name__ == "__main__":
    main()
