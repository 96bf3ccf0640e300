"""Losses: steps that turn an embedding and labels into a number to make small."""

from __future__ import annotations

from typing import TypeAlias

from napari_discern.losses.assignment import assign
from napari_discern.losses.discriminative import Discriminative, Forces
from napari_discern.losses.foreground import Foreground

Loss: TypeAlias = Discriminative
"""The family of embedding losses, told apart by `kind`."""

__all__ = ["Discriminative", "Forces", "Foreground", "Loss", "assign"]
