"""Replay: what was found in the viewer, as text that finds the same objects outside it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtWidgets import QApplication, QWidget

from napari_discern.errors import BadArgument
from napari_discern.gui.widgets.layout import button, stack
from napari_discern.gui.widgets.message import Message
from napari_discern.gui.work.found import Found
from napari_discern.gui.work.shared import Shared
from napari_discern.segmentation import Recipe

UNSAID = ("weights_sha256", "version")
"""Fields of a recipe that are no flags."""


class CopyButtons(QWidget):
    """Two buttons that put the last result on the clipboard, as text."""

    def __init__(self, shared: Shared, message: Message) -> None:
        super().__init__()
        self.shared, self.message = shared, message
        self.command = button(
            "Copy as &command", "A line for the shell that finds the same objects in the image's file."
        )
        self.python = button("Copy as P&ython", "A few lines of Python that find the same objects.")
        self.command.clicked.connect(lambda: self._copy(to_command))
        self.python.clicked.connect(lambda: self._copy(to_python))
        stack(self, (self.command, self.python), bare=True)

    def _copy(self, write: Callable[[Found], str]) -> None:
        try:
            if self.shared.found is None:
                raise BadArgument("nothing has been found yet. Press Find objects first.")
            QApplication.clipboard().setText(write(self.shared.found))
            self.message.say("Copied.")
        except ValueError as error:
            self.message.blame(error)


def to_command(found: Found) -> str:
    """The line for the shell.

    Raises
    ------
    BadArgument
        If the image does not come from a file.
    """
    layer = found.wish.source.layer
    if found.wish.source.together:
        raise BadArgument("its channels come from several layers; save them as one file, and find its objects anew.")
    if layer.source.path is None:
        raise BadArgument(
            f"layer {layer.name!r} does not come from a file. Save it (File > Save Selected Layers), open the file, "
            "and find its objects anew."
        )
    words = ["napari-discern", "segment", str(layer.source.path), "--out", "results", *_flags(found.recipe)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def to_python(found: Found) -> str:
    """The lines of Python."""
    path = None if found.wish.source.together else found.wish.source.layer.source.path
    return "\n".join(
        [
            "from napari_discern import Recipe, load_model, read, run, segment",
            "",
            f"recipe = Recipe.from_toml('''\n{found.recipe.to_toml()}''')",
            f"image = read({path!r})" if path else "image = Image(array, axes)  # the pixels of the layer",
            "model = load_model(recipe.model, recipe.device)",
            "objects = run(segment(image, model, recipe))",
        ]
    )


def _flags(recipe: Recipe) -> list[str]:
    words: list[str] = []

    def walk(values: Mapping[str, Any], path: str) -> None:
        for name, value in values.items():
            if isinstance(value, Mapping):
                walk(value, f"{path}{name}.")
            elif value not in ("", None) and name not in UNSAID:
                words.extend((f"--{path}{name}", str(value)))

    walk(recipe.model_dump(mode="json"), "")
    return words
