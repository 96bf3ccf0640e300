"""Batch: what a run over many volumes is set to, beside the recipe."""

from __future__ import annotations

from pydantic import Field, field_validator

from napari_discern.params import Params


class Batch(Params):
    """How volumes are worked through: where, with how much memory, under which name the result is kept."""

    label_name: str = Field("objects", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """Name of the label image in the OME-Zarr, under labels/."""
    by_slice: bool = False
    """Look at each slice of a volume by itself, with a model made for 2D images."""
    workers: int = Field(1, ge=1)
    """Processes that share the work on this machine."""
    scheduler: str = ""
    """Address of a running Dask scheduler, such as tcp://host:8786, whose workers do the work."""
    memory: str = Field("", json_schema_extra={"unit": "bytes"})
    """Memory that all processes together may use, such as 8GB; tiles are made small enough. If empty, tiles are those
    of the recipe."""
    allow_gaps: bool = False
    """Finish also where tiles could not be done; they stay empty, and the report names them."""

    @field_validator("memory")
    @classmethod
    def _known_size(cls, value: str) -> str:
        if value:
            bytes_of(value)
        return value


def bytes_of(text: str) -> int:
    """The bytes that a text such as 8GB, 500 MB or 2GiB means.

    Raises
    ------
    ValueError
        If it means none.
    """
    from dask.utils import parse_bytes

    try:
        number = int(parse_bytes(text))
    except ValueError:
        number = 0
    if number <= 0:
        raise ValueError(f"{text!r} is no amount of memory; write it as 8GB, 500MB or 2GiB")
    return number
