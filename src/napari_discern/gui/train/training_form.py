"""How a model is to learn: from which one it starts, for how long, and what else a training is set to."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_discern.errors import BadArgument
from napari_discern.gui.train.lesson import words_of_classes
from napari_discern.gui.train.lesson_list import LessonList
from napari_discern.gui.widgets.choices import NarrowBox
from napari_discern.gui.widgets.form import Form
from napari_discern.gui.work.models import Models
from napari_discern.model import Architecture, Card
from napari_discern.training import Labelled, Training, crop_size, fitted_card, object_size, stride_for

MINUTES = (2, 5, 15, 30)
SEEN = 5
"""Images whose objects are measured to say what the settings will be."""
SCRATCH = "Nothing: from scratch"
ELSEWHERE = ("minutes", "steps", "unlabelled", "settings")
"""Fields of a training that have a place of their own in the panel, or none."""


class TrainingForm(QWidget):
    """The model to start from, the time, and a fold of options, which lies elsewhere in the panel.

    Signals
    -------
    changed : nothing
        When another model to start from is picked.
    """

    changed = Signal()

    def __init__(self, models: Models) -> None:
        super().__init__()
        self.models = models
        self.base, self.time = NarrowBox(), QComboBox()
        self.time.addItems([f"{m} minutes" for m in MINUTES])
        self.form: Form[Training] = Form(Training, skip=ELSEWHERE)
        self.form.show(Training())
        self.fold, self.reasons = QCollapsible("Options"), QLabel(wordWrap=True)
        self.fold.addWidget(self.form.widget.native)
        self._followed: str | None = ""
        how, layout = QFormLayout(), QVBoxLayout(self)
        how.addRow("Start &from", self.base)
        how.addRow("Ti&me", self.time)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(how)
        layout.addWidget(self.reasons)
        self._explain()
        self.fill_bases()
        models.picked.connect(lambda _: self.fill_bases())
        self.base.currentIndexChanged.connect(lambda _: self.changed.emit())

    @property
    def base_name(self) -> str | None:
        """Name of the model to start from; None for none."""
        name: str | None = self.base.currentData()
        return name

    def card(self) -> Card | None:
        """The card of the model to start from."""
        return self.models.cards.get(self.base_name or "")

    def training(self, dense: bool) -> Training:
        """What is set; with `dense`, every pixel without a label is background."""
        wanted = {"minutes": MINUTES[self.time.currentIndex()], "steps": None}
        unlabelled = ("unknown", "background")[dense]
        return Training.from_dict({**self.form.read().model_dump(), **wanted, "unlabelled": unlabelled}, "the panel")

    def refuse_shared_pixels(self, lessons: LessonList) -> None:
        """Say that a model of one object a pixel cannot be taught two."""
        card = self.card()
        if card is not None and card.architecture.layers == 1 and any(lesson.shared for lesson in lessons.lessons):
            raise BadArgument(
                f"in these lessons objects share pixels, which {card.name!r} cannot learn: it knows one a pixel. "
                f"Start from a model of such objects, or choose {SCRATCH!r}."
            )

    def use(self, name: str) -> None:
        """Pick a model in Segment; a further training starts from the same one unless another was chosen here."""
        self._followed = "" if self.base_name else None
        self.models.reload()
        self.models.pick(name)
        self.fill_bases()

    def fill_bases(self) -> None:
        """Offer all models; the one to start from is that of Segment, until another is picked here."""
        before, own = self.base_name, self.base.count() and self.base_name != self._followed
        self._followed = self.models.name
        self.base.clear()
        for name, card in self.models.cards.items():
            self.base.addItem(card.name, name)
        self.base.addItem(SCRATCH, None)
        if own and before is None:
            self.base.setCurrentIndex(self.base.count() - 1)
        else:
            self.base.setCurrentIndex(max(0, self.base.findData(before if own else self.models.name)))

    def give_reasons(self, data: Labelled, validation: Labelled) -> None:
        """Say what the settings left at "auto" will be, and why."""
        if not data:
            self.reasons.setText("")
            return
        card, truths, asked = self.card(), [truth for _, truth in data[:SEEN]], self.form.read()
        size, stride = object_size(truths), stride_for(truths) if asked.stride == "auto" else asked.stride
        made = (
            fitted_card(card, truths).architecture
            if card
            else Architecture(ndim=len(data[0][0].spatial_axes), stride=stride)
        )
        crop = crop_size(asked, Card(architecture=made, object_size=size), [i.spatial_shape for i, _ in data])
        aside = f", {len(validation)} to check on" if validation else ""
        self.reasons.setText(
            f"{len(data)} to learn from{aside}. Objects about {size:.0f} px across: crops of "
            f"{' x '.join(map(str, crop))} px, seen in blocks of {made.stride}."
            f"{words_of_classes([*data, *validation], card)}"
        )

    def _explain(self) -> None:
        self.base.setToolTip("The model to start from. The nearer it is to your images, the less it has to learn.")
        self.time.setToolTip("How long to train. It can be stopped at any time; the best so far is kept.")
        self.fold.setToolTip(
            "Loss, network, crops and what else a training is set to; the defaults do for most images."
        )
