"""Synthetic: pictures with their truth, drawn from a seed.

Each step draws one kind of picture: ``Sticks(most=12)(seed=7)`` returns an `Image` and its `Instances`, the
same for the same parameters and seed. They are fast enough to draw a new picture for every training step.

A new kind is a class in a file of its own, derived from `Scene`, and its name in the union below. Objects
that hide one another are laid on a `Canvas`, opaque or translucent; objects that touch share the room by `pack`.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from napari_discern.synthetic.canvas import Canvas
from napari_discern.synthetic.cells import Cells
from napari_discern.synthetic.nuclei import Nuclei3D
from napari_discern.synthetic.rosette import Rosette
from napari_discern.synthetic.scene import Scene
from napari_discern.synthetic.sticks import Sticks
from napari_discern.synthetic.translucent import Translucent
from napari_discern.synthetic.worms import Worms

Synthetic: TypeAlias = Annotated[Sticks | Rosette | Cells | Nuclei3D | Translucent | Worms, Field(discriminator="kind")]
"""Any kind of synthetic picture, told apart by `kind`."""

__all__ = ["Canvas", "Cells", "Nuclei3D", "Rosette", "Scene", "Sticks", "Synthetic", "Translucent", "Worms"]
