"""Preferences: what is set once for all in napari's own settings, and what was chosen last."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_discern.errors import BadFile
from napari_discern.io.atomic import atomic
from napari_discern.model import zoo

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preferences:
    """What stands under Preferences > Discern.

    Attributes
    ----------
    device : str
        Where models run: auto, cpu, cuda, cuda:1.
    tile : int
        Side of a tile in pixels; 0 leaves it to the recipe.
    autosave : int
        Seconds between two checkpoints of a training.
    """

    device: str = "auto"
    tile: int = 0
    autosave: int = 60


def preferences() -> Preferences:
    """The preferences; the defaults where this napari has no settings of plugins."""
    try:
        from napari.settings import get_plugin_settings

        general = get_plugin_settings("napari-discern").general
        return Preferences(str(general.device), int(general.tile), max(1, int(general.autosave)))
    except (ImportError, KeyError, AttributeError, ValueError) as error:
        log.debug("no plugin settings here: %s", error)
        return Preferences()


def recall(kind: str) -> dict[str, Any]:
    """What was chosen last for images of a kind ("2D, one channel, bright on dark"); empty where nothing was."""
    found = _everything().get(kind)
    return found if isinstance(found, dict) else {}


def remember(kind: str, **choices: Any) -> None:
    """Keep what was chosen for images of a kind. Where it cannot be written it is not, and nothing else happens."""
    everything = {**_everything(), kind: {**recall(kind), **choices}}
    with suppress(BadFile), atomic(_file(), overwrite=True) as temporary:
        temporary.write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")


def _everything() -> dict[str, Any]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _file() -> Path:
    return zoo.own_models().parent / "remembered.json"
