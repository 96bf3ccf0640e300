"""Params: frozen values that know their bounds, their unit and their help text.

One declaration feeds the form in napari, the flags of the command line, the recipe file and the reference
page. The help text is the docstring under a field.
"""

from __future__ import annotations

import tomllib
from typing import Any, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from napari_discern.errors import BadArgument


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
