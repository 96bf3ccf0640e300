"""Package: models written in the bioimage.io format."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.io.atomic import atomic
from napari_discern.model.card import CARD, Card
from napari_discern.model.exchange.graph import MOST, exported, output_names, required
from napari_discern.model.model import WEIGHTS, Model
from napari_discern.normalise import Percentile

PAPERS = {
    "De Brabandere, Neven, Van Gool 2017: Semantic Instance Segmentation with a Discriminative Loss Function":
        "https://arxiv.org/abs/1708.02551",
    "Fathi et al. 2017: Semantic Instance Segmentation via Deep Metric Learning": "https://arxiv.org/abs/1703.10277",
}  # fmt: skip
SIDE = {2: 256, 3: 64}
"""Pixels of the sample along each axis, at most, by dimensions."""
TOLERANCE = 1e-3
"""How far embeddings and probabilities may lie from those of the sample, on another machine or in another runtime."""


def write_package(
    model: Model, path: Path, sample: Image, authors: Sequence[str], licence: str = "", overwrite: bool = False
) -> None:
    """Write a model as a bioimage.io package (.zip), whole or not at all.

    In it are the network as ONNX with a sample input and its output, and the model's own card and weights, from which
    `read_package` gets the very same model. What makes objects of the outputs is in the card.

    Parameters
    ----------
    model : Model
    path : Path
        The file, which ends in .zip.
    sample : Image
        As the model wants it; its middle is taken as the sample.
    authors : sequence of str
        Who made the model, one at least.
    licence : str
        SPDX identifier, such as "CC0-1.0"; that of the card where it is empty.
    overwrite : bool
        Whether `path` may exist.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is not set.
    BadArgument
        If packages are missing, the sample does not fit the model, or the licence is none that SPDX knows.
    """
    if path.suffix != ".zip":
        raise BadArgument(f"{path} must end in .zip.")
    if not authors:
        raise BadArgument("say who made the model (--author NAME, once for each).")
    with tempfile.TemporaryDirectory(prefix="napari-discern-") as name:
        folder = Path(name)
        card, opset = _fill(folder, model, _middle(model, sample))
        with atomic(path, overwrite) as temporary:
            _pack(folder, card, authors, licence, opset, temporary)


def _fill(folder: Path, model: Model, pixels: NDArray[np.float32]) -> tuple[Card, int]:
    """Write the files of a package, and return the card as saved and the version of ONNX's operators."""
    program = exported(model)
    program.save(str(folder / "network.onnx"))
    card = model.save(folder / "model").card
    np.save(folder / "sample_input.npy", pixels)
    for output, values in _outputs(folder / "network.onnx", _linear(card, pixels), card).items():
        np.save(folder / f"sample_{output}.npy", values)
    (folder / "README.md").write_text(_readme(card), encoding="utf-8")
    return card, int(program.model.opset_imports[""])


def _middle(model: Model, sample: Image) -> NDArray[np.float32]:
    """The middle of an image, float32 (1, C, \\*S), sides being multiples of what the network computes on."""
    a = model.card.architecture
    model.check(sample.channels, len(sample.spatial_axes))
    sides = [min(n, SIDE[a.ndim]) // m * m for n, m in zip(sample.spatial_shape, a.multiples, strict=True)]
    if any(n < 2 * m for n, m in zip(sides, a.multiples, strict=True)):
        least = " x ".join(str(2 * m) for m in a.multiples)
        raise BadArgument(f"the sample {sample.name} must be {least} pixels large at least.")
    box = [slice((n - s) // 2, (n - s) // 2 + s) for n, s in zip(sample.spatial_shape, sides, strict=True)]
    return np.ascontiguousarray(sample.read(box)[None], np.float32)


def _linear(card: Card, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The pixels as the graph wants them: linear, without what is in the graph itself."""
    normalise = card.settings.normalise
    if isinstance(normalise, Percentile):
        normalise = normalise.model_copy(update={"cofactor": 0.0})
    axes = "c" + "zyx"[-card.architecture.ndim :]
    return normalise(Image(pixels[0], axes, name="sample"))(pixels[0])[None]


def _outputs(file: Path, image: NDArray[np.float32], card: Card) -> dict[str, NDArray[np.float32]]:
    session = required("onnxruntime").InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return dict(zip(output_names(card), session.run(None, {"image": image}), strict=True))


def _readme(card: Card) -> str:
    text = io.StringIO()
    text.write(f"# {card.name}\n\n{card.description}\n\nTrained on: {card.data or 'not said'}\n\n")
    text.write(f"Objects are about {card.object_size:.0f} px across. Scores: {card.scores or 'none'}\n\n")
    text.write(
        "The network gives a point of an embedding for each pixel, near for pixels of one object and far for those of "
        "different ones, and the probability of background and objects. napari-discern makes objects of them; its "
        "settings are in card.json, its weights in weights.safetensors.\n\n# Validation\n\n"
        "Compare labels with `napari-discern evaluate`.\n"
    )
    return text.getvalue()


def _spdx(card: Card, asked: str) -> str:
    """The licence as SPDX has it: of the card the first words."""
    return asked or re.split(r"[;,]", card.licence)[0].strip().replace(" ", "-")


def _pack(folder: Path, card: Card, authors: Sequence[str], licence: str, opset: int, path: Path) -> None:
    """Describe the files of a folder, and pack them."""
    spec, v = required("bioimageio.spec"), required("bioimageio.spec.model.v0_5")
    try:
        with spec.ValidationContext(root=folder, perform_io_checks=True):
            described = v.ModelDescr(
                name=f"napari-discern {card.name}",
                description=(card.description or card.name)[:1024],
                authors=[v.Author(name=name) for name in authors],
                cite=[v.CiteEntry(text=text, url=url) for text, url in PAPERS.items()],
                license=_spdx(card, licence),
                documentation=v.FileDescr(source=folder / "README.md"),
                attachments=[v.FileDescr(source=folder / "model" / name) for name in (CARD, WEIGHTS)],
                tags=["instance-segmentation", "embedding", "napari-discern", f"{card.architecture.ndim}d"],
                inputs=[_input(v, folder, card)],
                outputs=[_output(v, folder, card, *named) for named in output_names(card).items()],
                weights=v.WeightsDescr(
                    onnx=v.OnnxWeightsDescr(source=folder / "network.onnx", opset_version=opset)
                ),
                config=v.Config(bioimageio=v.BioimageioConfig(reproducibility_tolerance=[
                    v.ReproducibilityTolerance(relative_tolerance=TOLERANCE, absolute_tolerance=TOLERANCE)
                ])),
            )  # fmt: skip
        spec.save_bioimageio_package(described, output_path=path)
    except ValueError as error:
        raise BadArgument(f"model {card.name!r} cannot be described in the bioimage.io format: {error}") from error


def _input(v: Any, folder: Path, card: Card) -> Any:
    a = card.architecture
    names = tuple("zyx"[-a.ndim :])
    if isinstance(n := card.settings.normalise, Percentile):
        kwargs = v.ScaleRangeKwargs(axes=names, min_percentile=n.low, max_percentile=n.high)
        step = v.ScaleRangeDescr(kwargs=kwargs)
    else:
        step = v.ZeroMeanUnitVarianceDescr(kwargs=v.ZeroMeanUnitVarianceKwargs(axes=names))
    sizes = [v.ParameterizedSize(min=2 * m, step=m) for m in a.multiples]
    return v.InputTensorDescr(
        id="image", description=f"Image; sides up to {MOST} steps.",
        axes=[v.BatchAxis(), v.ChannelAxis(channel_names=[f"channel{k}" for k in range(a.channels)]),
              *(v.SpaceInputAxis(id=name, size=size) for name, size in zip(names, sizes, strict=True))],
        test_tensor=v.FileDescr(source=folder / "sample_input.npy"),
        data=v.IntervalOrRatioDataDescr(type="float32"), preprocessing=[step],
    )  # fmt: skip


def _output(v: Any, folder: Path, card: Card, name: str, channels: Sequence[str]) -> Any:
    axes = [v.SpaceOutputAxis(id=axis, size=v.SizeReference(tensor_id="image", axis_id=axis))
            for axis in "zyx"[-card.architecture.ndim :]]  # fmt: skip
    return v.OutputTensorDescr(
        id=name, description=f"{name}, see README.md",
        axes=[v.BatchAxis(), v.ChannelAxis(channel_names=list(channels)), *axes],
        test_tensor=v.FileDescr(source=folder / f"sample_{name}.npy"), data=v.IntervalOrRatioDataDescr(type="float32"),
    )  # fmt: skip
