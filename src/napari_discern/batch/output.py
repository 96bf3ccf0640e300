"""Output: labels as the OME-Zarr standard has them, with a pyramid, and a table of objects beside them.

All is written to a volume of its own in the workplace, and moved into the image when it is whole.
"""

from __future__ import annotations

import shutil
import uuid
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_discern.batch.pyramid import build
from napari_discern.batch.workplace import Workplace
from napari_discern.errors import BadFile, OutputExists
from napari_discern.lazy import LazyModule
from napari_discern.progress import Steps, part_of
from napari_discern.tiles import Box

if TYPE_CHECKING:
    import ngio
    import pandas as pd
    import zarr
else:
    ngio, zarr = LazyModule("ngio"), LazyModule("zarr")

LARGEST_ID = 2**32 - 1
MARK = "napari-discern"


@dataclass(frozen=True)
class Target:
    """Label images that are being written, one a plane.

    Attributes
    ----------
    paths : tuple of Path
        Their arrays of full size.
    axes : str
        The axes of these.
    spatial : str
        Those of them along which a frame extends.
    """

    paths: tuple[Path, ...]
    axes: str
    spatial: str

    def arrays(self) -> list[Any]:
        """The arrays, open to be written."""
        return [zarr.open_array(path, mode="r+") for path in self.paths]

    def place(self, frame: dict[str, int], box: Box) -> tuple[int | slice, ...]:
        """Where a box of a frame lies in the arrays."""
        along = dict(zip(self.spatial, box, strict=True))
        return tuple(along[a] if a in along else frame.get(a, 0) for a in self.axes)


def open_volume(path: Path) -> Any:
    """An OME-Zarr image 0.4 or 0.5, as ngio has it.

    Raises
    ------
    BadFile
        If it is none, with what to do.
    """
    try:
        return ngio.open_ome_zarr_container(path, mode="r+")
    except Exception as error:
        raise BadFile(
            f"{path} is no OME-Zarr image of version 0.4 or 0.5 that can be written to ({error}). Give --out DIR to "
            "have it converted."
        ) from error


def names_of(label_name: str, planes: int) -> list[str]:
    """The label images of so many planes: the name itself, then NAME_2 and so on."""
    return [label_name, *(f"{label_name}_{p}" for p in range(2, planes + 1))]


def refuse_finished(workplace: Workplace, planes: int, overwrite: bool) -> None:
    """Refuse to replace label images and tables that are there, but those that this run has put there itself.

    With `overwrite` those go that a run for this name has made; what another program has made stays.

    Raises
    ------
    OutputExists
        If one is there.
    """
    volume, name = workplace.volume, workplace.label_name
    run = workplace.run if workplace.exists else ""
    for path in _targets(volume, name, planes):
        mark = _mark(path)
        ours, earlier = bool(run) and mark.get("run") == run, mark.get("label_name") == name
        if path.exists() and not ours and not (overwrite and earlier):
            what = "label image" if path.parent.name == "labels" else "table"
            raise OutputExists(
                f"{volume}: there is a {what} {path.name!r} already. Choose another --label-name"
                f"{', or allow to replace it (--overwrite).' if earlier else '.'}"
            )


def create(workplace: Workplace, planes: int, largest: int) -> Target:
    """Empty label images for so many planes, with the axes, spacing, units and pyramid of the volume."""
    plan, volume = workplace.plan, open_volume(workplace.volume)
    shutil.rmtree(workplace.result, ignore_errors=True)
    frame = volume.derive_image(workplace.result)
    kind = "uint32" if largest <= LARGEST_ID else "uint64"
    paths, axes = [], ""
    for name in names_of(plan.label_name, planes):
        chunks = _chunks(volume.get_image(), plan.chunk)
        label = frame.derive_label(name, dtype=kind, chunks=chunks, shards=None)
        axes = "".join(label.axes)
        paths.append(workplace.result / "labels" / name / label.path)
        _set_mark(workplace.result / "labels" / name, workplace)
    spatial = "zyx"[-len(plan.shape) :]
    return Target(tuple(paths), axes, spatial)


def finish(workplace: Workplace, planes: int, tables: Iterable[pd.DataFrame]) -> Steps[None]:
    """Build the pyramids of the labels, and write the table beside them, part by part; there is one part at least.

    Yields
    ------
    Progress
        As the pyramids grow.
    """
    plan = workplace.plan
    frame = ngio.open_ome_zarr_container(workplace.result)
    for number, name in enumerate(names_of(plan.label_name, planes)):
        levels = [frame.get_label(name, path=path).zarr_array for path in frame.get_label(name).meta.paths]
        yield from part_of(build(levels), "pyramid", number, 1, planes)
    parts = iter(tables)
    features = ngio.tables.FeatureTable(next(parts).set_index("label"), reference_label=plan.label_name)
    frame.add_table(plan.label_name, features, backend="csv")
    _append(workplace.result / "tables" / plan.label_name / "table.csv", parts)
    _set_mark(workplace.result / "tables" / plan.label_name, workplace)


def _append(path: Path, tables: Iterable[pd.DataFrame]) -> None:
    """Add rows to a table that ngio has written, as it writes them: its own way takes all at once."""
    import pyarrow as pa
    from pyarrow import csv

    with path.open("ab") as file:
        for table in tables:
            rows = pa.Table.from_pandas(table, preserve_index=False)
            csv.write_csv(rows, file, csv.WriteOptions(include_header=False))


def publish(workplace: Workplace, planes: int, overwrite: bool, extras: Sequence[Path]) -> None:
    """Move the result into the image, and then list it, so that other programs see all of it or nothing.

    Files of `extras` go into the folder of the label image.

    Raises
    ------
    OutputExists
        As of `refuse_finished`.
    """
    plan, volume = workplace.plan, workplace.volume
    refuse_finished(workplace, planes, overwrite)
    names = names_of(plan.label_name, planes)
    for file in extras:
        shutil.copy2(file, workplace.result / "labels" / plan.label_name / file.name)
    stale = _stale(volume, plan.label_name, planes)
    _list(volume, "labels", [], without=[path.name for path in stale])
    for path in stale:
        _put_aside(path, workplace)
    for name in names:
        _move(workplace.result / "labels" / name, volume / "labels" / name, workplace)
    _move(workplace.result / "tables" / plan.label_name, volume / "tables" / plan.label_name, workplace)
    _list(volume, "labels", names)
    _list(volume, "tables", [plan.label_name])
    _consolidate(volume)


def _targets(volume: Path, label_name: str, planes: int) -> list[Path]:
    """Folders that a result is moved to."""
    return [*(volume / "labels" / name for name in names_of(label_name, planes)), volume / "tables" / label_name]


def _stale(volume: Path, label_name: str, planes: int) -> list[Path]:
    """Further planes that an earlier result of this name has left."""
    found = []
    for path in (volume / "labels").glob(f"{label_name}_*"):
        if _mark(path).get("label_name") == label_name and path.name not in names_of(label_name, planes):
            found.append(path)
    return found


def _mark(path: Path) -> dict[str, Any]:
    """Which run has made a label image or table; empty where another program has."""
    try:
        found: Any = zarr.open_group(path, mode="r").attrs.get(MARK, {})
    except (OSError, ValueError):
        return {}
    return dict(found)


def _set_mark(path: Path, workplace: Workplace) -> None:
    zarr.open_group(path, mode="a").attrs[MARK] = {"run": workplace.run, "label_name": workplace.label_name}


def _move(source: Path, target: Path, workplace: Workplace) -> None:
    if source.exists():  # else a run before this one has moved it, and was killed
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            _put_aside(target, workplace)
        source.rename(target)


def _put_aside(path: Path, workplace: Workplace) -> None:
    path.rename(workplace.path / f"old-{path.parent.name}-{uuid.uuid4().hex[:12]}")


def _list(volume: Path, kind: str, names: Sequence[str], without: Sequence[str] = ()) -> None:
    """Add names to the list of an image's labels or tables, and take others out."""
    image = zarr.open_group(volume, mode="r")
    group = zarr.open_group(volume / kind, mode="a", zarr_format=image.metadata.zarr_format)
    stated: dict[str, Any] = dict(group.attrs)
    described: Any = image.attrs.get("ome")
    ome = described is not None and kind == "labels"
    holder = dict(stated.get("ome", {"version": described.get("version", "0.5")})) if ome else stated
    holder[kind] = [name for name in dict.fromkeys([*holder.get(kind, []), *names]) if name not in without]
    group.attrs.update({"ome": holder} if ome else holder)


def _consolidate(volume: Path) -> None:
    """Bring the metadata of all parts, which some volumes keep in one place, up to date."""
    group = zarr.open_group(volume, mode="r")
    if group.metadata.consolidated_metadata is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that this is no part of the standard of zarr 3
            zarr.consolidate_metadata(str(volume), zarr_format=group.metadata.zarr_format)


def _chunks(image: Any, chunk: Sequence[int]) -> tuple[int, ...]:
    """Chunks of the labels along the axes of the image."""
    along = dict(zip("zyx"[-len(chunk) :], chunk, strict=True))
    return tuple(along.get(a, 1) for a in image.axes)
