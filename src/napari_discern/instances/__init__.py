"""Instances: the objects of one image, also where they share pixels."""

from __future__ import annotations

from napari_discern.instances.classes import CHANCE, CONFIDENCE, class_names, painted_classes, settle_classes
from napari_discern.instances.instances import CLASS, UNKNOWN, Instances, stack_objects
from napari_discern.instances.planes import drop_small, once_a_pixel
from napari_discern.instances.sharing import Labels, colour, count_pairs, names_of_partners, partners
from napari_discern.instances.table import count_pixels, object_sums, object_table

__all__ = [
    "CHANCE",
    "CLASS",
    "CONFIDENCE",
    "UNKNOWN",
    "Instances",
    "Labels",
    "class_names",
    "colour",
    "count_pairs",
    "count_pixels",
    "drop_small",
    "names_of_partners",
    "object_sums",
    "object_table",
    "once_a_pixel",
    "painted_classes",
    "partners",
    "settle_classes",
    "stack_objects",
]
