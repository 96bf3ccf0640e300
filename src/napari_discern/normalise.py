"""Normalisation: bring intensities into a common range, once for each image and channel."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.params import Params

log = logging.getLogger(__name__)
BLOCKS = 4
"""Blocks along an axis."""
SAMPLE = 1_000_000
"""Pixels a channel that are looked at, at most; larger images are read in evenly spread blocks."""


@dataclass(frozen=True)
class Scaling:
    """What normalises every patch of one image: ``(patch - offset) / scale``, then an arcsinh where asked for.

    Attributes
    ----------
    offset, scale : float32 array of shape (C,)
        A value a channel.
    cofactor : float
        ``arcsinh(x / cofactor) / arcsinh(1 / cofactor)`` follows, which keeps 0 and 1 where they are; not if 0.
    """

    offset: NDArray[np.float32]
    scale: NDArray[np.float32]
    cofactor: float = 0.0

    def __call__(self, patch: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise a patch (C, \\*S) of any dtype to float32; pixels that are not finite become 0."""
        shape = (-1,) + (1,) * (patch.ndim - 1)
        with np.errstate(over="ignore"):  # what float32 cannot hold is not finite
            result: NDArray[np.float32] = (patch.astype(np.float32) - self.offset.reshape(shape)) / self.scale.reshape(
                shape
            )
        if self.cofactor:
            np.arcsinh(result / np.float32(self.cofactor), out=result)
            result /= np.arcsinh(np.float32(1 / self.cofactor))
        if patch.dtype.kind == "f":
            np.nan_to_num(result, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return result


class Percentile(Params):
    """Map a low and a high percentile to 0 and 1, each channel by itself.

    Where both are one value, as with a few objects on an even background, the smallest and the largest value
    take their place.
    """

    kind: Literal["percentile"] = "percentile"
    low: float = Field(1.0, ge=0, lt=100, json_schema_extra={"unit": "%"})
    """Percentile that becomes 0."""
    high: float = Field(99.8, gt=0, le=100, json_schema_extra={"unit": "%"})
    """Percentile that becomes 1."""
    cofactor: float = Field(0.1, ge=0)
    """Compress intensities with an arcsinh that is linear below this share of the range, so that dim objects
    are seen beside bright ones. 0 leaves them linear."""

    @model_validator(mode="after")
    def _ordered(self) -> Percentile:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        return self

    def __call__(self, image: Image) -> Scaling:
        """Look at an image (or a spread sample of a large one) and say how to normalise it."""
        low, high = np.transpose([self._ends(channel) for channel in _finite_sample(image)])
        return replace(_scaling(image, low, high - low), cofactor=self.cofactor)

    def _ends(self, channel: np.ndarray) -> tuple[float, float]:
        low, high = np.percentile(channel, (self.low, self.high))
        return (low, high) if low < high else (channel.min(), channel.max())


class Standardise(Params):
    """Mean 0 and standard deviation 1, each channel by itself."""

    kind: Literal["standardise"] = "standardise"

    def __call__(self, image: Image) -> Scaling:
        """Look at an image (or a spread sample of a large one) and say how to normalise it."""
        channels = [channel.astype(np.float64) for channel in _finite_sample(image)]
        return _scaling(image, np.array([c.mean() for c in channels]), np.array([c.std() for c in channels]))


Normalisation: TypeAlias = Annotated[Percentile | Standardise, Field(discriminator="kind")]
"""The family of normalisations, told apart by `kind`."""


def _scaling(image: Image, offset: np.ndarray, scale: np.ndarray) -> Scaling:
    flat = ~(scale > 0)
    if flat.any():
        log.warning("%s: channel %s is constant; nothing can be found by it.", image.name, flat.nonzero()[0].tolist())
    return Scaling(offset.astype(np.float32), np.where(flat, 1, scale).astype(np.float32))


def _finite_sample(image: Image) -> list[np.ndarray]:
    """The finite pixels of each channel, float32."""
    with np.errstate(over="ignore"):  # what float32 cannot hold is not finite
        sample = _sample(image).reshape(image.channels, -1).astype(np.float32)
    finite = np.isfinite(sample)
    if finite.all():
        return list(sample)
    empty = np.flatnonzero(~finite.any(axis=1)).tolist()
    if empty:
        raise BadArgument(
            f"{image.name}: no pixel of channel {empty} is a finite number; leave the channel out, or mend the file."
        )
    share = 100 * float(1 - finite.mean())
    log.warning("%s: %.2g %% of the pixels are NaN or infinite; they become 0 once normalised.", image.name, share)
    return [channel[there] for channel, there in zip(sample, finite, strict=True)]


def _sample(image: Image) -> np.ndarray:
    """The whole image, or blocks spread evenly over a large one."""
    shape = image.spatial_shape
    if np.prod(shape) <= SAMPLE:
        return image.read()
    side = _block(shape)
    starts = [np.unique(np.linspace(0, n - s, BLOCKS).astype(int)) for n, s in zip(shape, side, strict=True)]
    corners = np.stack(np.meshgrid(*starts, indexing="ij"), -1).reshape(-1, len(shape))
    patches = [image.read([slice(c, c + s) for c, s in zip(corner, side, strict=True)]) for corner in corners]
    return np.concatenate([p.reshape(image.channels, -1) for p in patches], axis=1)


def _block(shape: tuple[int, ...]) -> list[int]:
    """Sides of a block, so that all blocks together hold about `SAMPLE` pixels also where an axis is short."""
    sides, room = list(shape), float(SAMPLE)
    for done, axis in enumerate(sorted(range(len(shape)), key=shape.__getitem__)):
        share = int(room ** (1 / (len(shape) - done)))
        if share < shape[axis]:
            sides[axis] = max(1, share // BLOCKS)
        room /= min(shape[axis], BLOCKS * sides[axis])
    return sides
