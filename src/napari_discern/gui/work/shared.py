"""Shared: what the panels of one dock share: the models, the image that is looked at, and what was found last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_discern.gui.work.models import Models
from napari_discern.gui.work.session import Session

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

    from napari_discern.gui.layers.edits import ObjectEdits
    from napari_discern.gui.work.found import Found


class Shared(QObject):
    """Set by Segment, and looked at by the other panels.

    Attributes
    ----------
    session : Session
        Of the viewer, which outlives the dock.
    models : Models
    image : napari Image layer or None
        The one to look at.
    found : Found or None
        The last result.
    result : napari Labels layer or None
        Where it is shown.
    edits : ObjectEdits or None
        What a person does to its objects.

    Signals
    -------
    shown : nothing
        When a result was put on its layer.
    """

    shown = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session, self.models = session, Models()
        self.image: ImageLayer | None = None
        self.found: Found | None = None
        self.result: Labels | None = None
        self.edits: ObjectEdits | None = None
