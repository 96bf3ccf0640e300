"""Output: labels as the OME-Zarr standard has them, with a pyramid, and a table of objects beside them.

All is written to a volume of its own in the workplace, and moved into the image when it is whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_discern.batch.workplace import Workplace, writing
from napari_discern.errors import BadFile, OutputExists
from napari_discern.lazy import LazyModule
from napari_discern.tiles import Box

if TYPE_CHECKING:
    import ngio
    import pandas as pd
    import zarr
else:
    ngio, zarr = LazyModule("ngio"), LazyModule("zarr")

LARGEST_ID = 2**32 - 1


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


def refuse_finished(volume: Path, label_name: str, overwrite: bool) -> None:
    """Refuse to replace a finished label image without being told to.

    Raises
    ------
    OutputExists
        If it is there.
    """
    if label_name in open_volume(volume).list_labels() and not overwrite:
        raise OutputExists(
            f"{volume}: there is a label image {label_name!r} already. Choose another --label-name, or allow to "
            "replace it (--overwrite)."
        )


def create(workplace: Workplace, planes: int, largest: int) -> Target:
    """Empty label images for so many planes, with the axes, spacing, units and pyramid of the volume."""
    plan, volume = workplace.plan, open_volume(workplace.volume)
    with writing(workplace.volume):
        shutil.rmtree(workplace.result, ignore_errors=True)
        frame = volume.derive_image(workplace.result)
        kind = "uint32" if largest <= LARGEST_ID else "uint64"
        paths, axes = [], ""
        for name in names_of(plan.label_name, planes):
            chunks = _chunks(volume.get_image(), plan.chunk)
            label = frame.derive_label(name, dtype=kind, chunks=chunks, shards=None)
            axes = "".join(label.axes)
            paths.append(workplace.result / "labels" / name / label.path)
    spatial = "zyx"[-len(plan.shape) :]
    return Target(tuple(paths), axes, spatial)


def finish(workplace: Workplace, planes: int, table: pd.DataFrame) -> None:
    """Build the pyramids of the labels, and write the table beside them."""
    plan = workplace.plan
    with writing(workplace.volume):
        frame = ngio.open_ome_zarr_container(workplace.result)
        for name in names_of(plan.label_name, planes):
            frame.get_label(name).consolidate(mode="auto")
        features = ngio.tables.FeatureTable(table.set_index("label"), reference_label=plan.label_name)
        frame.add_table(plan.label_name, features, backend="csv")


def publish(workplace: Workplace, planes: int, extras: Sequence[Path]) -> None:
    """Move the result into the image, and then list it, so that other programs see all of it or nothing.

    Files of `extras` go into the folder of the label image.
    """
    plan, volume = workplace.plan, workplace.volume
    with writing(volume):
        names = names_of(plan.label_name, planes)
        for file in extras:
            shutil.copy2(file, workplace.result / "labels" / plan.label_name / file.name)
        for name in names:
            _move(workplace.result / "labels" / name, volume / "labels" / name)
        _move(workplace.result / "tables" / plan.label_name, volume / "tables" / plan.label_name)
        _list(volume, "labels", names)
        _list(volume, "tables", [plan.label_name])


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        shutil.rmtree(target)
    source.rename(target)


def _list(volume: Path, kind: str, names: Sequence[str]) -> None:
    """Add names to the list of an image's labels or tables."""
    image = zarr.open_group(volume, mode="r")
    group = zarr.open_group(volume / kind, mode="a", zarr_format=image.metadata.zarr_format)
    stated: dict[str, Any] = dict(group.attrs)
    described: Any = image.attrs.get("ome")
    ome = described is not None and kind == "labels"
    holder = dict(stated.get("ome", {"version": described.get("version", "0.5")})) if ome else stated
    holder[kind] = [*dict.fromkeys([*holder.get(kind, []), *names])]
    group.attrs.update({"ome": holder} if ome else holder)


def _chunks(image: Any, chunk: Sequence[int]) -> tuple[int, ...]:
    """Chunks of the labels along the axes of the image."""
    along = dict(zip("zyx"[-len(chunk) :], chunk, strict=True))
    return tuple(along.get(a, 1) for a in image.axes)
