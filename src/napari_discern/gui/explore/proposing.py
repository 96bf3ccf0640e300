"""Proposing: the seeds that a model would pick in what was found, and for an object the masks to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from napari.layers import Labels, Points
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget
from superqt import QLabeledDoubleSlider, QLabeledSlider

from napari_discern.clustering import Proposals, Seeds, squared_radius
from napari_discern.errors import BadArgument
from napari_discern.gui.explore.known import Known
from napari_discern.gui.layers.overlays import Overlays
from napari_discern.gui.widgets.layout import stack, tick, tipped
from napari_discern.gui.widgets.message import Message
from napari_discern.gui.work.latest import Latest
from napari_discern.gui.work.shared import Shared

GOODNESS, PLACES, MASK = "seediness", "proposed seeds", "proposal"
"""Names of the layers."""
SMALL, LARGE = 0.1, 0.3
"""Size of the point of a seed of no confidence, and of one that is sure, as a share of the side of a mask."""
KEYS = {"Left": -1, "Right": 1}
REACHES = (1.0, 0.75, 0.5, 1.5)
"""Factors of a clustering's reach at which masks are offered, where the model does not say at which similarities."""


class Proposing(QWidget):
    """Seediness as a layer; seeds as points, the surer the larger; the masks over a pixel, one after another."""

    def __init__(self, shared: Shared, overlays: Overlays) -> None:
        super().__init__()
        self.shared, self.overlays = shared, overlays
        self.goodness = tick(
            "Good see&ds, by the model", "Bright where the model thinks that a pixel grows into a good mask.",
            self.refresh,
        )  # fmt: skip
        self.shown = tick(
            "Seeds that would be p&icked",
            "Where seeds would be picked; the surer, the larger. Click an object for its masks.", self.refresh,
        )  # fmt: skip
        self.number = tipped(QLabeledSlider(Qt.Orientation.Horizontal), "Seeds to pick, at most.")
        self.diversity = tipped(
            QLabeledDoubleSlider(Qt.Orientation.Horizontal),
            "Weight alpha of how unlike a seed is to those picked before, beside how good it is.",
        )
        self.diversity.setDecimals(2)
        for slider, ends, value in ((self.number, (1, 1000), 100), (self.diversity, (0, 1), Seeds().diversity)):
            slider.setRange(*ends)
            slider.setValue(value)
            slider.valueChanged.connect(self.refresh)
        self.message, self.live = Message(), Latest(self)
        self.live.failed.connect(self.message.blame)
        self.masks: Masks | None = None
        self._over: list[Choice] = []
        self._at: tuple[int, ...] = ()
        self._turn = 0
        self._bound: Any = None
        sliders = [("How many", self.number), ("How diverse", self.diversity)]
        stack(self, self.goodness, self.shown, sliders, self.message, bare=True)

    @property
    def chosen(self) -> np.ndarray | None:
        """The mask that is shown, bool (\\*S); None where there is none."""
        return self.masks.mask(self._over[self._turn]) if self.masks is not None and self._over else None

    def refresh(self) -> None:
        """Show for the last result what is switched on."""
        known = Known.of(self.shared)
        self.let_go()
        if known is None:
            return
        self._show_goodness(known)
        if not self.shown.isChecked():
            self.masks = None
            self.overlays.drop(PLACES)
            return
        embedded, cluster = known.first, known.recipe.cluster
        cluster = cluster if isinstance(cluster, Seeds) else Seeds.reaching(cluster.reach)
        step = cluster.model_copy(update={"proposals": self.number.value(), "diversity": self.diversity.value()})
        inside = embedded.foreground(known.recipe.foreground_threshold)
        taus = embedded.seeds.taus if embedded.seeds else [Seeds.reaching(step.reach * f).tau for f in REACHES]
        self.live.start(lambda: Masks.of(step.propose(embedded.embedding, inside, embedded.seeds), taus), self._show)

    def choose(self, place: tuple[int, ...]) -> bool:
        """Show the surest of the masks over a pixel, for the arrow keys to change; whether there is one."""
        if self.masks is None:
            return False
        self._over, self._at, self._turn = self.masks.over(place), place, 0
        if not self._over:
            self.let_go()
            self.message.say("No proposal lies there. Raise their number, or grow an object by a click.")
            return False
        result = self.shared.result
        if self._bound is None and result is not None:
            for key, step in KEYS.items():
                result.bind_key(key, lambda _, step=step: self.step(step), overwrite=True)
            self._bound = result
            self.overlays.viewer.layers.selection.active = result  # where the keys are heard
        self._draw()
        return True

    def step(self, by: int) -> None:
        """Show the next, or the last, of the masks over the pixel."""
        if self._over:
            self._turn = (self._turn + by) % len(self._over)
            self._draw()

    def keep(self) -> None:
        """Make the mask that is shown the object of the pixel that was clicked, or a new one where there is none."""
        edits, mask = self.shared.edits, self.chosen
        if mask is None or edits is None:
            return
        there = edits.planes.at(self._at)
        try:
            label = edits.reshape(there[0] if there else edits.planes.top + 1, np.nonzero(mask))
        except BadArgument as error:
            self.message.blame(error)
            return
        self.let_go()
        self.message.say(f"Object {label} is the proposal now. Undo (Z) in Segment takes it back.")

    def let_go(self) -> None:
        """Choose no longer."""
        for key in KEYS if self._bound is not None else ():
            self._bound.bind_key(key, None)
        self._bound, self._over = None, []
        self.overlays.drop(MASK)

    def release(self) -> None:
        """Let go of the viewer."""
        self.live.stop()
        self.let_go()

    def _show_goodness(self, known: Known) -> None:
        seeds = known.first.seeds
        if not self.goodness.isChecked():
            self.overlays.drop(GOODNESS)
        elif seeds is None:
            self.message.say("This model does not say which pixels are good seeds; train one that does (seeds).")
        else:
            best = seeds.chance[:, 1:].amax((0, 1)).float().cpu().numpy()
            self.overlays.put(GOODNESS, best, known.result, colormap="inferno", contrast_limits=(0, 1), opacity=0.7)

    def _show(self, masks: Masks) -> None:
        self.masks, result = masks, self.shared.result
        if result is None or result.data.shape != masks.shape:
            return
        size = masks.side * (SMALL + (LARGE - SMALL) * masks.confidence)
        self.overlays.put(PLACES, masks.places, result, Points, face_color="#ffffff").size = size
        self.message.say(f"{len(masks.places)} proposals. Click an object to look through those that lie there.")

    def _draw(self) -> None:
        mask, masks, result = self.chosen, self.masks, self.shared.result
        if mask is None or masks is None or result is None:
            return
        self.overlays.put(MASK, mask.astype(np.uint8), result, Labels)
        choice, of = self._over[self._turn], len(self._over)
        sure = f"confidence {masks.confidence[choice.seed]:.2f}, " if choice.tau == masks.tau[choice.seed] else ""
        self.message.say(
            f"Proposal {self._turn + 1} of {of}: similarity {choice.tau:.2f}, {sure}{int(mask.sum())} px. "
            "Left and right: others. Enter or Keep: take it."
        )


class Choice(NamedTuple):
    """The mask of a seed at a similarity."""

    seed: int
    tau: float


@dataclass(frozen=True, eq=False)
class Masks:
    """Proposals to look up by the pixel, at several similarities, of which but one mask at a time is whole.

    Attributes
    ----------
    shape : tuple of int
        Of the image.
    places : float array of shape (K, axes)
        The seeds.
    confidence, tau : float arrays of shape (K,)
        As of `Proposals`.
    taus : tuple of float
        The similarities at which masks are offered.
    proposal, pixel, apart : arrays of shape (M,)
        Every proposal with each pixel of its widest mask, as flat indices, and their squared distance.
    """

    shape: tuple[int, ...]
    places: np.ndarray
    confidence: np.ndarray
    tau: np.ndarray
    taus: tuple[float, ...]
    proposal: np.ndarray
    pixel: np.ndarray
    apart: np.ndarray

    @classmethod
    def of(cls, found: Proposals, taus: Sequence[float]) -> Masks:
        """Make proposals ready to be looked up."""
        confidence, tau = (values.double().cpu().numpy() for values in (found.confidence, found.tau))
        widest = replace(found, tau=found.tau.clamp_max(min(taus)))
        proposal, element, apart = (part.cpu().numpy() for part in widest.members)
        inside = found.elements.foreground.cpu().numpy()
        pixel = np.flatnonzero(inside)[element]
        return cls(inside.shape, found.places.astype(float), confidence, tau, tuple(taus), proposal, pixel, apart)

    @property
    def side(self) -> float:
        """Side of a square, or cube, as large as the median mask, in pixels."""
        own = self.proposal[self.apart <= np.log(2 / self.tau - 1)[self.proposal]]
        return float(np.median(np.bincount(own))) ** (1 / len(self.shape)) if len(own) else 1.0

    def over(self, place: tuple[int, ...]) -> list[Choice]:
        """The masks on a pixel, the surest first, then those at other similarities; of those that are the same, one."""
        here = np.ravel_multi_index(place, self.shape)
        seeds = sorted(self.proposal[self.pixel == here].tolist(), key=lambda k: -self.confidence[k])
        own = [Choice(k, float(self.tau[k])) for k in seeds]
        found: dict[bytes, Choice] = {}
        for choice in (*own, *(Choice(k, tau) for k in seeds for tau in self.taus)):
            pixels = np.sort(self._pixels(choice))
            if here in pixels:
                found.setdefault(pixels.tobytes(), choice)
        return list(found.values())

    def mask(self, choice: Choice) -> np.ndarray:
        """A mask, bool (\\*S)."""
        mask = np.zeros(self.shape, bool)
        mask.flat[self._pixels(choice)] = True
        return mask

    def _pixels(self, choice: Choice) -> np.ndarray:
        within = self.apart <= squared_radius(float(choice.tau))
        pixels: np.ndarray = self.pixel[within & (self.proposal == choice.seed)]
        return pixels
