"""Zoo: the models that ship with the package, the user's own, and models by path."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from napari_discern.errors import BadModel
from napari_discern.model.card import Card, read_card
from napari_discern.model.model import Model

log = logging.getLogger(__name__)
BUNDLED = Path(__file__).parents[1] / "models"
PICTURE = "picture.png"
"""What a model found, in its folder: a picture to choose by."""
FIGURES = {"S_50": "S(0.5)", "S_mean": "mean S(0.5..0.9)", "DiC": "|DiC|", "mean_iou": "mean IoU"}
"""Scores of a card as people write them; others as they are."""
OWN = "NAPARI_DISCERN_MODELS"
"""Environment variable that names the folder of the user's own models; else it is `.napari-discern/models` at home."""


def list_models(broken: dict[str, str] | None = None) -> Iterator[tuple[str, Card]]:
    """Name and card of each bundled model, then of the user's own; weights are not read.

    Own models that cannot be read are passed over with a warning, or noted in `broken` where that is given.
    """
    for name, folder in _bundled().items():
        yield name, read_card(folder)
    for name, folder in _own().items():
        try:
            yield name, read_card(folder)
        except BadModel as error:
            if broken is None:
                log.warning("model %r is passed over: %s", name, error)
            else:
                broken[name] = f"Model {name!r} is passed over: {error}"


def own_models() -> Path:
    """The folder of the user's own models; it need not exist."""
    return Path(os.environ.get(OWN) or Path.home() / ".napari-discern" / "models")


def locate_model(name: str) -> Path:
    """The folder of a bundled model, of one of the user's own, or of a path.

    Raises
    ------
    BadModel
        If there is no model of that name and no such folder.
    """
    bundled = {**_own(), **_bundled()}
    if name in bundled:
        return bundled[name]
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve()
    known = ", ".join(bundled) or "none is"
    raise BadModel(f"there is no model {name!r}: it is not one of the list ({known}), nor a folder that exists.")


def picture_of(name: str) -> Path | None:
    """A picture of what a model found, if it has one."""
    file = locate_model(name) / PICTURE
    return file if file.is_file() else None


def facts_of(name: str, card: Card) -> list[str]:
    """What one chooses a model by, in few words each: what it looks at, scores, licence, size on disk."""
    a = card.architecture
    size = sum(file.stat().st_size for file in locate_model(name).iterdir()) / 1e6
    scores = [f"{FIGURES.get(what, what)} {value:.3f}" for what, value in card.scores.items()]
    licence = [card.licence] if card.licence else []
    looks = [f"{a.ndim}D", f"{a.channels} channel{'s'[: a.channels > 1]}", f"objects about {card.object_size:.0f} px"]
    return [*looks, *scores, *licence, f"{size:.1f} MB"]


def load_model(name: str, device: str = "auto") -> Model:
    """Load a bundled model by name, or any model by the path of its folder.

    Examples
    --------
    >>> model = load_model("nuclei", device="cpu")
    >>> model.card.architecture.ndim, model.card.architecture.channels
    (2, 1)
    """
    return Model.load(locate_model(name), device)


def _bundled() -> dict[str, Path]:
    """The folders of the bundled models by name."""
    return _folders(BUNDLED)


def _own() -> dict[str, Path]:
    """The folders of the user's own models by name, but for those that bear a bundled one's."""
    return {name: folder for name, folder in _folders(own_models()).items() if name not in _bundled()}


def _folders(where: Path) -> dict[str, Path]:
    return {folder.name: folder for folder in sorted(where.glob("[!._]*")) if folder.is_dir()}
