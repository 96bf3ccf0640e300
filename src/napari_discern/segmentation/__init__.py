"""Segmentation: from images to their objects, by a recipe."""

from napari_discern.segmentation.many import Written, segment_all, segment_files
from napari_discern.segmentation.recipe import Recipe, check_weights, make_recipe, read_layer, recipe_for
from napari_discern.segmentation.results import MASKS, ResultFolder
from napari_discern.segmentation.single import (
    Measures,
    Patches,
    all_sizes,
    embed,
    find_in_patch,
    in_smaller_tiles,
    measure,
    segment,
    set_up,
)

__all__ = [
    "MASKS",
    "Measures",
    "Patches",
    "Recipe",
    "ResultFolder",
    "Written",
    "all_sizes",
    "check_weights",
    "embed",
    "find_in_patch",
    "in_smaller_tiles",
    "make_recipe",
    "measure",
    "read_layer",
    "recipe_for",
    "segment",
    "segment_all",
    "segment_files",
    "set_up",
]
