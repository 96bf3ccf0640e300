"""Classes: the semantic class of each object, from a table beside its labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_discern.errors import BadFile
from napari_discern.instances import CLASS, Instances
from napari_discern.io.reading import reading


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
