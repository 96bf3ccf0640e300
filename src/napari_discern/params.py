"""Params: frozen values that know their bounds, their unit and their help text.

One declaration feeds the form in napari, the flags of the command line, the recipe file and the reference
page. The help text is the docstring under a field.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from types import UnionType
from typing import Annotated, Any, Literal, Self, TypeAlias, Union, get_args, get_origin

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from napari_discern.errors import BadArgument

Values: TypeAlias = Mapping[str, Any]
Layer: TypeAlias = tuple[str, Values]
"""Values, nested as the parameters are, after what stands before a field's name where an error blames them: "--" makes
--tile of it, "recipe.toml, " makes recipe.toml, tile."""
BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most", "multiple_of": "a multiple of"}


class Params(BaseModel):
    """Base of all parameter objects: frozen, no unknown names, finite numbers only."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        validate_default=True,
    )

    def to_toml(self) -> str:
        """The parameters as TOML text; fields that are None are left out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_toml(cls, text: str, where: str = "the text given") -> Self:
        """Read parameters from TOML text.

        Raises
        ------
        BadArgument
            If the text is no TOML, or a name or value does not fit; `where` names its origin.
        """
        try:
            return cls.from_dict(tomllib.loads(text), where)
        except tomllib.TOMLDecodeError as error:
            raise BadArgument(f"{where} is not valid TOML: {error}. Mend that line and try again.") from error

    @classmethod
    def from_dict(cls, values: object, where: str = "the values given") -> Self:
        """Build from plain values (numbers, strings, dicts), with errors that name the field.

        Raises
        ------
        BadArgument
            If it is no dict, as may be of a file, a name is unknown or a value does not fit.
        """
        if not isinstance(values, Mapping):
            raise BadArgument(f"{where} holds {values!r:.60} in place of the names and values of a {cls.__name__}.")
        return cls.from_layers((f"{where}, {cls.__name__}.", values))

    @classmethod
    def from_layers(cls, *layers: Layer) -> Self:
        """Lay values over one another, the strongest last, and validate the result once.

        Raises
        ------
        BadArgument
            If a name is unknown or a value does not fit; where it came from is named.
        """
        values = reduce(merge, (layer for _, layer in layers))
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise BadArgument(_explain(error, cls.__name__, values, layers)) from error


@dataclass(frozen=True)
class Leaf:
    """A field that holds no further parameters.

    Attributes
    ----------
    path : tuple of str
        The names on the way to it; joined by dots they are the flag.
    field : FieldInfo
        Its type, bounds and description.
    default : any
        Its value where nothing is said; "" if it must be given.
    about : str
        What it is; of a `kind`, what the family is.
    member : str
        The kind of the family's member that it belongs to; "" where there is one member only.
    """

    path: tuple[str, ...]
    field: FieldInfo
    default: Any
    about: str
    member: str = ""

    @property
    def types(self) -> list[Any]:
        """The types it may have, None and each `Literal` among them."""
        return _alternatives(self.field.annotation)

    @property
    def choices(self) -> dict[str, Any]:
        """The values of its literals, by how they are typed in."""
        return {str(v): v for kind in self.types if get_origin(kind) is Literal for v in get_args(kind)}

    @property
    def unit(self) -> str:
        """Its unit; "" where it has none."""
        extra = self.field.json_schema_extra
        return str(extra.get("unit", "")) if isinstance(extra, dict) else ""

    @property
    def bounds(self) -> dict[str, float]:
        """What its value must be, by the keys of `BOUNDS`."""
        marks = [*self.field.metadata, *_marks(self.field.annotation)]
        return {key: getattr(mark, key) for mark in marks for key in BOUNDS if hasattr(mark, key)}

    @property
    def facts(self) -> list[str]:
        """Its unit and its bounds in words."""
        unit = [f"in {self.unit}"] if self.unit else []
        return [*unit, *(f"{BOUNDS[key]} {value:g}" for key, value in self.bounds.items())]


def leaves(params: type[Params], at: Params | None = None, family: Leaf | None = None) -> Iterator[Leaf]:
    """Every leaf of a Params class; of a family those of all members.

    Parameters
    ----------
    params : subclass of Params
        Whose fields are walked.
    at : Params, optional
        Holds the values to name as defaults.
    family : Leaf, optional
        Stands for the field that `params` is a member of.
    """
    for name, field in params.model_fields.items():
        is_kind = family is not None and name == "kind"
        value = getattr(at, name, "" if is_kind or field.is_required() else field.default)
        about = family.about if family and is_kind else field.description or ""
        path = (*family.path, name) if family else (name,)
        nested = [t for t in _alternatives(field.annotation) if isinstance(t, type) and issubclass(t, Params)]
        leaf = Leaf(path, field, value, about, family.member if family else "")
        if not nested:
            yield leaf
        for each in nested:
            member = str(each.model_fields["kind"].default) if len(nested) > 1 else ""
            yield from leaves(each, value if type(value) is each else None, replace(leaf, member=member))


def merge(low: Values, high: Values) -> dict[str, Any]:
    """`high` over `low`, deeply. Where it changes a `kind`, the values of the kind before are dropped."""
    if "kind" in high and high["kind"] != low.get("kind", high["kind"]):
        return dict(high)
    both = {k: merge(low[k], v) for k, v in high.items() if isinstance(v, Mapping) and isinstance(low.get(k), Mapping)}
    return {**low, **high, **both}


def _alternatives(annotation: Any) -> list[Any]:
    """The types that an annotation allows, unions taken apart."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return [kind for arg in args for kind in _alternatives(arg)]
    return _alternatives(args[0]) if origin is Annotated else [annotation]


def _marks(annotation: Any) -> Iterator[Any]:
    """What stands beside the types inside an annotation: bounds."""
    for arg in get_args(annotation):
        yield from arg.metadata if isinstance(arg, FieldInfo) else _marks(arg)


def _explain(error: ValidationError, what: str, values: Values, layers: Sequence[Layer]) -> str:
    """The errors in plain words, one line for each field."""
    lines: dict[str, list[str]] = {}
    for item in error.errors():
        path = _path(item["loc"], values)
        got = "" if isinstance(item["input"], Mapping) else f" (got {item['input']!r:.60})"
        message = item["msg"].removeprefix("Value error, ") + got
        origin = _origin(path, layers)
        lines.setdefault(f"{origin}{'.'.join(path)}" if path else origin.rstrip("-., ") or what, []).append(message)
    return "\n".join(f"{where}: {' | '.join(messages)}" for where, messages in lines.items())


def _path(location: tuple[int | str, ...], values: Any) -> list[str]:
    """The names in a location of pydantic's, without the kinds and types that it puts between them."""
    path: list[str] = []
    for part in location:
        if part in values if isinstance(values, Mapping) else isinstance(values, list) and isinstance(part, int):
            path.append(str(part))
            values = values[part]
    return path or [str(part) for part in location]


def _origin(path: list[str], layers: Sequence[Layer]) -> str:
    """What stands before the name of the value at `path`: of the strongest layer that has it, or of the only one."""
    for where, values in reversed(layers):
        place: Any = values if path else None
        for part in path:
            place = place.get(part) if isinstance(place, Mapping) else place
        if place is not None:
            return where
    return layers[0][0] if len(layers) == 1 else ""
