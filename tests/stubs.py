"""Small stand-ins that several tests share: tiny cards, discs to find, networks that know the answer."""

from __future__ import annotations

import importlib.util
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor, nn

import napari_discern
from napari_discern.backbones import Backbone, DynUNet, SegResNet
from napari_discern.clustering import MeanShift
from napari_discern.errors import BadFile
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.model import Architecture, Card, Model, Settings
from napari_discern.model.network import Output
from napari_discern.normalise import Percentile
from napari_discern.params import Leaf, Params, leaves
from napari_discern.training import Autosave, SavedTraining, Training

P = TypeVar("P", bound=Params)
LINEAR = Percentile(low=0, high=100, cofactor=0)
"""Keeps the ratios of intensities: 0 stays 0 and the brightest pixel becomes 1."""


def tiny(**architecture: Any) -> Card:
    """The card of a network with few weights."""
    parts = {"backbone": SegResNet(filters=8, levels=2), "features": 8, "embedding": 4, **architecture}
    return Card(architecture=Architecture(**parts), object_size=8)


class ByIntensity(nn.Module):
    """A network whose embedding is the intensity of the first channel: an id painted there is an object found."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain, self.seen = gain, []

    def forward(self, image: Tensor) -> Output:
        self.seen.append(tuple(image.shape))
        value = image[:, :1]
        logits = torch.cat([torch.zeros_like(value), torch.where(value > 1e-4, 9.0, -9.0)], 1)
        return Output(torch.cat([self.gain * value, torch.zeros_like(value)], 1), logits)


class Fixed(nn.Module):
    """A network that says the same whatever it sees: an embedding (E, *S), and how sure it is of foreground (*S)."""

    def __init__(self, embedding: np.ndarray, foreground: np.ndarray) -> None:
        super().__init__()
        self.embedding = torch.from_numpy(embedding.astype(np.float32))
        sure = torch.logit(torch.from_numpy(foreground.astype(np.float32)), eps=1e-4)
        self.logits = torch.stack([torch.zeros_like(sure), sure])

    def forward(self, image: Tensor) -> Output:
        return Output(self.embedding[None], self.logits[None])


def stub(network: nn.Module, ndim: int = 2, channels: int = 1, spacing: Sequence[float] = (), **settings: Any) -> Model:
    """A model around any network."""
    settings = {"normalise": LINEAR, "cluster": MeanShift(bandwidth=1.0), **settings}
    card = tiny(ndim=ndim, channels=channels, spacing=tuple(spacing))
    return Model(card.model_copy(update={"settings": Settings(**settings)}), network, torch.device("cpu"))


def knowing(truth: np.ndarray, channels: int = 1, spacing: Sequence[float] = (), **settings: Any) -> Model:
    """A model that finds the ids painted into an image, whatever their number."""
    return stub(ByIntensity(4.0 * max(1, int(truth.max()))), truth.ndim, channels, spacing, **settings)


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two label images hold the same objects, whatever their ids."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]).astype(np.int64), axis=1)
    if ((pairs == 0).sum(axis=0) == 1).any():
        return False
    return all(len(np.unique(side)) == len(side) for side in pairs)


def masks_of(objects: Instances) -> np.ndarray:
    """Every mask in full, bool (N, *S), in which `masks` and `planes` have to agree."""
    whole = np.zeros((objects.n, *objects.shape), bool)
    for mask, (label, box, part) in zip(whole, objects.masks(), strict=True):
        mask[box] = part
        assert np.array_equal(mask, (objects.planes == label).any(axis=0))
    return whole


def mask_set(objects: Instances) -> set[bytes]:
    """The masks whatever their order; no two may be the same."""
    masks = {mask.tobytes() for mask in masks_of(objects)}
    assert len(masks) == objects.n
    return masks


def balls(shape: Sequence[int], radius: Sequence[float], number: int, seed: int = 0) -> np.ndarray:
    """Ellipsoids of one radius that do not touch, as many as fit of the number asked for; uint32, ids 1..N."""
    random, labels = np.random.default_rng(seed), np.zeros(shape, np.uint32)
    axes = np.meshgrid(*map(np.arange, shape), indexing="ij")
    for _ in range(20 * number):
        centre = [random.integers(n) for n in shape]
        squared = sum(((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radius, strict=True))
        grown = sum(((a - c) / (r + 1.5)) ** 2 for a, c, r in zip(axes, centre, radius, strict=True))
        if not labels[grown <= 1].any():
            labels[squared <= 1] = labels.max() + 1
        if labels.max() == number:
            break
    return labels


def discs(number: int, size: int = 64, radius: float = 7.0) -> list[tuple[Image, Instances]]:
    """Pictures of bright discs on a dark ground, with their labels."""
    pictures = []
    for k in range(number):
        truth = balls((size, size), (radius, radius), 8, seed=k)
        noise = np.random.default_rng(k).normal(0, 5, truth.shape)
        pixels = (np.where(truth > 0, 200, 30) + noise).astype(np.float32)
        pictures.append((Image(pixels, "yx", name=f"discs{k}"), Instances.from_labels(truth)))
    return pictures


@dataclass(frozen=True)
class Bright:
    """Finds what hangs together above a threshold; a network by hand that any process can make."""

    threshold: float = 0.5
    fails_at: float = -1.0

    def __call__(self, patch: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        if (patch == self.fails_at).any():
            raise BadFile("chunk 3 is damaged.")
        labels = np.asarray(ndimage.label(patch[0] > self.threshold)[0], np.uint32)
        number = int(labels.max(initial=0))
        return labels[None], {name: np.ones(number) for name in ("score", "spread", "gap")}


def values_of(leaf: Leaf) -> st.SearchStrategy[Any]:
    """Values within the bounds of a field."""
    bounds = leaf.bounds
    low, high = bounds.get("ge", bounds.get("gt", 0)), bounds.get("le", bounds.get("lt", 1e6))
    step = bounds.get("multiple_of", 1)
    pattern = next((m.pattern for m in leaf.field.metadata if hasattr(m, "pattern")), None)
    free = st.text(st.characters(min_codepoint=33, max_codepoint=1000), min_size=1).filter(lambda t: t[0] != "-")
    numbers = {
        int: st.integers(-(-low // step), (int(high) - ("lt" in bounds)) // step).map(lambda n: int(n * step)),
        float: st.floats(low, high, exclude_min="gt" in bounds, exclude_max="lt" in bounds),
        str: st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii")) if pattern else free,
        bool: st.booleans(),
        type(None): st.none(),
    }
    if get_origin(leaf.types[0]) is tuple:
        return st.lists(st.floats(0.1, 4), min_size=1, max_size=3).map(tuple)
    kinds = [numbers[kind] for kind in leaf.types if get_origin(kind) is not Literal]
    return st.one_of(*kinds, *([st.sampled_from(list(leaf.choices.values()))] if leaf.choices else []))


def left_behind(saved: SavedTraining | None = None) -> Autosave:
    """A training that was begun, has a checkpoint, and whose process is gone."""
    left = Autosave.begin(saved or SavedTraining(Training(), None, []))
    (left.folder / "last").mkdir()
    left.release()
    return left


def script(name: str) -> Any:
    """A script of the benchmarks, as a module."""
    path = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
    module = importlib.util.module_from_spec(spec := importlib.util.spec_from_file_location(name, path))
    spec.loader.exec_module(module)
    return module


def members(family: Any) -> list[type[Params]]:
    """The classes of a family (`Loss`, `Clustering` and their like), whoever adds one."""
    return list(get_args(get_args(family)[0]))


def variations(made: P) -> list[P]:
    """A member as it is, and with each other choice that it offers: a word, a yes for a no."""
    changed = [made]
    for name, field in type(made).model_fields.items():
        choices = (True, False) if field.annotation is bool else get_args(field.annotation)
        if field.annotation is bool or get_origin(field.annotation) is Literal:
            changed += [made.model_copy(update={name: c}) for c in choices if c != getattr(made, name)]
    return changed


def walked(family: Any) -> list[Any]:
    """Each member of a family by its defaults, in all its variations, named for a test."""
    return [pytest.param(each, id=named(each)) for kind in members(family) for each in variations(kind())]


def named(member: Params) -> str:
    """What a test of a member is called after."""
    return "-".join(str(v) for v in (getattr(member, "kind", ""), *member.model_dump(exclude_defaults=True).values()))


def small_backbones() -> list[Any]:
    """Each backbone with as few filters and levels as it can have, in all its variations, and two deeper ones."""
    made: list[Any] = [SegResNet(filters=8, levels=3), DynUNet(filters=4, levels=4, flat_levels=2)]
    for kind in members(Backbone):
        sizes = {leaf.path[0]: leaf.bounds["ge"] for leaf in leaves(kind) if leaf.path[0] in ("filters", "levels")}
        made += variations(kind(**sizes))
    return made


def parameter_classes() -> list[type[Params]]:
    """All subclasses of `Params` in the package, once every module without a window is imported."""
    for module in pkgutil.walk_packages(napari_discern.__path__, "napari_discern."):
        if not module.name.startswith("napari_discern.gui") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return sorted(set(_descendants(Params)), key=lambda cls: cls.__qualname__)


def _descendants(cls: type[Params]) -> Iterator[type[Params]]:
    for child in cls.__subclasses__():
        if child.__module__.startswith("napari_discern"):
            yield child
            yield from _descendants(child)
