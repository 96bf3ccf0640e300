"""Segmentation: from images to their objects, by a recipe."""

from napari_discern.segmentation.one import (
    Measures,
    Patches,
    all_sizes,
    embed,
    find_in_patch,
    measure,
    segment,
    set_up,
)
from napari_discern.segmentation.recipe import Recipe, check_weights, recipe_for

__all__ = [
    "Measures",
    "Patches",
    "Recipe",
    "all_sizes",
    "check_weights",
    "embed",
    "find_in_patch",
    "measure",
    "recipe_for",
    "segment",
    "set_up",
]
