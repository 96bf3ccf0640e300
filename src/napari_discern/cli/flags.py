"""Flags: the fields of a Params class as options of a command, and back.

A field `bandwidth` of the nested parameters `cluster` is set by ``--cluster.bandwidth``. Where `cluster` is a family
the flags of all its members are there, and ``--cluster.kind`` says which member is meant.
"""

from __future__ import annotations

import argparse
from types import NoneType
from typing import Any, Literal, get_origin

from pydantic_core import PydanticUndefined

from napari_discern.params import BOUNDS, Leaf, Params, leaves

MARK = "params."
"""What the names of our flags begin with in argparse's namespace."""
WORDS = {int: "N", float: "X", str: "TEXT", NoneType: "none"}


def add_flags(
    parser: argparse.ArgumentParser,
    params: type[Params],
    title: str,
    skip: tuple[str, ...] = (),
    dashes: bool = False,
) -> None:
    """Add a flag for each leaf of `params`, but for the top-level fields in `skip`; see `given`.

    With `dashes`, a field such as `label_name` is set by ``--label-name``.
    """
    flags: dict[tuple[str, ...], list[Leaf]] = {}
    for leaf in leaves(params):
        if leaf.path[0] not in skip:
            flags.setdefault(leaf.path, []).append(leaf)
    boxes: dict[str, Any] = {}
    for path, found in sorted(flags.items(), key=lambda item: len(item[0]) > 1):  # plain fields first
        name = path[0] if len(path) > 1 else title
        if name not in boxes:
            intro = params.model_fields[name].description if len(path) > 1 and (name, "kind") not in flags else None
            boxes[name] = parser.add_argument_group(name, intro)
        _add(boxes[name], ".".join(path), found, dashes)


def given(args: argparse.Namespace) -> dict[str, Any]:
    """What the user set by flags, nested as the parameters are; not yet validated. As a layer it stands after "--"."""
    values: dict[str, Any] = {}
    for name, value in vars(args).items():
        if name.startswith(MARK):
            *folders, last = name.removeprefix(MARK).split(".")
            place = values
            for folder in folders:
                place = place.setdefault(folder, {})
            place[last] = value
    return values


def _add(box: Any, name: str, found: list[Leaf], dashes: bool) -> None:
    """Add the flag of one path, which several members of a family may share."""
    types = [kind for leaf in found for kind in leaf.types]
    choices = {text: value for leaf in found for text, value in leaf.choices.items()}
    common = {"dest": MARK + name, "default": argparse.SUPPRESS, "help": _help(found).replace("%", "%%")}
    flag = f"--{name.replace('_', '-') if dashes else name}"
    if set(types) == {bool}:
        box.add_argument(flag, action=argparse.BooleanOptionalAction, **common)
    elif all(get_origin(kind) is Literal for kind in types):
        box.add_argument(flag, choices=list(choices.values()), type=lambda text: choices.get(text, text), **common)
    elif any(get_origin(kind) is tuple for kind in types):
        box.add_argument(flag, metavar="X,...", type=lambda text: tuple(text.split(",")), **common)
    else:
        values = {**choices, "none": None} if NoneType in types else choices
        words = dict.fromkeys([*(WORDS.get(kind, "") for kind in types), *choices])
        metavar = "|".join(word for word in words if word)
        box.add_argument(flag, metavar=metavar, type=lambda text: values.get(text, text), **common)


def _help(found: list[Leaf]) -> str:
    """What a flag does, and in brackets its unit, bounds and default, of each member of a family by itself."""
    texts: dict[str, list[str]] = {}
    for leaf in found:
        texts.setdefault(leaf.about, []).append(_facts(leaf))
    words = [f"{about} [{'; '.join(filter(None, facts))}]".removesuffix(" []") for about, facts in texts.items()]
    return " ".join(" ".join(words).split())


def _facts(leaf: Leaf) -> str:
    is_kind, unit = leaf.path[-1] == "kind", [f"in {leaf.unit}"] if leaf.unit else []
    bounds = [f"{BOUNDS[key]} {value:g}" for key, value in leaf.bounds.items()]
    unsaid = leaf.default in (PydanticUndefined, "")
    default = [] if unsaid else [f"default {'none' if leaf.default is None else leaf.default}"]
    facts = ", ".join([*unit, *bounds, *default])
    return facts if is_kind or not leaf.member else f"{leaf.member}: {facts}".removesuffix(": ")
