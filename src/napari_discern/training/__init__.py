"""Training: from labelled images to a model."""

from napari_discern.evaluation import Labelled
from napari_discern.training.auto import fitted_card, object_size, stride_for
from napari_discern.training.autosave import LEARNT, Autosave, SavedTraining
from napari_discern.training.best import BEST, LAST
from napari_discern.training.crops import Augmentation, Example, Sampler
from napari_discern.training.labelled import set_aside
from napari_discern.training.learning import train
from napari_discern.training.loop import Loop, crop_size
from napari_discern.training.parameters import METHODS, Training
from napari_discern.training.tuning import choose, mean_score

__all__ = [
    "BEST",
    "LAST",
    "LEARNT",
    "METHODS",
    "Augmentation",
    "Autosave",
    "Example",
    "Labelled",
    "Loop",
    "Sampler",
    "SavedTraining",
    "Training",
    "choose",
    "crop_size",
    "fitted_card",
    "mean_score",
    "object_size",
    "set_aside",
    "stride_for",
    "train",
]
