"""Fields: the parameters of a `Params` class one by one, for whoever makes flags or a form of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from napari_discern.params import Params

Values = Mapping[str, Any]
BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most", "multiple_of": "a multiple of"}


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
        Its value where nothing is said; `PydanticUndefined` if it must be given.
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


def leaves(params: type[Params], at: Params | None = None, family: Leaf | None = None) -> Iterator[Leaf]:
    """Every leaf of a Params class; of a family those of all members.

    `at` holds the values to name as defaults, `family` stands for the field that `params` is a member of.
    """
    for name, field in params.model_fields.items():
        is_kind = family is not None and name == "kind"
        value = getattr(at, name, "" if is_kind else field.default)
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
