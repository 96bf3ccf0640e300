"""Model folders that cannot be used, and models used for what they were not made for."""

from __future__ import annotations

import json
import pickle
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stubs import stub, tiny
from torch import nn

from napari_discern.errors import BadArgument, BadModel, OutOfMemory
from napari_discern.model import CARD, WEIGHTS, Model, find_objects, read_card


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Model.create(tiny(), "cpu").save(tmp_path / "model")
    return tmp_path / "model"


def edit(folder: Path, **changes: Any) -> None:
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps({**card, **changes}), encoding="utf-8")


def put(folder: Path, weights: bytes) -> None:
    """Other weights, with a card that vouches for them."""
    (folder / WEIGHTS).write_bytes(weights)
    edit(folder, weights_sha256=sha256(weights).hexdigest())


@pytest.mark.parametrize("part", [CARD, WEIGHTS])
def test_a_missing_part_is_named(folder: Path, part: str) -> None:
    (folder / part).unlink()
    with pytest.raises(BadModel, match=part):
        Model.load(folder, "cpu")


@pytest.mark.parametrize("what", ["missing", "file"])
def test_what_is_no_folder_is_no_model(tmp_path: Path, what: str) -> None:
    (tmp_path / "file").write_text("{}")
    with pytest.raises(BadModel, match="not a model folder"):
        Model.load(tmp_path / what, "cpu")


@pytest.mark.parametrize("keep", [0, 7, 0.5, -1])
def test_cut_off_weights_are_refused(folder: Path, keep: float) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: int(keep * len(content)) if 0 < keep < 1 else int(keep)])
    with pytest.raises(BadModel, match=rf"{WEIGHTS}.*cut off or changed"):
        Model.load(folder, "cpu")


@pytest.mark.parametrize("keep", [0, 7, 0.5, -1])
def test_cut_off_weights_that_the_card_vouches_for_are_refused(folder: Path, keep: float) -> None:
    content = (folder / WEIGHTS).read_bytes()
    put(folder, content[: int(keep * len(content)) if 0 < keep < 1 else int(keep)])
    with pytest.raises(BadModel, match="does not fit its card"):
        Model.load(folder, "cpu")


def test_one_changed_byte_is_noticed(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-3] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(BadModel, match="changed"):
        Model.load(folder, "cpu")


def test_weights_of_another_model_are_refused(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    Model.create(tiny(), "cpu").save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / WEIGHTS, folder / WEIGHTS)
    with pytest.raises(BadModel, match="is not the file that"):
        Model.load(folder, "cpu")


def test_weights_of_another_architecture_do_not_fit(folder: Path, tmp_path: Path) -> None:
    Model.create(tiny(features=16), "cpu").save(tmp_path / "other")
    put(folder, (tmp_path / "other" / WEIGHTS).read_bytes())
    with pytest.raises(BadModel, match="does not fit its card"):
        Model.load(folder, "cpu")


@pytest.mark.parametrize("keep", [0, 1, 0.5, -3])
def test_a_cut_off_card_is_refused(folder: Path, keep: float) -> None:
    content = (folder / CARD).read_bytes()
    (folder / CARD).write_bytes(content[: int(keep * len(content)) if 0 < keep < 1 else int(keep)])
    with pytest.raises(BadModel, match=CARD):
        Model.load(folder, "cpu")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"colour": "blue"}, "colour"),
        ({"format": 2}, "format"),
        ({"architecture": {"ndim": 4}}, "ndim"),
        ({"architecture": {"backbone": {"kind": "mystery"}}}, "mystery"),
        ({"architecture": {"ndim": 3, "spacing": [1, 1]}}, "spacing"),
        ({"settings": {"foreground_threshold": 1.5}}, "foreground"),
        ({"settings": {"cluster": {"kind": "mean-shift", "bandwidth": -1}}}, "bandwidth"),
        ({"scores": {"S_mean": float("nan")}}, "S_mean"),
        ({"object_size": "large"}, "object_size"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_card_edited_to_nonsense_names_the_field(folder: Path, changes: dict[str, Any], word: str) -> None:
    edit(folder, **changes)
    with pytest.raises(BadModel, match=word):
        Model.load(folder, "cpu")


@pytest.mark.parametrize(
    "changes",
    [
        {"features": 16},
        {"embedding": 5},
        {"ndim": 3},
        {"channels": 2},
        {"backbone": {"kind": "seg-res-net", "filters": 16, "levels": 2}},
        {"backbone": {"kind": "basic-unet"}},
    ],
    ids=str,
)
def test_a_card_edited_to_another_architecture_does_not_fit(folder: Path, changes: dict[str, Any]) -> None:
    architecture = json.loads((folder / CARD).read_text(encoding="utf-8"))["architecture"]
    edit(folder, architecture={**architecture, **changes})
    with pytest.raises(BadModel, match="does not fit its card"):
        Model.load(folder, "cpu")


@pytest.mark.parametrize(
    "text", ["[]", "null", "3", '"card"', "[" * 100_000, "\x00", "{'format': 1}"], ids=lambda t: t[:9]
)
def test_a_card_that_is_something_else_is_refused(folder: Path, text: str) -> None:
    (folder / CARD).write_text(text, encoding="utf-8")
    with pytest.raises(BadModel, match=CARD):
        read_card(folder)


def test_a_card_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / CARD).write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(BadModel, match=CARD):
        read_card(folder)


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def plain_pickle(trap: Trap, where: Path) -> bytes:
    return pickle.dumps({"conv.weight": trap})


def torch_file(trap: Trap, where: Path) -> bytes:
    torch.save({"conv.weight": trap}, where)
    content = where.read_bytes()
    where.unlink()
    return content


def old_torch_file(trap: Trap, where: Path) -> bytes:
    torch.save(trap, where, _use_new_zipfile_serialization=False)
    content = where.read_bytes()
    where.unlink()
    return content


@pytest.mark.parametrize("kind", [plain_pickle, torch_file, old_torch_file])
def test_a_pickle_in_place_of_the_weights_is_never_unpickled(folder: Path, tmp_path: Path, kind: Any) -> None:
    mark = tmp_path / "ran"
    content = kind(Trap(mark), tmp_path / "made.pt")
    (tmp_path / "armed.pt").write_bytes(content)
    if kind is plain_pickle:
        pickle.loads(content)
    else:
        torch.load(tmp_path / "armed.pt", weights_only=False)
    assert mark.exists()  # the trap works
    mark.unlink()
    put(folder, content)
    with pytest.raises(BadModel, match="does not fit its card"):
        Model.load(folder, "cpu")
    assert not mark.exists()


def test_a_pickle_in_place_of_the_card_is_never_unpickled(folder: Path, tmp_path: Path) -> None:
    (folder / CARD).write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    with pytest.raises(BadModel, match=CARD):
        Model.load(folder, "cpu")
    assert not (tmp_path / "ran").exists()


def test_other_files_in_the_folder_are_not_looked_at(folder: Path, tmp_path: Path) -> None:
    for name in ("weights.pt", "weights.pkl", "pytorch_model.bin"):
        (folder / name).write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    (folder / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    Model.load(folder, "cpu")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("shape", "words"),
    [((3, 16, 16), "2D with 3"), ((1, 8, 16, 16), "3D with 1"), ((2, 8, 16, 16), "3D with 2")],
)
def test_images_of_another_kind_are_refused(shape: tuple[int, ...], words: str) -> None:
    model = Model.create(tiny().model_copy(update={"name": "leaf"}), "cpu")
    with pytest.raises(BadArgument, match=rf"'leaf'.* 2D images with 1 channel.*{words}"):
        model.embed(np.zeros(shape, np.float32))


class Full(nn.Module):
    """Finds no memory."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, image: torch.Tensor) -> Any:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    ],
    ids=["cuda", "cpu", "mps"],
)
def test_a_full_device_says_so(error: Exception) -> None:
    with pytest.raises(OutOfMemory, match=r"\(40, 50\).*--tile") as caught:
        stub(Full(error)).embed(np.zeros((1, 40, 50)))
    assert not isinstance(caught.value, RuntimeError)  # which a thread of the viewer would swallow


def test_other_faults_of_a_network_are_not_called_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        stub(Full(RuntimeError("shapes do not match"))).embed(np.zeros((1, 40, 50)))


def test_a_device_too_full_to_cluster_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model.create(tiny(), "cpu")
    said = model.embed(np.zeros((1, 16, 24)))

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(type(model.card.settings.cluster), "__call__", full)
    with pytest.raises(OutOfMemory, match=r"cluster.*\(16, 24\).*--tile"):
        find_objects(said, model.card.settings)
