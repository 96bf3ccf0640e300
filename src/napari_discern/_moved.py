"""Moved: modules that scripts of version 0.1 import by names that they had then."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType

PACKAGE = "napari_discern"
MOVED = {
    "architecture": "model.architecture",
    "checkpoint": "training.checkpoint",
    "device": "model.device",
    "exchange": "model.exchange",
    "fields": "params",
    "learning": "training.learning",
    "loop": "training.loop",
    "network": "model.network",
    "oracle": "evaluation.oracle",
    "pasting": "training.pasting",
    "pieces": "clustering.pieces",
    "proposals": "evaluation.proposals",
    "recipe": "segmentation.recipe",
    "sample": "training.crops",
    "survey": "training.auto",
    "tuning": "training.tuning",
    "zoo": "model.zoo",
}
"""Where each module is now, by its old name in the package."""


class _Moved(MetaPathFinder, Loader):
    """Gives the module of today for a name of then, the very same one."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if _today(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = import_module(_today(module.__name__))


def _today(name: str) -> str:
    """What a module, or one inside it, is called today; "" where it has not moved."""
    package, _, rest = name.partition(".")
    old, dot, inner = rest.partition(".")
    return f"{package}.{MOVED[old]}{dot}{inner}" if package == PACKAGE and old in MOVED else ""


def keep_old_names() -> None:
    """Let the old names be imported, as long as this process runs."""
    sys.meta_path.insert(0, _Moved())
