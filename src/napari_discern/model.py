"""Model: a network, and the card that says what it is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from napari_discern.architecture import Architecture
from napari_discern.clustering import Clustering, MeanShift, SeedMap
from napari_discern.device import Precision, enough_memory, find_device, pick_precision
from napari_discern.errors import BadArgument, BadModel, DiscernError
from napari_discern.instances import once_a_pixel
from napari_discern.io.atomic import atomic
from napari_discern.lazy import LazyModule
from napari_discern.normalise import Normalisation, Percentile
from napari_discern.params import Params
from napari_discern.pieces import join_pieces

if TYPE_CHECKING:
    import torch

    from napari_discern.network import EmbeddingNetwork, Output
else:
    torch = LazyModule("torch")

CARD, WEIGHTS = "card.json", "weights.safetensors"
Tone: TypeAlias = Literal["bright on dark", "dark on bright"]
"""How objects stand out from the ground of a one-channel image."""
BLOCK = 1 << 22
"""Pixels that are renumbered at a time; an index takes eight bytes a pixel."""


class Settings(Params):
    """How a model's output becomes objects; chosen on validation images after training."""

    normalise: Normalisation = Percentile()
    """How intensities are brought into a common range, once for each image."""
    cluster: Clustering = MeanShift()
    """How embeddings are grouped into objects."""
    foreground_threshold: float = Field(0.5, gt=0, lt=1)
    """How sure the network must be that a pixel belongs to an object."""
    overlap_threshold: float = Field(0.5, gt=0, lt=1)
    """How sure the network must be that a further object lies on a pixel, where objects may share pixels."""
    join_share: float = Field(0.0, ge=0, lt=1)
    """A piece smaller than this share of an object, lying along it for a third of its outline, is joined to it; 0 joins
    none. Of no account where objects may share pixels."""
    min_size: int = Field(0, ge=0, json_schema_extra={"unit": "px"})
    """Smaller objects are left out; pixels in 2D, voxels in 3D."""


class Card(Params):
    """What a model is: architecture, settings, and where it comes from."""

    format: Literal[1] = 1
    """Version of this card's layout."""
    name: str = "model"
    """What it is called in lists."""
    description: str = ""
    """What it is for, and what it is not for."""
    licence: str = ""
    """Licence of the weights."""
    data: str = ""
    """What it was trained on."""
    architecture: Architecture = Architecture()
    """What the network is made of."""
    settings: Settings = Settings()
    """How its output becomes objects."""
    object_size: float = Field(30.0, gt=0, json_schema_extra={"unit": "px"})
    """Median diameter of the training objects."""
    classes: tuple[str, ...] = ()
    """Names of the semantic classes that it tells apart; empty where it finds objects of one kind."""
    tone: Tone | None = None
    """How the training objects stand out from the ground; None where they do so in no one way."""
    created: str = ""
    """Date of training, ISO 8601."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the training, and how long it went."""
    scores: dict[str, float] = Field(default_factory=dict)
    """Scores on the validation images."""
    weights_sha256: str = ""
    """SHA-256 of the weights file, hexadecimal."""

    def least_size(self, size: float) -> int:
        """The smallest object that is not left out where objects are of that size, in pixels, not of `object_size`."""
        return round(self.settings.min_size * (size / self.object_size) ** self.architecture.ndim)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.classes and len(self.classes) != self.architecture.classes:
            raise ValueError(f"{len(self.classes)} names do not fit a network of {self.architecture.classes} classes")
        return self


@dataclass(frozen=True)
class Embedded:
    """What a model says of a patch, on the model's device.

    Attributes
    ----------
    embedding : float32 tensor of shape (E, \\*S), or (E, L, \\*S) with L > 1 layers
    probability : float32 tensor of shape (K, \\*S)
        Probability of background (0) and of each semantic class; of no, one, two... objects with several layers.
    seeds : SeedMap or None
        What the model says of the masks that pixels would grow, if it says anything.
    classes : tuple of str
        Names of the semantic classes, from class 1 on; empty where there is but the foreground.
    """

    embedding: torch.Tensor
    probability: torch.Tensor
    seeds: SeedMap | None = None
    classes: tuple[str, ...] = ()

    @property
    def layers(self) -> int:
        """Embeddings a pixel."""
        return self.embedding.shape[1] if self.embedding.ndim > self.probability.ndim else 1

    def foreground(self, threshold: float, overlap: float = 0.5) -> torch.Tensor:
        """Elements that belong to an object, bool (\\*S), or (L, \\*S) with several layers.

        A pixel does if its probability of being background is below one minus the threshold; its second and further
        layers if also that of bearing fewer objects is below one minus `overlap`.
        """
        inside = self.probability[0] < 1 - threshold
        if self.layers == 1:
            return inside
        fewer = self.probability.cumsum(0)[: self.layers]
        return torch.cat([inside[None], inside & (fewer[1:] < 1 - overlap)])


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
        """A model with random weights."""
        from napari_discern.network import EmbeddingNetwork

        where = find_device(device)
        with enough_memory(f"{where} has no room for the model; close what else runs there, or use another device."):
            network = EmbeddingNetwork(card.architecture).to(where).eval()
        if card.architecture.ndim == 2:  # what convolutions are fastest on
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(card, network, where)

    def embed(self, patch: np.ndarray) -> Embedded:
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
        """Refuse images that this model was not made for, in words that say what fits."""
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
        from napari_discern.network import hand_over

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

        With `half`, weights are written with 16 bits, which takes half the room and moves scores in the third digit.
        """
        from safetensors.torch import save

        tensors = {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}
        if half:
            tensors = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
        weights = save(tensors)
        card = self.card.model_copy(update={"weights_sha256": hashlib.sha256(weights).hexdigest()})
        with atomic(path, overwrite) as folder:
            folder.mkdir()
            (folder / WEIGHTS).write_bytes(weights)
            (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return replace(self, card=card)

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Self:
        """Read a model folder. Nothing in it is executed.

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


def find_objects(embedded: Embedded, settings: Settings) -> np.ndarray:
    """Cluster an embedded patch into labels, uint32 (L, \\*S), ids 1..N.

    There is one layer where objects do not share pixels. Else an object may lie in several, but once on a pixel; see
    `Instances.from_layers`.

    Raises
    ------
    OutOfMemory
        If the device cannot cluster so many pixels; use a smaller tile.
    """
    return tidied(clustered(embedded, settings), settings)


def clustered(embedded: Embedded, settings: Settings) -> np.ndarray:
    """What `find_objects` gives before pieces are joined and small objects left out; uint32 (L, \\*S)."""
    size = tuple(embedded.embedding.shape[1:])
    with enough_memory(f"too little memory to cluster a tile of {size} pixels; take smaller ones with --tile."):
        inside = embedded.foreground(settings.foreground_threshold, settings.overlap_threshold)
        labels = settings.cluster(embedded.embedding, inside, embedded.seeds)
    return as_layers(labels, embedded.layers)


def tidied(layers: np.ndarray, settings: Settings) -> np.ndarray:
    """Objects with their pieces, without small ones, numbered 1..N; uint32 (L, \\*S)."""
    if settings.join_share and len(layers) == 1:
        layers = join_pieces(layers[0], settings.join_share)[None]
    return drop_small(layers, settings.min_size)


def as_layers(labels: torch.Tensor, layers: int) -> np.ndarray:
    """Labels of elements as uint32 (L, \\*S), in which an object lies once on a pixel."""
    found = labels.cpu().numpy()
    return once_a_pixel(found[None] if layers == 1 else found)


def drop_small(labels: np.ndarray, min_size: int) -> np.ndarray:
    """Leave out objects of fewer pixels and number the others 1..N; uint32."""
    flat = labels.reshape(-1)
    kept = np.empty_like(flat)
    parts = [slice(start, start + BLOCK) for start in range(0, max(1, len(flat)), BLOCK)]
    number = int(labels.max(initial=0)) + 1
    size = np.sum([np.bincount(flat[part], minlength=number) for part in parts], axis=0)
    keep = size >= max(1, min_size)
    keep[:1] = False
    ids = (np.cumsum(keep) * keep).astype(np.uint32)
    for part in parts:
        kept[part] = ids[flat[part]]
    return kept.reshape(labels.shape)


def read_card(path: Path) -> Card:
    """The card of a model folder; the weights are not looked at."""
    file = path / CARD
    if not file.is_file():
        raise BadModel(f"{path} is not a model folder: it has no {CARD}.")
    try:
        return Card.from_dict(json.loads(file.read_text(encoding="utf-8")), str(file))
    except (ValueError, RecursionError, DiscernError) as error:
        raise BadModel(f"{file} is cut off, edited or of an unknown version: {error}") from error


def _fill(network: EmbeddingNetwork, content: bytes, where: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        network.load_state_dict(load(content))
    except (SafetensorError, RuntimeError) as error:
        raise BadModel(f"{where} does not fit its card: {str(error).splitlines()[0]}") from error
