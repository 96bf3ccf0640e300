"""Rescue: what a training in the viewer needs to go on after the viewer is gone."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_discern.errors import BadFile, DiscernError
from napari_discern.evaluation import Labelled
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.io.atomic import atomic
from napari_discern.model import Model, zoo
from napari_discern.training.best import BEST, LAST
from napari_discern.training.parameters import Training

PLAN, LEARN, CHECK = "plan.json", "learn-", "check-"


@dataclass(frozen=True)
class Plan:
    """A training as it was begun.

    Attributes
    ----------
    training : Training
    base : str or None
        Model that it started from.
    data, validation : sequence of (Image, Instances)
        What is learnt from, and what the model is checked on.
    """

    training: Training
    base: str | None
    data: Labelled
    validation: Labelled = ()


def folder() -> Path:
    """Where the training of the moment keeps its best model, its last minute, and its plan."""
    return zoo.own_models().parent / "training"


def begin(plan: Plan) -> None:
    """Write down what is about to be trained, in place of an earlier training.

    Raises
    ------
    BadFile
        If the disk is full or read-only.
    """
    clear()
    with atomic(folder(), overwrite=True) as temporary:
        named = [(LEARN, k, pair) for k, pair in enumerate(plan.data)]
        named += [(CHECK, k, pair) for k, pair in enumerate(plan.validation)]
        for kind, number, (image, truth) in named:
            part = temporary / f"{kind}{number:04d}"
            pixels = np.ascontiguousarray(image.read())
            np.save(_made(part) / "image.npy", pixels, allow_pickle=False)
            np.save(part / "planes.npy", truth.planes, allow_pickle=False)
            if truth.known is not None:
                np.save(part / "known.npy", truth.known, allow_pickle=False)
            about = {"axes": "c" + image.spatial_axes, "spacing": image.spacing, "unit": image.unit, "name": image.name}
            (part / "about.json").write_text(json.dumps(about), encoding="utf-8")
        words = {"training": plan.training.model_dump(mode="json"), "base": plan.base}
        (_made(temporary) / PLAN).write_text(json.dumps(words), encoding="utf-8")


def is_left() -> bool:
    """Whether a training was begun and neither ended nor stopped, and has a checkpoint to go on from."""
    return (folder() / PLAN).is_file() and (folder() / LAST).is_dir()


def read() -> Plan:
    """The training that was left.

    Raises
    ------
    BadFile
        If something of it is missing or cut off.
    """
    try:
        plan = json.loads((folder() / PLAN).read_text(encoding="utf-8"))
        data, validation = ([_read_pair(p) for p in sorted(folder().glob(f"{kind}[0-9]*"))] for kind in (LEARN, CHECK))
        return Plan(Training.from_dict(plan["training"], PLAN), plan["base"], data, validation)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadFile(f"the training left in {folder()} cannot go on ({error}); discard it.") from error


def best() -> Model | None:
    """The best model so far; None where there is none."""
    try:
        return Model.load(folder() / BEST, "cpu")
    except DiscernError:
        return None


def clear() -> None:
    """Forget the training."""
    shutil.rmtree(folder(), ignore_errors=True)


def _read_pair(part: Path) -> tuple[Image, Instances]:
    about = json.loads((part / "about.json").read_text(encoding="utf-8"))
    pixels, planes = (np.load(part / f"{name}.npy", allow_pickle=False) for name in ("image", "planes"))
    known = np.load(part / "known.npy", allow_pickle=False) if (part / "known.npy").is_file() else None
    image = Image(pixels, about["axes"], tuple(about["spacing"]), about["unit"], about["name"])
    return image, Instances(planes, image.spatial_axes, image.spacing, image.unit, known=known)


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
