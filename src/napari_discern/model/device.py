"""Devices and precision: where a network runs, and with how many bits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

from napari_discern.errors import DeviceUnavailable, OutOfMemory
from napari_discern.lazy.torch import torch

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
# PyTorch asks Linux for large pages then, if it has taken no memory before: to fill small ones with zeros, at each
# layer anew, took a fifth of a network's time.

Precision: TypeAlias = Literal["auto", "32", "bf16", "16"]
"""Bits of the network's arithmetic; losses and distances are always float32."""
MEMORY_SIGNS = ("out of memory", "DefaultCPUAllocator")
"""What is in PyTorch's message where a device, or the machine, is out of memory."""
FAST_BFLOAT16 = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
"""What `torch.cpu` says of processors that multiply bfloat16 in hardware (Intel's AMX, AVX-512 BF16)."""


def find_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes a GPU where there is one.

    Raises
    ------
    DeviceUnavailable
        If the name is unknown, or this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceUnavailable(f"there is no device called {name!r}; use auto, cpu, cuda or cuda:1.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceUnavailable(
            f"device {name!r} was asked for, but PyTorch finds {torch.cuda.device_count()} CUDA device(s) here. "
            "Use --device cpu, or install a CUDA build of PyTorch and the driver."
        )
    if device.type not in ("cpu", "cuda"):
        _require(device)
    return device


@contextmanager
def enough_memory(advice: str) -> Iterator[None]:
    """Turn each way in which PyTorch says that memory ran out into `OutOfMemory`; `advice` says what to do.

    PyTorch raises a RuntimeError there, which threads of the viewer would swallow.

    Raises
    ------
    OutOfMemory
        With the advice, and the first line of PyTorch's message.
    """
    try:
        yield
    except RuntimeError as error:
        if any(sign in str(error) for sign in MEMORY_SIGNS) or isinstance(error, torch.OutOfMemoryError):
            raise OutOfMemory(f"{advice} (PyTorch: {str(error).splitlines()[0]:.200})") from error
        raise


def pick_precision(precision: Precision, device: torch.device) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """Fabric's name for a precision; "auto" takes bfloat16 where the hardware multiplies it fast."""
    if precision == "auto":
        precision = "bf16" if _fast_bfloat16(device) else "32"
    names: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
        "32": "32-true",
        "bf16": "bf16-mixed",
        "16": "16-mixed",
    }
    return names[precision]


def _require(device: torch.device) -> None:
    """Refuse a device on which PyTorch cannot hold a number here."""
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, ImportError) as error:
        raise DeviceUnavailable(
            f"device {device.type!r} was asked for, but this PyTorch cannot use it here. Use auto, cpu or cuda."
        ) from error


def _fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and any(getattr(torch.cpu, check, bool)() for check in FAST_BFLOAT16)
