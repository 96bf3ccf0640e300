"""Zoo: the models that ship with the package, and models by path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from napari_discern.errors import BadModel
from napari_discern.model import Card, Model, read_card

BUNDLED = Path(__file__).parent / "models"


def list_models() -> Iterator[tuple[str, Card]]:
    """Name and card of each bundled model; weights are not read."""
    for name, folder in _bundled().items():
        yield name, read_card(folder)


def locate_model(name: str) -> Path:
    """The folder of a bundled model or of a path.

    Raises
    ------
    BadModel
        If there is no bundled model of that name and no such folder.
    """
    bundled = _bundled()
    if name in bundled:
        return bundled[name]
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve()
    known = ", ".join(bundled) or "none is"
    raise BadModel(f"there is no model {name!r}: it is neither bundled ({known}) nor a folder that exists.")


def load_model(name: str, device: str = "auto") -> Model:
    """Load a bundled model by name, or any model by the path of its folder."""
    return Model.load(locate_model(name), device)


def _bundled() -> dict[str, Path]:
    """The folders of the bundled models by name."""
    return {folder.name: folder for folder in sorted(BUNDLED.glob("[!._]*")) if folder.is_dir()}
