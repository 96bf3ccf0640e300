"""Layout: controls with their tips, and how they lie one below another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from qtpy.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible

W = TypeVar("W", bound=QWidget)
Part: TypeAlias = QWidget | tuple[QWidget, ...] | list[tuple[str, QWidget]]
"""A widget; widgets beside one another; or rows of a form, each with its label."""


def tipped(widget: W, tip: str) -> W:
    """The same widget, with a tip that shows under the pointer."""
    widget.setToolTip(tip)
    return widget


def button(text: str, tip: str, clicked: Callable[[], object] | None = None) -> QPushButton:
    """A button, and what it does."""
    made = tipped(QPushButton(text), tip)
    if clicked is not None:
        made.clicked.connect(clicked)
    return made


def tick(text: str, tip: str, toggled: Callable[[], object] | None = None) -> QCheckBox:
    """A box to tick, and what that does."""
    made = tipped(QCheckBox(text), tip)
    if toggled is not None:
        made.toggled.connect(toggled)
    return made


def fold(title: str, tip: str, content: QWidget) -> QCollapsible:
    """A part that is folded away at first."""
    made = tipped(QCollapsible(title), tip)
    made.addWidget(content)
    return made


def stack(owner: QWidget, *parts: Part, bare: bool = False) -> QVBoxLayout:
    """Lay out the parts of a widget from top to bottom; without margins where it is itself a part of another."""
    layout = QVBoxLayout(owner)
    if bare:
        layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        if isinstance(part, QWidget):
            layout.addWidget(part)
            continue
        inner = QFormLayout() if isinstance(part, list) else QHBoxLayout()
        for row in part:
            inner.addRow(*row) if isinstance(part, list) else inner.addWidget(row)
        layout.addLayout(inner)
    return layout
