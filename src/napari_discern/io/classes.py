"""Classes: the semantic class of each object, from a table or a class map beside its labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_discern.errors import BadFile
from napari_discern.image import Image
from napari_discern.instances import CLASS, Instances, painted_classes
from napari_discern.io.reading import reading

MAP = ".classes"
"""What the stem of a class map ends in."""


def give(instances: Instances, table: Path) -> Instances:
    """The same objects with the classes of a CSV file; without, if it has no columns `label` and `class`.

    Parameters
    ----------
    instances : Instances
        Numbered in the order of the ids that the file names.
    table : Path
        A row an object; an empty class is an unknown one.

    Raises
    ------
    BadFile
        If it cannot be read, or has not one row for each object.
    """
    import pandas as pd

    with reading(table):
        rows = pd.read_csv(table, dtype={CLASS: str}, keep_default_na=False)
    if not {"label", CLASS} <= set(rows.columns):
        return instances
    if len(rows) != instances.n or rows["label"].nunique() != len(rows):
        raise BadFile(
            f"{table} has {len(rows)} rows for {instances.n} objects. Give each object one row with its label and its "
            "class, which may be empty; or remove the column class."
        )
    classes = rows.sort_values("label")[CLASS].str.strip().to_numpy(dtype=str)
    return replace(instances, measures={**instances.measures, CLASS: classes})


def paint(instances: Instances, kinds: Image, file: Path) -> Instances:
    """The same objects with the classes of a class map: its number under most of their pixels; unknown where it is 0.

    Raises
    ------
    BadFile
        If it has another shape, or holds no whole numbers, or the objects have classes already.
    """
    values = kinds.read()[0]
    if kinds.channels > 1 or values.dtype.kind not in "iu":
        raise BadFile(f"{file} holds no whole number for each pixel. Save classes as one image of numbers, 0 for none.")
    if values.shape != instances.shape:
        raise BadFile(f"{file} has the shape {values.shape}, its labels have {instances.shape}. Save it at their size.")
    if instances.classes is not None:
        raise BadFile(f"{file}: the table beside it names classes as well. Keep one of the two, or drop its column.")
    numbers = painted_classes(instances.planes, values)
    names = np.where(numbers > 0, numbers.astype(str), "")
    return replace(instances, measures={**instances.measures, CLASS: names})
