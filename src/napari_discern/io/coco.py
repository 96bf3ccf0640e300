"""COCO JSON: objects as polygons or run lengths, also where they share pixels (Lin et al. 2014)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_discern.errors import BadArgument, BadFile
from napari_discern.instances import Instances

SHOWN = 5


def read(path: Path, image: str = "") -> Instances:
    """The objects of one image of the file; of the only one where none is named.

    Raises
    ------
    BadArgument
        If an annotation cannot be used: its index, its id and what is wrong are named, and nothing is used.
    """
    content = _load(path, path.stat().st_mtime_ns)
    entries = {str(entry["file_name"]): entry for entry in content["images"]}
    if image not in entries and (image or len(entries) != 1):
        some = ", ".join(list(entries)[:SHOWN])
        raise BadArgument(f"it describes {len(entries)} images ({some}); {image or 'none'!r} was asked for.")
    entry = entries[image] if image else next(iter(entries.values()))
    shape = (int(entry["height"]), int(entry["width"]))
    known, wrong, masks = {e["id"] for e in content["images"]}, [], []
    for index, annotation in enumerate(content["annotations"]):
        if annotation.get("image_id") not in known:
            wrong.append(f"annotations[{index}] is of image id {annotation.get('image_id')!r}, which is not there")
        elif annotation["image_id"] == entry["id"]:
            fault = _fault(annotation, shape)
            mask = None if fault else _mask(annotation["segmentation"], shape)
            if mask is not None and not mask.any():
                fault = "covers no pixel"
            if fault:
                wrong.append(f"annotations[{index}] (id {annotation.get('id')!r}) {fault}")
            elif mask is not None:
                masks.append(mask)
    if wrong:
        more = f", and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise BadArgument(f"{'; '.join(wrong[:SHOWN])}{more}. Mend or remove these; nothing was used.")
    return Instances.from_masks(np.array(masks, bool).reshape(-1, *shape))


def names(path: Path) -> list[str]:
    """The names of the images that the file describes.

    Raises
    ------
    BadFile
        If it is no COCO file.
    """
    return [str(entry["file_name"]) for entry in _load(path, path.stat().st_mtime_ns)["images"]]


def write(path: Path, instances: Instances, name: str = "") -> None:
    """One image of this name, an annotation an object, in the order of the ids, as run lengths: nothing is lost.

    Raises
    ------
    BadArgument
        If the objects are volumes, for which COCO has no place.
    """
    if len(instances.shape) != 2:
        raise BadArgument("COCO JSON has no place for volumes. Write masks (.npz) or planes (.planes.tif) instead.")
    from pycocotools import mask as rle

    height, width = instances.shape
    annotations = []
    for label, box, mask in instances.masks():
        whole = np.zeros((height, width), np.uint8, order="F")
        whole[box] = mask
        packed = rle.encode(whole)
        (y, x), (h, w) = (b.start for b in box), mask.shape
        annotations.append(
            {
                "id": label, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": int(mask.sum()),
                "bbox": [x, y, w, h],
                "segmentation": {"size": [height, width], "counts": packed["counts"].decode("ascii")},
            }
        )  # fmt: skip
    content = {
        "images": [{"id": 1, "file_name": name, "height": height, "width": width}],
        "categories": [{"id": 1, "name": "object"}],
        "annotations": annotations,
    }
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")


@lru_cache(maxsize=2)
def _load(path: Path, _: int) -> Mapping[str, Any]:
    """The content of a file; read once, as long as it is not changed."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        ids = [entry["id"] for entry in content["images"]]
        sizes = [(entry["file_name"], int(entry["height"]), int(entry["width"])) for entry in content["images"]]
        annotations = [annotation.get("segmentation") for annotation in content["annotations"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadFile(
            f"{path} is no COCO JSON file of objects ({type(error).__name__}: {error}). It needs images "
            "(id, file_name, height, width) and annotations (image_id, segmentation)."
        ) from error
    if len(set(ids)) < len(ids) or len({name for name, _, _ in sizes}) < len(sizes):
        raise BadFile(f"{path} names an image id or a file twice; {len(ids)} images, {len(annotations)} annotations.")
    found: Mapping[str, Any] = content
    return found


def _fault(annotation: Mapping[str, Any], shape: tuple[int, int]) -> str:
    """What is wrong with an annotation; "" where nothing is."""
    shapes = annotation.get("segmentation")
    if annotation.get("iscrowd"):
        return "is a crowd region, in which objects are not told apart"
    if isinstance(shapes, Mapping):
        size, counts = shapes.get("size"), shapes.get("counts")
        if size != list(shape):
            return f"has run lengths of size {size}, but its image is {list(shape)} (height, width)"
        if not isinstance(counts, str | list) or (isinstance(counts, list) and sum(counts) != shape[0] * shape[1]):
            return "has run lengths that do not add up to its image"
        return ""
    if not isinstance(shapes, list) or not shapes:
        return "has no segmentation"
    for polygon in shapes:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            return "has a polygon of fewer than three points"
        points = np.asarray(polygon, float).reshape(-1, 2)
        if not np.isfinite(points).all() or (points < -1).any() or (points > np.array(shape[::-1]) + 1).any():
            return f"has a polygon that goes outside its image of {shape[1]} x {shape[0]} pixels (width x height)"
    return ""


def _mask(shapes: Any, shape: tuple[int, int]) -> np.ndarray:
    from pycocotools import mask as rle

    height, width = shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its arrays do not know NumPy's word `copy` yet
        if isinstance(shapes, list):
            packed = rle.merge(rle.frPyObjects(shapes, height, width))
        elif isinstance(shapes["counts"], list):
            packed = rle.frPyObjects(shapes, height, width)
        else:
            packed = {"size": [height, width], "counts": shapes["counts"].encode("ascii")}
        mask: np.ndarray = rle.decode(packed).astype(bool)
    return mask
