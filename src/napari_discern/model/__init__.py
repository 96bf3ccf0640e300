"""Model: what a network is made of, the card that says what it is, and where models are found."""

from napari_discern.instances import drop_small
from napari_discern.model import zoo
from napari_discern.model.architecture import Architecture
from napari_discern.model.card import CARD, Card, Settings, Tone, read_card
from napari_discern.model.device import Precision, enough_memory, find_device, pick_precision
from napari_discern.model.model import MODEL_FILES, WEIGHTS, Model
from napari_discern.model.objects import Embedded, as_layers, clustered, find_objects, tidied
from napari_discern.model.zoo import list_models, load_model, locate_model

__all__ = [
    "CARD",
    "MODEL_FILES",
    "WEIGHTS",
    "Architecture",
    "Card",
    "Embedded",
    "Model",
    "Precision",
    "Settings",
    "Tone",
    "as_layers",
    "clustered",
    "drop_small",
    "enough_memory",
    "find_device",
    "find_objects",
    "list_models",
    "load_model",
    "locate_model",
    "pick_precision",
    "read_card",
    "tidied",
    "zoo",
]
