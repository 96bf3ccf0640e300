"""Models: those that can be picked, and which one is."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_discern.gui.layers.look import Look
from napari_discern.model import Card, read_card, zoo


class Models(QObject):
    """The models that come along, one's own, and those picked from disk.

    Attributes
    ----------
    cards : dict of str to Card
        By the model's name; by the path of its folder where it was picked from disk.
    broken : dict of str to str
        What is wrong with those that cannot be offered.
    name : str
        Name or path of the one that is picked; "" where none is.

    Signals
    -------
    picked : name of the model
    listed : nothing
        When there may be others.
    """

    picked, listed = Signal(str), Signal()

    def __init__(self) -> None:
        super().__init__()
        self.broken: dict[str, str] = {}
        self.cards: dict[str, Card] = dict(zoo.list_models(self.broken))
        self.name = next(iter(self.cards), "")

    @property
    def card(self) -> Card | None:
        """The card of the one that is picked."""
        return self.cards.get(self.name)

    @property
    def title(self) -> str:
        """What the one that is picked is called."""
        return self.title_of(self.name) if self.name else ""

    def title_of(self, name: str) -> str:
        """What a model is called, with its folder's folder where it was picked from disk."""
        called = self.cards[name].name
        return called if Path(name).name == name else f"{called} ({Path(name).parent.name})"

    def add(self, path: Path) -> str:
        """Offer the model of a folder, and pick it; returns its name in the list.

        Raises
        ------
        BadModel
            If the folder holds no whole model.
        """
        self.cards[str(path)] = read_card(path)
        self.listed.emit()
        self.pick(str(path))
        return str(path)

    def pick(self, name: str | None) -> None:
        """Pick a model of the list; what is not in it is not picked."""
        if name is not None and name != self.name and name in self.cards:
            self.name = name
            self.picked.emit(name)

    def reload(self) -> None:
        """Look anew which models there are."""
        from_disk = {name: card for name, card in self.cards.items() if Path(name).is_absolute()}
        self.cards = {**dict(zoo.list_models(self.broken)), **from_disk}
        self.name = self.name if self.name in self.cards else next(iter(self.cards), "")
        self.listed.emit()

    def fitting(self, ndim: int, channels: int) -> list[str]:
        """The models made for such images."""
        return [n for n, c in self.cards.items() if (c.architecture.ndim, c.architecture.channels) == (ndim, channels)]

    def alike(self, look: Look) -> list[str]:
        """The models made for images that look so, and then those whose card does not say; the picked one first."""
        fitting = sorted(self.fitting(look.ndim, look.channels), key=lambda name: name != self.name)
        return [n for tone in (look.tone, None) for n in fitting if self.cards[n].tone == tone]
