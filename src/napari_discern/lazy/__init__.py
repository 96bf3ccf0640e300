"""Lazy modules: heavy packages are imported when they are first used, so that forms and `--help` come at once."""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """Stands for a module until one of its attributes is asked for.

    Unlike `lazy_loader.load` it leaves no placeholder in `sys.modules`, where pydantic, which looks for the
    docstrings under fields, would wake it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: Any = None

    def __getattr__(self, attribute: str) -> Any:
        if self._module is None:
            self._module = importlib.import_module(self._name)
        return getattr(self._module, attribute)
