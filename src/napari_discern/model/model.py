"""Model: a network, and the card that says what it is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from napari_discern.clustering import SeedMap
from napari_discern.errors import BadArgument, BadModel
from napari_discern.io.atomic import atomic
from napari_discern.lazy.torch import torch
from napari_discern.model.card import CARD, Card, Settings, read_card
from napari_discern.model.device import Precision, enough_memory, find_device, pick_precision
from napari_discern.model.objects import Embedded

if TYPE_CHECKING:
    from napari_discern.model.network import EmbeddingNetwork, Output

WEIGHTS = "weights.safetensors"
MODEL_FILES = (CARD, WEIGHTS, "picture.png", "NOTICE.txt")
"""What is in the folder of a model, the last two not always; a folder with anything else in it is never replaced."""


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its card, on a device.

    Attributes
    ----------
    card : Card
        What it is.
    network : EmbeddingNetwork
        In evaluation mode.
    device : torch.device
        Where it runs.
    precision : "auto", "32", "bf16" or "16"
        Arithmetic of the network.
    """

    card: Card
    network: EmbeddingNetwork
    device: torch.device
    precision: Precision = "auto"

    @classmethod
    def create(cls, card: Card, device: str = "auto") -> Self:
        """A model with random weights.

        Parameters
        ----------
        card : Card
            What it is to be.
        device : str
            Where it runs: auto, cpu, cuda, cuda:1.
        """
        from napari_discern.model.network import EmbeddingNetwork

        where = find_device(device)
        with enough_memory(f"{where} has no room for the model; close what else runs there, or use another device."):
            network = EmbeddingNetwork(card.architecture).to(where).eval()
        if card.architecture.ndim == 2:  # what convolutions are fastest on
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(card, network, where)

    def embed(self, patch: NDArray[np.float32]) -> Embedded:
        """Run the network on a normalised patch, float32 (C, \\*S).

        Raises
        ------
        BadArgument
            If the patch has other channels or dimensions than the model was made for.
        OutOfMemory
            If the device cannot hold the patch; use a smaller tile.
        """
        self.check(patch.shape[0], patch.ndim - 1)
        advice = f"{self.device} cannot hold a tile of {patch.shape[1:]} pixels; take smaller ones with --tile."
        with enough_memory(advice), torch.inference_mode(), self._autocast():
            image = torch.from_numpy(np.ascontiguousarray(patch, dtype=np.float32)).to(self.device)[None]
            output = self.network(image)
            probability = torch.softmax(output.logits[0], dim=0)
            return Embedded(output.embedding[0], probability, self._seed_map(output), self.card.classes)

    def _seed_map(self, output: Output) -> SeedMap | None:
        if output.seeds is None:
            return None
        return SeedMap(self.card.architecture.taus, torch.softmax(output.seeds[0], dim=1))

    def check(self, channels: int, ndim: int) -> None:
        """Refuse images that this model was not made for, in words that say what fits.

        Parameters
        ----------
        channels, ndim : int
            Of the images; axes in space.

        Raises
        ------
        BadArgument
            If they are not those of the model.
        """
        made = self.card.architecture
        if (channels, ndim) != (made.channels, made.ndim):
            raise BadArgument(
                f"model {self.card.name!r} was made for {made.ndim}D images with {made.channels} channel(s), "
                f"not {ndim}D with {channels}. Choose another model, or the channel that it knows."
            )

    def with_settings(self, settings: Settings) -> Self:
        """The same network with other settings in its card."""
        return replace(self, card=self.card.model_copy(update={"settings": settings}))

    def with_card(self, card: Card) -> Self:
        """The same network for objects of another size: of its card's architecture, stride and coordinates may differ.

        Where a backbone does not allow another stride, it keeps its own; see `network.hand_over`.
        """
        from napari_discern.model.network import hand_over

        made = self.create(card, str(self.device))
        if not hand_over(self.network, made.network):
            a = card.architecture.model_copy(update={"stride": self.card.architecture.stride})
            return self.with_card(card.model_copy(update={"architecture": a}))
        return replace(made, precision=self.precision)

    def for_objects(self, size: float | Literal["auto"]) -> Self:
        """The same network, seeing objects of that size, in pixels, as those that it was trained on: auto is theirs."""
        card, known = self.card, self.card.architecture
        if size == "auto":
            return self
        made = known.for_objects(size / card.object_size)
        sized = self if made == known else self.with_card(card.model_copy(update={"architecture": made}))
        if sized.card.architecture.stride != made.stride:  # the backbone does not allow it
            made = known.for_objects(size / card.object_size, [known.stride])
            sized = self.with_card(card.model_copy(update={"architecture": made}))
        return sized

    def save(self, path: Path, overwrite: bool = False, half: bool = False) -> Self:
        """Write card and weights into a folder, whole or not at all; returns the model as saved.

        Parameters
        ----------
        path : Path
            The folder.
        overwrite : bool
            Whether it may exist.
        half : bool
            Write weights with 16 bits, which takes half the room and moves scores in the third digit.
        """
        from safetensors.torch import save

        tensors = {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}
        if half:
            tensors = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
        weights = save(tensors)
        card = self.card.model_copy(update={"weights_sha256": hashlib.sha256(weights).hexdigest()})
        with atomic(path, overwrite, MODEL_FILES) as folder:
            folder.mkdir()
            (folder / WEIGHTS).write_bytes(weights)
            (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return replace(self, card=card)

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Self:
        """Read a model folder. Nothing in it is executed.

        Parameters
        ----------
        path : Path
            The folder.
        device : str
            Where the model is to run: auto, cpu, cuda, cuda:1.

        Raises
        ------
        BadModel
            If the card or the weights are missing, cut off, edited, or do not fit one another.
        DeviceUnavailable
            If this machine has no such device.
        """
        card, weights = read_card(path), path / WEIGHTS
        if not weights.is_file():
            raise BadModel(f"{path}: {WEIGHTS} is missing; copy the whole model folder.")
        content = weights.read_bytes()
        if hashlib.sha256(content).hexdigest() != card.weights_sha256:
            raise BadModel(f"{weights} is not the file that {CARD} describes (cut off or changed); copy it anew.")
        model = cls.create(card, device)
        _fill(model.network, content, weights)
        return model

    def _autocast(self) -> torch.autocast:
        picked = pick_precision(self.precision, self.device)
        kind = torch.float16 if picked == "16-mixed" else torch.bfloat16
        return torch.autocast(self.device.type, kind, enabled=picked != "32-true")


def _fill(network: EmbeddingNetwork, content: bytes, where: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        network.load_state_dict(load(content))
    except (SafetensorError, RuntimeError) as error:
        raise BadModel(f"{where} does not fit its card: {str(error).splitlines()[0]}") from error
