"""Exchange: models as ONNX and in the bioimage.io format, run by the field's own tools, and back."""

from __future__ import annotations

import gc
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from napari_discern import io
from napari_discern.backbones import ResidualUNet, SegResNet
from napari_discern.cli import main
from napari_discern.errors import BadArgument, BadFile, BadModel, OutputExists
from napari_discern.image import Image
from napari_discern.model import Architecture, Card, Model, Settings
from napari_discern.model.exchange import read_package, write_onnx, write_package
from napari_discern.normalise import Normalisation, Percentile, Standardise
from napari_discern.synthetic import Cells, Nuclei3D

pytestmark = [
    # bioimageio.spec 0.5.12 and core 0.11 leave files for the collector to close.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("_collected"),
]


@pytest.fixture
def _collected() -> Iterator[None]:
    """What others left open is closed before the next test."""
    yield
    gc.collect()


SMALL = {"backbone": SegResNet(filters=8, levels=2), "features": 4, "embedding": 3}


def made(**architecture: object) -> Model:
    torch.manual_seed(0)
    card = Card(name="small model", architecture=Architecture(**{**SMALL, **architecture}))
    return replace(Model.create(card, "cpu"), precision="32")


ARCHITECTURES = {
    "plain": {},
    "a volume": {"ndim": 3, "coordinate_scale": 4.0, "spacing": (2.0, 1.0, 1.0)},
    "all at once": {
        "channels": 3, "stride": 2, "classes": 2, "taus": (0.5, 0.9), "coordinate_channels": True,
        "class_dimensions": 4,
    },
    "layers": {"layers": 2, "backbone": ResidualUNet(filters=8, levels=2)},
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_onnx_says_what_the_model_says_at_any_size(name: str, tmp_path: Path) -> None:
    import onnxruntime

    model = made(**ARCHITECTURES[name])
    write_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for factor, batch in ((2, 1), (3, 2)):
        sides = [factor * m for m in model.card.architecture.multiples]
        sides[-1] += model.card.architecture.multiples[-1]
        linear = np.random.default_rng(factor).random((batch, model.card.architecture.channels, *sides), np.float32)
        said = dict(zip(names, session.run(None, {"image": linear}), strict=True))
        for k, patch in enumerate(linear):
            compressed = np.arcsinh(patch / 0.1) / np.arcsinh(np.float32(10))  # as `Percentile` does it
            own = model.embed(compressed)
            assert np.abs(said["embedding"][k] - own.embedding.flatten(0, -len(sides) - 1).numpy()).max() < 1e-3
            assert np.abs(said["probability"][k] - own.probability.numpy()).max() < 1e-3
            assert ("seeds" in said) == (own.seeds is not None)
            if own.seeds is not None:
                assert np.abs(said["seeds"][k] - own.seeds.chance.flatten(0, 1).numpy()).max() < 1e-3


@pytest.mark.parametrize(
    ("normalise", "image", "architecture"),
    [
        (Percentile(low=2.0, high=99.0), Cells(size=96)(1)[0], {}),
        (Standardise(), Cells(size=96)(1)[0], {"stride": 2}),
        (Percentile(), Nuclei3D(size=32, depth=16)(1)[0], {"ndim": 3, "stride": 2, "spacing": (2, 1, 1)}),
    ],
    ids=["pixels", "blocks of pixels", "a volume"],
)
def test_the_field_can_run_a_package(
    normalise: Normalisation, image: Image, architecture: dict[str, object], tmp_path: Path
) -> None:
    """The test of bioimageio.core: description, sample output and other sizes; and the same outputs as ours."""
    from bioimageio.core import load_description_and_test, predict

    settings, model = Settings(normalise=normalise), made(**architecture)
    model = replace(model, card=model.card.model_copy(update={"settings": settings, "licence": "CC0 1.0; of ours"}))
    write_package(model, tmp_path / "nuclei.zip", image, ["A. Person"])
    described = load_description_and_test(tmp_path / "nuclei.zip", format_version="latest", weight_format="onnx")
    assert described.validation_summary.status == "passed", described.validation_summary.format()
    pixels = image.read()[None].astype(np.float32)
    said = predict(model=described, inputs={"image": pixels})
    own = replace(model, precision="32").embed(model.card.settings.normalise(image)(image.read()))
    for output, values in (("embedding", own.embedding), ("probability", own.probability)):
        found = np.asarray(said.members[output].data.data)[0]
        assert np.abs(found - values.numpy()).max() < 1e-3


def test_a_package_gives_the_model_back(tmp_path: Path) -> None:
    model = made(layers=2)
    write_package(model, tmp_path / "a.zip", Cells(size=64)(1)[0], ["A. Person"], "MIT")
    back = replace(read_package(tmp_path / "a.zip"), precision="32")
    patch = np.random.default_rng(0).random((1, 32, 40), np.float32)
    assert torch.equal(back.embed(patch).embedding, model.embed(patch).embedding)
    assert back.card.model_copy(update={"weights_sha256": ""}) == model.card
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path / "folder")
    assert read_package(tmp_path / "folder").card == back.card
    rdf = yaml.safe_load((tmp_path / "folder" / "rdf.yaml").read_text())
    assert (rdf["license"], rdf["authors"][0]["name"]) == ("MIT", "A. Person")


def test_several_scales_are_no_onnx(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="scales"):
        write_onnx(made(scales=(0.5, 1.0)), tmp_path / "model.onnx")


def foreign(folder: Path, model: Model, kind: str) -> Path:
    """A package of another tool, whose network is one of our backbones with its default size."""
    folder.mkdir()
    axes = [{"type": "batch"}, {"type": "channel", "channel_names": ["a"]}, *({"type": "space", "id": a} for a in "yx")]
    rdf = {"name": "theirs", "license": "MIT", "inputs": [{"id": "raw", "axes": axes}]}
    (folder / "rdf.yaml").write_text(yaml.safe_dump(rdf))
    if kind == "onnx":
        write_onnx(model, folder / "weights.onnx")
    elif kind == "safetensors":
        from safetensors.torch import save_file

        own = {f"net.{name}": value.contiguous() for name, value in model.network.backbone.state_dict().items()}
        save_file(own, folder / "weights.safetensors")
    else:
        torch.save(model.network.state_dict(), folder / "weights.pt")
    return folder


def test_a_foreign_network_becomes_a_backbone(tmp_path: Path) -> None:
    torch.manual_seed(1)
    theirs = Model.create(Card(architecture=Architecture()), "cpu")
    found = read_package(foreign(tmp_path / "theirs", theirs, "safetensors"))
    assert found.card.name == "theirs"
    for name, value in theirs.network.backbone.state_dict().items():
        assert torch.equal(found.network.backbone.state_dict()[name], value)


def test_what_is_no_model_for_us_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="can execute code"):
        read_package(foreign(tmp_path / "pickled", made(), "pickle"))
    with pytest.raises(BadModel, match="fit none of our backbones"):
        read_package(foreign(tmp_path / "other", made(backbone=SegResNet(filters=16, levels=3)), "safetensors"))
    (tmp_path / "a.zip").write_bytes(b"no zip")
    with pytest.raises(BadFile, match="neither a folder nor a zip"):
        read_package(tmp_path / "a.zip")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "rdf.yaml").write_text("inputs: [{axes: yx}]")
    (tmp_path / "broken" / "weights.onnx").write_bytes(b"no onnx")
    with pytest.raises(BadFile):
        read_package(tmp_path / "broken")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadFile, match=r"no rdf\.yaml"):
        read_package(tmp_path / "empty")


def test_what_a_package_lacks_is_said(tmp_path: Path) -> None:
    model, image, path = made(), Cells(size=64)(1)[0], tmp_path / "a.zip"
    with pytest.raises(BadArgument, match="--author"):
        write_package(model, path, image, [])
    with pytest.raises(BadArgument, match="license"):
        write_package(model, path, image, ["A. Person"], "free for all")
    with pytest.raises(BadArgument, match="1 channel"):
        write_package(model, path, Image(np.zeros((2, 64, 64)), "cyx"), ["A. Person"], "MIT")
    assert not list(tmp_path.iterdir())
    path.write_bytes(b"mine")
    with pytest.raises(OutputExists):
        write_package(model, path, image, ["A. Person"], "MIT")
    assert path.read_bytes() == b"mine"


def test_commands_write_and_take_in(tmp_path: Path, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made().save(tmp_path / "mine")
    io.write_image(tmp_path / "image.tif", Cells(size=64)(1)[0])
    words = ["export", str(tmp_path / "mine"), "--out", str(tmp_path / "mine.zip"), "--author", "A", "--licence", "MIT"]
    assert main([*words, "--image", str(tmp_path / "image.tif")]) == 0
    assert main(words) == 2  # it is there
    assert main(["import", str(tmp_path / "mine.zip")]) == 0
    assert json.loads((own / "mine" / "card.json").read_text())["name"] == "small model"
    assert main(["export", "nuclei", "--out", str(tmp_path / "a.bin")]) == 2
    assert "must end in .zip" in capsys.readouterr().err
