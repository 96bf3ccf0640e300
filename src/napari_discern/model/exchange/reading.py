"""Reading of models in the bioimage.io format, our own and those of others."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from napari_discern.backbones import Backbone
from napari_discern.errors import BadFile, BadModel
from napari_discern.io.reading import reading
from napari_discern.lazy.torch import torch
from napari_discern.model.architecture import Architecture
from napari_discern.model.card import CARD, Card
from napari_discern.model.exchange.graph import required
from napari_discern.model.model import WEIGHTS, Model

FITTING = 0.5
"""Share of the tensors of a backbone that a file must hold to be taken for its weights."""


def read_package(path: Path) -> Model:
    """Read a model of a bioimage.io package, a zip file or a folder. Nothing in it is executed.

    A package that we wrote gives the model that was written. Of others the weights of the network (ONNX or safetensors)
    are taken for a backbone, where they fit one of ours by name and shape; heads have random weights, so that such a
    model must be trained, as `train --model` does.

    Raises
    ------
    BadFile
        If it is no package.
    BadModel
        If its weights fit none of our networks, or are kept only in a form that can execute code.
    """
    with reading(path), tempfile.TemporaryDirectory(prefix="napari-discern-") as name:
        if path.is_dir():
            return _read_folder(path, path)
        if not zipfile.is_zipfile(path):
            raise BadFile(f"{path} is no bioimage.io package: it is neither a folder nor a zip file.")
        folder = Path(name).resolve()
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)  # keeps every file within
        return _read_folder(folder, path)


def _read_folder(folder: Path, where: Path) -> Model:
    files = [p for p in folder.rglob("*") if p.is_file()]
    own = next((p.parent for p in files if p.name == CARD and (p.parent / WEIGHTS).is_file()), None)
    if own is not None:
        return Model.load(own, "cpu")
    description = next((p for p in files if p.name in ("rdf.yaml", "bioimageio.yaml")), None)
    if description is None:
        raise BadFile(f"{where} is no bioimage.io package: it holds no rdf.yaml.")
    return _as_backbone(_rdf(description), [p for p in files if p.suffix in (".onnx", ".safetensors")], where)


def _rdf(file: Path) -> Mapping[str, Any]:
    found = required("yaml").safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not found.get("inputs"):
        raise BadFile(f"{file.name} describes no model.")
    return found


def _as_backbone(rdf: Mapping[str, Any], files: Sequence[Path], where: Path) -> Model:
    """A model whose backbone has the weights of one of these files."""
    if not files:
        raise BadModel(
            f"{where}: no weights as ONNX or safetensors; others can execute code when they are read, and are not. "
            "Convert them first (bioimageio.core has converters)."
        )
    ndim, channels = _axes(rdf["inputs"][0])
    best = 0.0
    for file in files:
        tensors = _tensors(file)
        for backbone in _backbones():
            card = Card(
                name=str(rdf.get("name", where.stem)), licence=str(rdf.get("license", "")),
                description="Backbone of a bioimage.io model; heads are untrained.",
                architecture=Architecture(ndim=ndim, channels=channels, backbone=backbone),
            )  # fmt: skip
            model = Model.create(card, "cpu")
            share = _fill(model, tensors)
            if share >= FITTING:
                return model
            best = max(best, share)
    raise BadModel(
        f"{where}: its weights fit none of our backbones (the best got {best:.0%} of its tensors). "
        "Train from scratch, or from a model of the list (napari-discern models)."
    )


def _backbones() -> list[Any]:
    """Each backbone with its defaults."""
    return [kind() for kind in get_args(get_args(Backbone)[0])]


def _axes(tensor: Mapping[str, Any]) -> tuple[int, int]:
    """Dimensions and channels of an input, of format 0.4 ("bcyx") and 0.5 (a list of axes)."""
    axes = tensor.get("axes", "")
    if isinstance(axes, str):
        shape = tensor.get("shape")
        sizes = shape.get("min", []) if isinstance(shape, dict) else shape or []
        channels = sizes[axes.index("c")] if "c" in axes and len(sizes) == len(axes) else 1
        return sum(a in "zyx" for a in axes), int(channels)
    channels = next((len(a.get("channel_names", [1])) for a in axes if a.get("type") == "channel"), 1)
    return sum(a.get("type") == "space" for a in axes), channels


def _tensors(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays in a file of weights, by name."""
    if file.suffix == ".safetensors":
        from safetensors.numpy import load_file

        return dict(load_file(file))
    onnx = required("onnx")
    program = onnx.load(str(file), load_external_data=False)
    kept = [t for t in program.graph.initializer if not t.external_data]
    return {t.name: np.array(onnx.numpy_helper.to_array(t)) for t in kept}


def _fill(model: Model, tensors: Mapping[str, NDArray[Any]]) -> float:
    """Give the backbone the tensors that end in a name of its own and have its shape; the share that did."""
    own = model.network.backbone.state_dict()
    by_end: dict[str, NDArray[Any]] = {}
    for name, values in tensors.items():
        parts = name.split(".")
        for k in range(len(parts)):
            by_end.setdefault(".".join(parts[k:]), values)
    fitting = {
        name: torch.from_numpy(by_end[name].copy())
        for name, value in own.items()
        if name in by_end and by_end[name].shape == tuple(value.shape)
    }
    model.network.backbone.load_state_dict({**own, **fitting})
    return len(fitting) / max(1, len(own))
