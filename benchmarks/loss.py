"""What a training step costs, the losses of it, and how they grow with the objects.

    python benchmarks/loss.py

Default network, 8 crops of 256x256, two threads. Prints medians and ratios, each ratio from one run.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from common import median_seconds

from napari_discern.losses import Discriminative, Foreground, Seediness, Similarity
from napari_discern.model import Architecture, Card, Model, pick_precision

CROPS, SIDE = 8, 256


def grid_of_objects(objects: int, share: float = 0.4) -> torch.Tensor:
    """Labels (CROPS, SIDE, SIDE) of square objects on a grid that cover a share of the crop."""
    across = int(np.ceil(objects**0.5))
    cell = SIDE / across
    places = (np.arange(SIDE) + 0.5) / cell
    inside = np.abs(places % 1 - 0.5) < share**0.5 / 2
    ids = places.astype(int)
    labels = ids[:, None] * across + ids[None] + 1
    labels[~(inside[:, None] & inside[None]) | (labels > objects)] = 0
    return torch.from_numpy(labels).expand(CROPS, SIDE, SIDE).contiguous()


def training_step(architecture: Architecture, loss: Discriminative | Similarity) -> Callable[[torch.Tensor], None]:
    """A step of training on random images with the labels given."""
    network = Model.create(Card(architecture=architecture), "cpu").network.to(memory_format=torch.channels_last).train()
    optimiser, foreground = torch.optim.AdamW(network.parameters(), fused=True), Foreground()
    image, fast = torch.rand(CROPS, 1, SIDE, SIDE), pick_precision("auto", torch.device("cpu")) == "bf16-mixed"

    def step(labels: torch.Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            output = network(image)
        total = loss(output.embedding, labels) + foreground(output.logits, (labels > 0).long(), labels)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()

    return step


def main() -> None:
    """Time, and print."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    loss = Discriminative()
    embedding = torch.randn(CROPS, Architecture().embedding, SIDE, SIDE).to(memory_format=torch.channels_last)

    def alone(labels: torch.Tensor) -> None:
        loss(embedding.requires_grad_(), labels).backward()
        embedding.grad = None

    wide = torch.randn(CROPS, 64, SIDE, SIDE).to(memory_format=torch.channels_last)
    scores, taus = torch.randn(CROPS, 4, 2, SIDE, SIDE, requires_grad=True), (0.25, 0.5, 0.75, 0.9)

    def like(labels: torch.Tensor) -> None:
        Similarity()(wide.requires_grad_(), labels).backward()
        wide.grad = None

    def judged(labels: torch.Tensor) -> None:
        Seediness()(scores, wide, labels, taus).backward()

    like_step = training_step(Architecture(coordinate_scale=6, embedding=64), Similarity())
    few, some, many = (grid_of_objects(n) for n in (10, 100, 500))
    step, coarse = (training_step(Architecture(coordinate_scale=6, stride=stride), loss) for stride in (1, 2))
    seconds = {
        "loss, 10 objects a crop": median_seconds(lambda: alone(few)),
        "loss, 100 objects a crop": median_seconds(lambda: alone(some)),
        "loss, 500 objects a crop": median_seconds(lambda: alone(many)),
        "training step, 100 objects a crop": median_seconds(lambda: step(some)),
        "the same with blocks of two pixels": median_seconds(lambda: coarse(some)),
        "similarity, 100 objects, 64 channels": median_seconds(lambda: like(some)),
        "its training step": median_seconds(lambda: like_step(some)),
        "seediness, 100 objects, 64 channels": median_seconds(lambda: judged(some)),
    }
    for name, value in seconds.items():
        print(f"{name:36} {1000 * value:8.1f} ms")
    whole = seconds["training step, 100 objects a crop"]
    share = seconds["loss, 100 objects a crop"] / whole
    growth = seconds["loss, 500 objects a crop"] / seconds["loss, 10 objects a crop"]
    faster = whole / seconds["the same with blocks of two pixels"]
    print(
        f"loss of the step: {100 * share:.1f} % (at most 10)   500 against 10 objects: {growth:.2f} times (at most 1.5)"
    )
    like_share = seconds["similarity, 100 objects, 64 channels"] / seconds["its training step"]
    print(f"similarity of its step: {100 * like_share:.1f} % (at most 15)")
    print(f"blocks of two pixels: {faster:.1f} times as fast")


if __name__ == "__main__":
    main()
