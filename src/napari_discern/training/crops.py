"""Sample: training crops from labelled images, augmented."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from napari_discern.errors import BadArgument
from napari_discern.evaluation.windows import require_one_size
from napari_discern.image import Image
from napari_discern.instances import UNKNOWN, Instances, stack_objects
from napari_discern.lazy.torch import torch
from napari_discern.normalise import Scaling
from napari_discern.params import Params
from napari_discern.training.pasting import lift, paste

if TYPE_CHECKING:
    from monai.transforms import Compose


class Augmentation(Params):
    """Random changes to training crops, drawn anew for each crop (MONAI's transforms)."""

    flip: bool = True
    """Mirror along each axis, half of the time."""
    upright: bool = False
    """Mirror left and right only, for what has a top and a bottom."""
    rotate: float = Field(180.0, ge=0, le=180, json_schema_extra={"unit": "degree"})
    """Largest rotation in the image plane, either way; 180 is the full circle."""
    shrink: float = Field(0.7, gt=0, le=1)
    """Smallest scale."""
    grow: float = Field(1.5, ge=1)
    """Largest scale."""
    brightness: float = Field(0.1, ge=0)
    """Largest shift of all intensities, as a share of the image's range."""
    contrast: float = Field(0.3, ge=0, lt=1)
    """Largest relative change of the contrast, either way."""
    gamma: float = Field(0.4, ge=0, lt=1)
    """Gamma is drawn between 1 - gamma and 1 / (1 - gamma)."""
    noise: float = Field(0.05, ge=0)
    """Largest standard deviation of added Gaussian noise, as a share of the image's range."""
    blur: float = Field(1.0, ge=0, json_schema_extra={"unit": "px"})
    """Largest standard deviation of a Gaussian blur."""
    windows: int = Field(1, ge=1)
    """Windows drawn for each crop, of which one is taken, the more likely the more objects lie in it."""
    paste: float = Field(0.0, ge=0, le=1)
    """Share of the crops in which a translucent copy of an object is laid over another; only where objects may share
    pixels."""

    def window(self, crop: Sequence[int]) -> tuple[int, ...]:
        """Size of the window that fills a crop under any rotation and scale; a volume keeps its depth."""
        *depth, height, width = crop
        plane = (math.hypot(height, width),) * 2 if self.rotate else (height, width)
        return (*depth, *(math.ceil(n / self.shrink) for n in plane))


@dataclass(frozen=True)
class Example:
    """One labelled image, ready to be cropped.

    Attributes
    ----------
    image : Image
        Read crop by crop.
    truth : Instances
        Its objects.
    scaling : Scaling
        Its normalisation.
    layers : int
        How many objects may share a pixel.
    classes : tuple of str
        Names of the semantic classes to be told apart, if any; only where objects do not share pixels.
    """

    image: Image
    truth: Instances
    scaling: Scaling
    layers: int = 1
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_one_size(self.image, self.truth)

    @cached_property
    def targets(self) -> NDArray[np.int32]:
        """The objects of each pixel, and how many there are or of which class, int32 (L + 1, \\*S).

        Of a pixel that more than L objects share it is unknown which they are: one embedding cannot be two. Where
        nothing is known, so is all.
        """
        stacked = stack_objects(self.truth, self.layers)
        number = np.minimum((self.truth.planes > 0).sum(axis=0, dtype=np.int32), self.layers)
        targets = np.concatenate([stacked, (self.class_of[stacked[0]] if self.classes else number)[None]])
        if self.truth.known is not None:
            targets[:, ~(self.truth.known | self.truth.foreground)] = UNKNOWN
        return targets

    @cached_property
    def class_of(self) -> NDArray[np.int32]:
        """Number of the class of each object, from 1 on, int32 (N + 2,); of the background 0, last of the unknown.

        An object whose class is not named here is of an unknown one.
        """
        numbers = self.truth.class_numbers(self.classes)
        return np.concatenate([[0], np.where(numbers > 0, numbers, UNKNOWN), [UNKNOWN]]).astype(np.int32)

    @cached_property
    def pieces(self) -> list[tuple[int, tuple[slice, ...], NDArray[np.bool_]]]:
        """The objects, each with its box and mask."""
        return list(self.truth.masks())

    @cached_property
    def middles(self) -> NDArray[np.float64]:
        """The middle of each object's box, float64 (N, axes)."""
        boxes = [[(side.start + side.stop) / 2 for side in box] for _, box, _ in self.truth.masks()]
        return np.array(boxes).reshape(-1, len(self.truth.shape))

    @cached_property
    def inside(self) -> NDArray[np.intp]:
        """Flat indices of the foreground pixels."""
        return np.flatnonzero(self.truth.foreground)


@dataclass(frozen=True)
class CropBatch:
    """Crops for one training step.

    Attributes
    ----------
    image : float32 tensor of shape (B, C, \\*S)
    labels : int64 tensor of shape (B, \\*S), or (B, L, \\*S) with L > 1 layers
        Objects; see `Example.targets`.
    classes : int64 tensor of shape (B, \\*S)
        How many objects lie on a pixel; or its semantic class, where several are told apart.
    """

    image: torch.Tensor
    labels: torch.Tensor
    classes: torch.Tensor


class Sampler:
    """Draws augmented crops; the same seed gives the same crops.

    Parameters
    ----------
    examples : sequence of Example
        What to draw from; each is drawn with the square root of its size as weight.
    crop : sequence of int
        Size of a crop along each spatial axis, in pixels.
    augmentation : Augmentation
        How crops are changed.
    centred : float
        Share of the crops that are centred on a random foreground pixel; the others lie anywhere.
    seed : int
        Seed of everything random here.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        crop: Sequence[int],
        augmentation: Augmentation,
        centred: float = 0.8,
        seed: int = 0,
    ) -> None:
        if not any(len(e.inside) for e in examples):
            raise BadArgument("no training image has a labelled object; label some first.")
        self.examples, self.crop, self.centred = list(examples), tuple(crop), centred
        sizes = np.array([np.prod(e.image.spatial_shape) for e in examples], float)
        self.chance = np.sqrt(sizes) / np.sqrt(sizes).sum()
        self.window, self.paste = augmentation.window(self.crop), augmentation.paste
        self.windows = augmentation.windows
        self.transform = _transform(augmentation, self.crop)
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Start the random choices anew."""
        self.random = np.random.default_rng(seed)
        self.transform.set_random_state(seed)

    def draw(self, size: int) -> CropBatch:
        """A batch of `size` crops."""
        images, targets = zip(*(self._draw_one() for _ in range(size)), strict=True)
        stacked = torch.stack(targets).long().sub(1)
        labels = stacked[:, :-1]
        return CropBatch(torch.stack(images), labels if labels.shape[1] > 1 else labels[:, 0], stacked[:, -1])

    def _draw_one(self) -> tuple[torch.Tensor, torch.Tensor]:
        example = self.examples[self.random.choice(len(self.examples), p=self.chance)]
        image, targets = _cut(example, self._crowded(example), self.window)
        if example.layers > 1 and self.random.random() < self.paste:
            donor = self.examples[self.random.choice(len(self.examples), p=self.chance)]
            if donor.pieces:
                _, box, mask = donor.pieces[self.random.integers(len(donor.pieces))]
                paste(image, targets, lift(donor.image, donor.truth, donor.scaling, box), mask, self.random)
        out = self.transform({"image": image, "targets": targets + 1})
        return out["image"], out["targets"]

    def _crowded(self, example: Example) -> list[int]:
        """First pixel of one of some windows, taken by the objects in them (Fathi et al. 2017, section 4.2)."""
        corners = [self._corner(example) for _ in range(self.windows)]
        if len(corners) == 1:
            return corners[0]
        centres = np.array(corners) + np.array(self.window) // 2
        near = np.abs(example.middles - centres[:, None]) <= np.array(self.crop) / 2
        chance = near.all(axis=2).sum(axis=1) + 1e-9
        return corners[self.random.choice(len(corners), p=chance / chance.sum())]

    def _corner(self, example: Example) -> list[int]:
        """First pixel of a window; it may lie outside the image."""
        shape = example.image.spatial_shape
        sparse = example.truth.known is not None  # elsewhere there may be nothing to learn from
        if len(example.inside) and (sparse or self.random.random() < self.centred):
            point = np.unravel_index(self.random.choice(example.inside), shape)
        else:
            point = tuple(self.random.integers(n) for n in shape)
        jitter = [self.random.integers(-n // 4, n // 4 + 1) for n in self.crop]
        centre = [_keep_inside(c + j, n, size) for c, j, n, size in zip(point, jitter, self.crop, shape, strict=True)]
        return [c - w // 2 for c, w in zip(centre, self.window, strict=True)]


def _keep_inside(centre: int, crop: int, size: int) -> int:
    """The centre nearest to the one asked for whose crop lies inside the image, where the image is that large."""
    return int(np.clip(centre, crop // 2, size - crop // 2)) if size > crop else size // 2


def _cut(
    example: Example, corner: Sequence[int], window: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Normalised pixels and targets of a window; outside the image it is mirrored, and unknown."""
    shape = example.image.spatial_shape
    region = tuple(slice(max(0, c), max(0, min(n, c + w))) for c, w, n in zip(corner, window, shape, strict=True))
    pads = [(r.start - c, c + w - r.stop) for c, w, r in zip(corner, window, region, strict=True)]
    image = example.scaling(example.image.read(region))
    image = np.pad(image, [(0, 0), *pads], mode="symmetric")
    targets = np.pad(example.targets[(slice(None), *region)], [(0, 0), *pads], constant_values=UNKNOWN)
    return image, targets


def _transform(a: Augmentation, crop: Sequence[int]) -> Compose:
    """MONAI's transforms for a window: geometry for image and targets, intensities for the image."""
    from monai import transforms as mt

    both, flat = ["image", "targets"], len(crop) == 2
    flipped = [len(crop) - 1] if a.upright else range(len(crop))
    angle = float(np.deg2rad(a.rotate))
    blur = (0.2, max(0.2, a.blur))
    zoom = [(1 / a.grow - 1, 1 / a.shrink - 1)] * len(crop)
    return mt.Compose(
        [
            *(mt.RandFlipd(both, prob=0.5 * a.flip, spatial_axis=axis) for axis in flipped),
            mt.RandAffined(
                both,
                prob=1.0,
                rotate_range=angle if flat else (angle, 0.0, 0.0),
                scale_range=zoom if flat else [(0.0, 0.0), *zoom[1:]],
                spatial_size=tuple(crop),
                mode=("bilinear", "nearest"),
                padding_mode=("reflection", "zeros"),
            ),
            mt.RandAdjustContrastd("image", prob=0.5 * bool(a.gamma), gamma=(1 - a.gamma, 1 / (1 - a.gamma))),
            mt.RandScaleIntensityd("image", factors=a.contrast, prob=0.5),
            mt.RandShiftIntensityd("image", offsets=a.brightness, prob=0.5),
            mt.RandGaussianSmoothd("image", sigma_x=blur, sigma_y=blur, sigma_z=blur, prob=0.15 * bool(a.blur)),
            mt.RandGaussianNoised("image", prob=0.3 * bool(a.noise), std=a.noise),
            mt.EnsureTyped(both, track_meta=False),
        ]
    )
