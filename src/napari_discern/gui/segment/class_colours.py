"""Class colours: the objects of a result in the colour of their class, where a person wants to see that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QWidget

from napari_discern.gui.layers.labels import names_of_classes
from napari_discern.gui.layers.planes import Planes

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.colormaps import DirectLabelColormap

COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#bbbbbb")
"""Colours that people with any kind of colour vision tell apart (Okabe and Ito 2008), black but for grey."""
UNKNOWN = "#808080"
"""Colour of objects of which no class is known."""


class ClassColours(QWidget):
    """A box to tick, and which colour is which class; to be seen where a result has classes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tick, self.legend = QCheckBox("Colour b&y class"), QLabel(wordWrap=True)
        self.tick.setToolTip("Show objects in the colour of their class, rather than each in a colour of its own.")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tick)
        layout.addWidget(self.legend, 1)
        self.tick.toggled.connect(self.paint)
        self._layers: list[Labels] = []
        self._plain: list[Any] = []
        self._painted = False
        self.hide()

    def follow(self, front: Labels) -> None:
        """Colour this result and its further planes from now on; their colours of now are those without classes."""
        layers = Planes.of(front).layers
        if layers == self._layers:
            return  # their features have said what changed
        self.release()
        self._layers = layers
        self._plain = [layer.colormap for layer in self._layers]
        for layer in self._layers:
            layer.events.features.connect(self.paint)
        self.paint()

    def release(self) -> None:
        """Let go of the layers, which get their own colours again."""
        for layer, plain in zip(self._layers, self._plain, strict=True):
            layer.events.features.disconnect(self.paint)
            if self._painted:
                layer.colormap = plain
        self._layers, self._plain, self._painted = [], [], False

    def paint(self) -> None:
        """Give the layers the colours of the classes in their features, or their own."""
        named = names_of_classes(self._layers[0]) if self._layers else None
        names = sorted(set((named or {}).values()) - {""})
        self.setVisible(bool(names))
        wanted = self.tick.isChecked() and bool(names)
        for layer, plain in zip(self._layers, self._plain, strict=True):
            if wanted or self._painted:
                layer.colormap = colormap(named or {}, names) if wanted else plain
        self._painted = wanted
        squares = (f'<span style="color:{colour}">■</span> {name}' for name, colour in _colours(names).items())
        self.legend.setText("&nbsp; ".join(squares) if wanted else "")


def colormap(named: Mapping[int, str], names: Sequence[str]) -> DirectLabelColormap:
    """The colour of each id by its class; grey where that is unknown."""
    from napari.utils.colormaps import DirectLabelColormap

    colours = _colours(names)
    given: dict[int | None, str] = {label: colours[name] for label, name in named.items() if name}
    return DirectLabelColormap(color_dict={**given, None: UNKNOWN, 0: "transparent"})


def _colours(names: Sequence[str]) -> dict[str, str]:
    return {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(names)}
