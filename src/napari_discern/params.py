"""Params: frozen values that know their bounds, their unit and their help text.

One declaration feeds the form in napari, the flags of the command line, the recipe file and the reference
page. The help text is the docstring under a field.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from napari_discern.errors import BadArgument

Values = Mapping[str, Any]
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
    def from_dict(cls, values: dict[str, Any], where: str = "the values given") -> Self:
        """Build from plain values (numbers, strings, dicts), with errors that name the field.

        Raises
        ------
        BadArgument
            If a name is unknown or a value does not fit.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise BadArgument(explain(error, cls.__name__, where)) from error


def explain(error: ValidationError, what: str, where: str) -> str:
    """A validation error in plain words, one line a field."""
    lines = [
        f"  {'.'.join(str(part) for part in item['loc']) or what}: {item['msg']} (got {item['input']!r:.60})"
        for item in error.errors()
    ]
    return f"{where} does not describe a valid {what}:\n" + "\n".join(lines)


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

    `at` holds the values to name as defaults, `family` stands for the field that `params` is a member of.
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
