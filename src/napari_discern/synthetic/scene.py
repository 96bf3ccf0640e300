"""Scene: what all synthetic pictures have in common."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.params import Params


class Scene(Params):
    """Base of the synthetic pictures: a drawing that one calls with a seed.

    A kind derives from it, gives `kind`, and draws in `_draw`. `_ranges` names the pairs of fields of which
    the first must not exceed the second.
    """

    _ranges: ClassVar[tuple[tuple[str, str], ...]] = (("fewest", "most"),)

    kind: str
    """Kind of picture."""
    size: int = Field(256, ge=32, le=4096, json_schema_extra={"unit": "px"})
    """Height and width of the picture."""
    fewest: int = Field(10, ge=0, le=10_000)
    """Fewest objects that are drawn."""
    most: int = Field(20, ge=0, le=10_000)
    """Most objects that are drawn."""
    least_visible: int = Field(20, ge=1, le=10_000, json_schema_extra={"unit": "px"})
    """Objects of which fewer pixels can be seen are left out of the truth."""

    @model_validator(mode="after")
    def _check_ranges(self) -> Self:
        for low, high in self._ranges:
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} ({getattr(self, low)}) must not exceed {high} ({getattr(self, high)})")
        return self

    def __call__(self, seed: int) -> tuple[Image, Instances]:
        """Draw the picture of a seed.

        Parameters
        ----------
        seed : int
            0 or more; the same seed and parameters give the same picture.

        Returns
        -------
        image : Image
            The picture, named after its kind and seed.
        truth : Instances
            The objects as far as they can be seen, ids in the order in which they were drawn.

        Raises
        ------
        BadArgument
            If the seed is negative.
        """
        if seed < 0:
            raise BadArgument(f"the seed of a synthetic picture must be 0 or more, not {seed}.")
        return self._draw(np.random.default_rng(seed), f"{self.kind}_{seed:04d}")

    def _draw(self, rng: np.random.Generator, name: str) -> tuple[Image, Instances]:
        """Draw one picture with the random numbers of `rng`."""
        raise NotImplementedError

    def _count(self, rng: np.random.Generator) -> int:
        """A number of objects between `fewest` and `most`, both included."""
        return int(rng.integers(self.fewest, self.most + 1))
