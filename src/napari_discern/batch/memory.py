"""Memory: what is free is given back to the system, so that long runs take no more than short ones."""

from __future__ import annotations

import ctypes
from contextlib import suppress

EVERY = 32
"""Tiles between two times that a process gives back what it does not use."""


def give_back() -> None:
    """Give memory that is free back to the system where the C library (glibc) would keep it in pieces; else nothing."""
    with suppress(AttributeError, OSError, TypeError):  # other systems
        ctypes.CDLL(None).malloc_trim(0)


def now_and_then(tile: int) -> None:
    """`give_back` at some of the tiles."""
    if tile % EVERY == 0:
        give_back()
