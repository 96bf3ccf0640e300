"""Recipe: everything that turns an image into its objects, as one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field

from napari_discern.errors import BadArgument
from napari_discern.model import Card, Model, Precision, Settings


class Recipe(Settings):
    """How objects were found, or are to be: the model, its settings, and how the image is cut into tiles.

    Examples
    --------
    >>> recipe = Recipe(model="nuclei", tile=512)
    >>> Recipe.from_toml(recipe.to_toml()) == recipe
    True
    """

    model: str
    """Name of a bundled model, or path of a model folder."""
    weights_sha256: str = ""
    """SHA-256 of the weights the recipe was made with; other weights are refused. Empty takes any."""
    version: str = ""
    """Version of napari-discern that wrote the recipe."""
    object_size: Annotated[float, Field(gt=0)] | Literal["auto"] = Field("auto", json_schema_extra={"unit": "px"})
    """How large the objects are, along their longest side. Where that is not about the size that the model was trained
    on, which auto stands for, it looks at the image magnified or shrunk, so that they look alike to it."""
    tile: Annotated[int, Field(ge=8)] | Literal["auto"] = Field("auto", json_schema_extra={"unit": "px"})
    """Side of a tile without its halo; auto is 1024 in 2D and 96 in 3D, less where the image is magnified. With auto,
    `segment` looks at images of up to twice that whole, where the model sees blocks of pixels."""
    halo: Annotated[int, Field(ge=0)] | Literal["auto"] = Field("auto", json_schema_extra={"unit": "px"})
    """How far a tile looks beyond its border; auto is one and a half objects, at least 32 in 2D."""
    region: str = Field("", pattern=r"^(\d+:\d+(,\d+:\d+)*)?$", json_schema_extra={"unit": "px"})
    """Part of the image to look at, as first:end along each axis, y and x or z, y and x (100:612,0:512); empty is all.
    It is normalised as the whole image is."""
    device: str = "auto"
    """Where the network runs: auto, cpu, cuda, cuda:1."""
    precision: Precision = "auto"
    """Bits of the network's arithmetic; auto takes bfloat16 where the hardware is fast at it."""

    def with_least_size(self, card: Card) -> Self:
        """The same, leaving out objects as small as the model's settings say, in proportion to the size of all."""
        size = card.object_size if self.object_size == "auto" else self.object_size
        return self.model_copy(update={"min_size": card.least_size(size)})

    def box(self, shape: Sequence[int]) -> tuple[slice, ...]:
        """The region inside an image of that shape, a slice an axis.

        Raises
        ------
        BadArgument
            If the region has other axes than the image, is empty, or reaches beyond it.
        """
        if not self.region:
            return tuple(slice(0, n) for n in shape)
        parts = [slice(*map(int, part.split(":"))) for part in self.region.split(",")]
        if len(parts) != len(shape) or any(not 0 <= p.start < p.stop <= n for p, n in zip(parts, shape, strict=True)):
            raise BadArgument(
                f"region {self.region!r} does not lie in an image of {' x '.join(map(str, shape))} pixels; give "
                "first:end for each axis, the end being one more than the last pixel."
            )
        return tuple(parts)

    def cut(self, card: Card) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Size of a tile's core and halo along each axis of the model, in pixels.

        Along coarser axes the halo is as much narrower. It is a pixel at least, which stitching needs, and half
        a core at most.
        """
        ndim = card.architecture.ndim
        size = card.object_size if self.object_size == "auto" else self.object_size
        shown = min(1.0, max(0.25, size / card.object_size))  # where the image is magnified, as much in fewer pixels
        tile = self.tile if self.tile != "auto" else round({2: 1024, 3: 96}[ndim] * shown)
        halo = self.halo if self.halo != "auto" else max({2: 32, 3: 8}[ndim], round(1.5 * size))
        spacing = card.architecture.spacing or (1.0,) * ndim
        return (tile,) * ndim, tuple(max(1, min(round(halo * min(spacing) / s), tile // 2)) for s in spacing)

    def in_one_tile(self, card: Card, shape: Sequence[int]) -> bool:
        """Whether a region fits in a tile with its halo."""
        return all(n <= t + 2 * h for n, t, h in zip(shape, *self.cut(card), strict=True))

    def whole(self, card: Card, shape: Sequence[int]) -> bool:
        """Whether a region is looked at in one piece, without seams.

        It is if it fits in a tile with its halo; in 2D, where nothing is said of tiles, also if it fits in two tiles a
        side and the network sees blocks of pixels, so that this takes no more memory than a tile of one that does not.
        """
        in_blocks = self.tile == "auto" and len(shape) == 2 and card.architecture.stride > 1
        return self.in_one_tile(card, shape) or (in_blocks and max(shape) <= 2 * self.cut(card)[0][0])


def check_weights(pinned: str, card: Card) -> None:
    """Refuse a model with other weights than those that a recipe pins; "" pins none.

    Raises
    ------
    BadArgument
        If they differ.
    """
    if pinned not in ("", card.weights_sha256):
        raise BadArgument(
            f"the recipe was made with other weights than those of model {card.name!r}; the labels would differ. "
            "Load the model that it was made with, or empty its weights_sha256."
        )


def recipe_for(model: Model, name: str, **changes: object) -> Recipe:
    """The recipe of a model's own settings, with its weights pinned; `changes` replace single fields."""
    from napari_discern import __version__

    pinned = {
        "model": name,
        "weights_sha256": model.card.weights_sha256,
        "version": __version__,
        "precision": model.precision,
    }
    recipe = Recipe.from_dict({**model.card.settings.model_dump(), **pinned, **changes}, "the recipe")
    return recipe if "min_size" in changes else recipe.with_least_size(model.card)
