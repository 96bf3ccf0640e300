"""Checkpoint: the state of an interrupted training, so that it can go on where it was."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from napari_discern.errors import BadArgument, BadModel
from napari_discern.io.atomic import atomic
from napari_discern.lazy.torch import torch
from napari_discern.training.loop import Loop
from napari_discern.training.parameters import Training

STATE, TENSORS = "state.json", "state.safetensors"
CHECKPOINT_FILES = (STATE, TENSORS)
"""What is in the folder of a checkpoint."""


def save_checkpoint(folder: Path, loop: Loop) -> None:
    """Write weights, running average and optimiser, whole or not at all.

    Raises
    ------
    BadFile
        If it cannot be written.
    """
    from safetensors.torch import save

    state = {
        "training": loop.training.model_dump(mode="json"),
        "step": loop.step,
        "seconds": time.monotonic() - loop.started,
    }
    with atomic(folder, overwrite=True, ours=CHECKPOINT_FILES) as temporary:
        temporary.mkdir()
        tensors = {k: v.detach().cpu().contiguous() for k, v in _tensors(loop).items()}
        (temporary / TENSORS).write_bytes(save(tensors))  # what its own writer raises on a full disk is no OSError
        (temporary / STATE).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")


def restore_checkpoint(folder: Path, loop: Loop) -> None:
    """Bring a loop to where a checkpoint was.

    Raises
    ------
    BadArgument
        If the training had other parameters; the differences are named.
    BadModel
        If the checkpoint is missing, cut off, or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        step, seconds, training = (state[k] for k in ("step", "seconds", "training"))
        tensors = load_file(folder / TENSORS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BadModel(f"{folder} is no whole checkpoint ({error}); start the training anew.") from error
    then = _completed(training)
    fitted = (less for less in loop.training.smaller() if less.batch == then.get("batch"))  # where memory ran out then
    loop.training = next(fitted, loop.training)
    _require_same(then, loop.training.model_dump(mode="json"), folder)
    try:
        _fill(loop, tensors)
    except (KeyError, RuntimeError) as error:
        raise BadModel(f"{folder} is of another network: {str(error).splitlines()[0]}") from error
    loop.go_on(step, seconds)


def _tensors(loop: Loop) -> dict[str, torch.Tensor]:
    """All that changes during training, by name."""
    found = {f"network.{k}": v for k, v in loop.network.state_dict().items()}
    found |= {f"average.{k}": v for k, v in loop.average.state_dict().items()}
    for index, slots in loop.optimiser.state_dict()["state"].items():
        found |= {f"optimiser.{index}.{k}": v for k, v in slots.items()}
    return found


def _fill(loop: Loop, tensors: dict[str, torch.Tensor]) -> None:
    parts: dict[str, dict[str, torch.Tensor]] = {"network": {}, "average": {}, "optimiser": {}}
    for name, value in tensors.items():
        part, rest = name.split(".", 1)
        parts[part][rest] = value
    loop.network.load_state_dict(parts["network"])
    loop.average.load_state_dict(parts["average"])
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in parts["optimiser"].items():
        index, slot = name.split(".", 1)
        slots.setdefault(int(index), {})[slot] = value
    loop.optimiser.load_state_dict({**loop.optimiser.state_dict(), "state": slots})


def _completed(training: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a training with those that came later at their defaults."""
    try:
        return Training.model_validate(training).model_dump(mode="json")
    except ValueError:
        return training


def _require_same(then: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    different = [k for k in sorted({*then, *now}) if then.get(k) != now.get(k)]
    if different:
        changes = "; ".join(f"{k} was {then.get(k)!r:.60}, is {now.get(k)!r:.60}" for k in different)
        raise BadArgument(f"{folder} is of a training with other parameters: {changes}. Give the same, or start anew.")
