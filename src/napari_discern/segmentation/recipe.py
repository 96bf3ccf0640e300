"""Recipe: everything that turns an image into its objects, as one file."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from napari_discern.errors import BadArgument, BadFile, BadModel
from napari_discern.model import Card, Model, Precision, Settings, read_card, zoo
from napari_discern.params import Layer

log = logging.getLogger(__name__)
SMALLEST_TILE = {2: 64, 3: 24}
"""Pixels along each axis, by the dimensions of the model: where memory runs out tiles are halved, but not below."""


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

    def smaller(self, card: Card) -> Iterator[Self]:
        """The same with tiles half as large, again and again, for where memory runs out."""
        side = max(self.cut(card)[0]) // 2
        while side >= SMALLEST_TILE[card.architecture.ndim]:
            yield self.model_copy(update={"tile": side})
            side //= 2

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


def make_recipe(*layers: Layer, card: Card | None = None) -> Recipe:
    """The recipe of a model's own settings with wishes laid over them, the strongest last; the one place they are made.

    Weights and version are pinned. A bundled model is named by its name, others by the path of their folder, so that
    they are found from anywhere. Where no least size is wished for, it is in proportion to the size of the objects.

    Parameters
    ----------
    layers : (str, mapping)
        What stands before a field's name in an error ("--", "recipe.toml, "), and values by their names, nested as in a
        recipe; see `read_layer`. One of them names the model.
    card : Card, optional
        The card of that model, where it is at hand.

    Raises
    ------
    BadArgument
        If no model is named, a value does not fit, or a layer pins other weights; where it came from is said.
    BadModel
        If there is no such model.
    """
    from napari_discern import __version__

    wished = {name: value for _, values in layers for name, value in values.items()}
    model = wished.get("model")
    if not isinstance(model, str):
        raise BadArgument("no model is named: give --model NAME_OR_PATH, or a recipe that names one.")
    card = card or read_card(zoo.locate_model(model))
    for where, values in layers:
        who = where.rstrip(", ") or "the recipe"
        check_weights(values.get("weights_sha256", ""), card, who)
        if values.get("version", __version__) != __version__:
            log.warning(
                "%s was made by version %s, this is %s; labels may differ.", who, values["version"], __version__
            )
    made = {"model": _lasting_name(model), "weights_sha256": card.weights_sha256, "version": __version__}
    own = f"the card of {model}, ", card.settings.model_dump()
    recipe = Recipe.from_layers(own, *layers, ("the model, ", made))
    return recipe if "min_size" in wished else recipe.with_least_size(card)


def recipe_for(model: Model, name: str, **changes: object) -> Recipe:
    """The recipe of a model's own settings, with its weights pinned; `changes` replace single fields.

    Parameters
    ----------
    model : Model
        Whose settings and weights.
    name : str
        By which the model is found.
    **changes
        Values of single fields.
    """
    return make_recipe(("", {"precision": model.precision, **changes, "model": name}), card=model.card)


def read_layer(file: Path) -> Layer:
    """What a recipe file says, as a layer for `make_recipe`.

    Raises
    ------
    BadFile
        If it cannot be read, or is no TOML.
    """
    try:
        values: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadFile(f"{file} cannot be read ({error.strerror}). Give the recipe.toml of a result folder.") from error
    except ValueError as error:
        raise BadFile(f"{file} is not valid TOML: {error}. Mend that line, or copy the recipe anew.") from error
    return f"{file}, ", values


def check_weights(pinned: str, card: Card, where: str = "the recipe") -> None:
    """Refuse a model with other weights than those that a recipe pins; "" pins none.

    Parameters
    ----------
    pinned : str
        SHA-256 of weights, hexadecimal.
    card : Card
        Of the model.
    where : str
        What the recipe is called in the error.

    Raises
    ------
    BadArgument
        If they differ.
    """
    if pinned not in ("", card.weights_sha256):
        raise BadArgument(
            f"{where} was made with other weights than those of model {card.name!r}; the labels would differ. "
            "Find the model that it was made with, or take the line weights_sha256 out of the recipe to use this one."
        )


def _lasting_name(model: str) -> str:
    """What a recipe calls a model: a bundled one by its name, others by their path; one in memory as it is called."""
    try:
        folder = zoo.locate_model(model).resolve()
    except BadModel:
        return model
    return folder.name if folder.parent == zoo.BUNDLED.resolve() else str(folder)
