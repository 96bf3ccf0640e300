"""Images and objects in and out of files; the suffix tells the format."""

from napari_discern.io.atomic import BEGUN, atomic, refuse_existing, refuse_foreign, remove_ours, strangers, write_text
from napari_discern.io.folders import Pair, list_images, list_labels, match, pair
from napari_discern.io.formats import (
    FORMATS,
    Format,
    read,
    read_instances,
    stem,
    write_features,
    write_image,
    write_labels,
    write_masks,
)
from napari_discern.io.omezarr import is_zarr
from napari_discern.io.reading import is_remote, located

__all__ = [
    "BEGUN",
    "FORMATS",
    "Format",
    "Pair",
    "atomic",
    "is_remote",
    "is_zarr",
    "list_images",
    "list_labels",
    "located",
    "match",
    "pair",
    "read",
    "read_instances",
    "refuse_existing",
    "refuse_foreign",
    "remove_ours",
    "stem",
    "strangers",
    "write_features",
    "write_image",
    "write_labels",
    "write_masks",
    "write_text",
]
