"""Graph: a model's network as an ONNX file."""

from __future__ import annotations

import importlib
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from napari_discern.errors import BadArgument
from napari_discern.io.atomic import atomic
from napari_discern.lazy.torch import torch
from napari_discern.model.card import Card
from napari_discern.model.model import Model
from napari_discern.normalise import Percentile

MOST = 4096
"""Largest side of an image, in multiples of what the network computes on."""
EXTRA = "pip install 'napari-discern[exchange]'"


def output_names(card: Card) -> dict[str, list[str]]:
    """The outputs of the graph and their channels: embedding, probability, and seeds if the model judges any.

    Where there are several of something, the channels are in the order of the tensors of `Embedded` made flat.
    """
    a = card.architecture
    layers = [f" of layer {k + 1}" for k in range(a.layers)] if a.layers > 1 else [""]
    kinds = list(card.classes) or [f"{k + 1} object" + "s" * (k > 0) for k in range(max(a.classes, a.layers))]
    names = {
        "embedding": [f"embedding {e + 1}{layer}" for e in range(a.embedding) for layer in layers],
        "probability": ["background", *kinds],
    }
    if a.taus:
        names["seeds"] = [f"{kind} at {tau}" for tau in a.taus for kind in ("no object", *kinds)]
    return names


def write_onnx(model: Model, path: Path, overwrite: bool = False) -> None:
    """Write the network of a model as an ONNX file, whole or not at all.

    Its input `image`, float32 (B, C, \\*S), is linear from 0 to 1 between the two percentiles of the card (or of mean 0
    and deviation 1); what the card has to do to it beyond that is in the graph. Sides must be multiples of
    ``architecture.multiples``, twice these at least. The outputs are those of `Embedded` by name, float32, channels
    made flat; see `output_names`.

    Parameters
    ----------
    model : Model
    path : Path
        The file.
    overwrite : bool
        Whether it may exist.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is not set.
    BadArgument
        If the packages that this takes are not here, or the network has parts that ONNX does not know, such as a view
        at several scales.
    """
    program = exported(model)
    with atomic(path, overwrite) as temporary:
        program.save(str(temporary))


def exported(model: Model) -> torch.onnx.ONNXProgram:
    """The network as an ONNX program; see `write_onnx`."""
    card = model.card
    a = card.architecture
    if a.scales != (1.0,):
        raise BadArgument(
            f"model {card.name!r} looks at scales {a.scales}, which cannot be written as ONNX of any size."
        )
    whole = _whole(model)
    sides = [2 * m for m in a.multiples]
    sample = torch.rand(2, a.channels, *sides)  # a batch of one would be taken for the only one
    lengths = {2 + k: m * torch.export.Dim(f"side{k}", min=2, max=MOST) for k, m in enumerate(a.multiples)}
    with _quiet():
        try:
            program = torch.onnx.export(
                whole, (sample,), dynamo=True, dynamic_shapes=({0: torch.export.Dim("batch"), **lengths},),
                input_names=["image"], output_names=list(output_names(card)), verbose=False,
            )  # fmt: skip
        except ImportError as error:
            raise BadArgument(f"writing ONNX takes packages that are not installed ({error}): {EXTRA}") from error
        except torch.onnx.OnnxExporterError as error:
            raise BadArgument(f"model {card.name!r} has parts that ONNX does not know; --debug names them.") from error
    if program is None:
        raise BadArgument(f"model {card.name!r} cannot be written as ONNX.")
    return program


def _whole(model: Model) -> torch.nn.Module:
    """The network on the CPU from linear intensities to the outputs of the graph."""
    cofactor = model.card.settings.normalise.cofactor if isinstance(model.card.settings.normalise, Percentile) else 0.0
    network = Model.create(model.card, "cpu").network
    network.load_state_dict({name: value.cpu() for name, value in model.network.state_dict().items()})
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
            if cofactor:
                image = torch.asinh(image / cofactor) / float(np.arcsinh(1 / cofactor))
            said = self.network(image)
            spatial = image.ndim - 2
            embedding = said.embedding.flatten(1, said.embedding.ndim - 1 - spatial)
            chance = torch.softmax(said.logits, 1)
            seeds = () if said.seeds is None else (torch.softmax(said.seeds, 2).flatten(1, 2),)
            return (embedding, chance, *seeds)

    return Whole().eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's own chatter; what fails is raised."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)


def required(name: str) -> Any:
    """A module of packages that come with the extra `exchange`; `BadArgument` where they are not here."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BadArgument(f"this takes packages that are not installed ({error}): {EXTRA}") from error
