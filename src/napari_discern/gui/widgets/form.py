"""Form: the parameters of a `Params` class as a column of controls, and back."""

from __future__ import annotations

from types import NoneType
from typing import Any, Generic, Literal, TypeVar, get_origin

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox, LineEdit, SpinBox, Widget
from psygnal import Signal

from napari_discern.params import BOUNDS, Leaf, Params, leaves, merge

P = TypeVar("P", bound=Params)
LARGEST, SMALLEST = 1e9, 1e-9
"""Bounds of a number that has none, and how far from an open bound it stays."""
DECIMALS = 15


class Form(Generic[P]):
    """Controls for some of the parameters of a class.

    Parameters
    ----------
    params : subclass of Params
    only : sequence of str
        Dotted paths of the parameters to show, or of groups of them; all where empty.
    skip : sequence of str
        Those to leave out.

    Attributes
    ----------
    widget : magicgui Container
        The controls; `widget.native` is the Qt widget.
    changed : psygnal Signal
        Emitted without arguments when the user, or `show`, has changed a value.
    """

    changed = Signal()

    def __init__(self, params: type[P], only: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> None:
        self.params = params
        self._leaves = [leaf for leaf in leaves(params) if _chosen(leaf, only, skip)]
        self._rows: dict[tuple[tuple[str, ...], str], Any] = {}
        for leaf in self._leaves:
            if leaf.path[-1] == "kind" and (leaf.path, "") in self._rows:
                continue  # one control for all members of a family
            control = _control(leaf, [other for other in self._leaves if other.path == leaf.path])
            if control is not None:
                self._rows[leaf.path, "" if leaf.path[-1] == "kind" else leaf.member] = control
                control.changed.connect(self._changed)
        self.widget = Container(widgets=list(self._rows.values()), labels=True)
        self._base: P | None = None

    def show(self, values: P) -> None:
        """Take over these values; those without a control are kept for `read`."""
        self._base = values
        for (path, member), control in self._rows.items():
            place, value = _value(values, path[:-1]), _value(values, path)
            if (not member or getattr(place, "kind", "") == member) and control.value != value:
                control.value = value
        self._reveal()

    def read(self) -> P:
        """The parameters as the controls say.

        Raises
        ------
        BadArgument
            If values do not go together; the parameter is named.
        """
        values: dict[str, Any] = {}
        for (path, member), control in self._rows.items():
            kind = self._kind(path)
            if not member or kind in ("", member):
                _put(values, path, control.value)
        base = self._base.model_dump() if self._base is not None else {}
        return self.params.from_dict(merge(base, values), "the form")

    def _kind(self, path: tuple[str, ...]) -> str:
        control = self._rows.get(((*path[:-1], "kind"), ""))
        return str(control.value) if control is not None else ""

    def _changed(self) -> None:
        self._reveal()
        self.changed.emit()

    def _reveal(self) -> None:
        """Show the controls of the chosen members of families only."""
        for (path, member), control in self._rows.items():
            if member:
                control.visible = self._kind(path) in ("", member)


NUMBER = "number"


class OrWord(Container[Widget]):
    """A number, or one of the words that stand for some: auto, off, none."""

    def __init__(self, number: Any, words: list[str], value: Any, **labels: Any) -> None:
        self._number, self._word = number, ComboBox(choices=[*words, NUMBER])
        super().__init__(widgets=[self._word, number], layout="horizontal", labels=False, **labels)
        self.margins = (0, 0, 0, 0)
        self._word.changed.connect(self._toggle)
        self.value = value

    @property
    def value(self) -> Any:
        """The number, or the word."""
        word = self._word.value
        return self._number.value if word == NUMBER else None if word == "none" else word

    @value.setter
    def value(self, value: Any) -> None:
        word = "none" if value is None else value
        named = isinstance(word, str)
        self._word.value = word if named else NUMBER
        if not named and self._number.value != value:
            self._number.value = value
        self._toggle()

    def _toggle(self) -> None:
        self._number.visible = self._word.value == NUMBER


def tooltip(leaf: Leaf) -> str:
    """What a parameter does, its unit and bounds."""
    facts = [f"in {leaf.unit}"] if leaf.unit else []
    facts += [f"{BOUNDS[key]} {value:g}" for key, value in leaf.bounds.items()]
    return " ".join(leaf.about.split()) + (f" ({', '.join(facts)})" if facts else "")


def _control(leaf: Leaf, alike: list[Leaf]) -> Any:
    """The control for a leaf; None for what no control can hold."""
    types = leaf.types
    labels: dict[str, Any] = {"name": ".".join(leaf.path), "label": _label(leaf), "tooltip": tooltip(leaf)}
    value = leaf.default
    if set(types) == {bool}:
        return CheckBox(value=bool(value), text="", **labels)
    if all(get_origin(kind) is Literal for kind in types):
        choices = list(dict.fromkeys(value for other in alike for value in other.choices.values()))
        return ComboBox(choices=choices, value=value if value in choices else choices[0], **labels) \
            if len(choices) > 1 else None  # fmt: skip
    number = next((kind for kind in types if kind in (int, float)), None)
    if number is not None:
        words = [*leaf.choices, *(["none"] if NoneType in types else [])]
        if not words:
            return _number(number, leaf, value, labels)
        return OrWord(_number(number, leaf, None, {"tooltip": labels["tooltip"]}), words, value, **labels)
    if types == [str]:
        return LineEdit(value=str(value or ""), **labels)
    return None


def _number(kind: type, leaf: Leaf, value: Any, labels: dict[str, Any]) -> Widget:
    low, high, b = -LARGEST, LARGEST, leaf.bounds
    nudge = 1 if kind is int else SMALLEST
    low = b.get("ge", b["gt"] + nudge if "gt" in b else low)
    high = b.get("le", b["lt"] - nudge if "lt" in b else high)
    start = value if isinstance(value, int | float) else max(low, min(1.0, high))
    if kind is int:
        step = int(b.get("multiple_of", 1))
        return SpinBox(min=int(low), max=int(min(high, 2**31 - 1)), step=step, value=int(start), **labels)
    box = FloatSpinBox(min=low, max=high, value=start, **labels)
    native = box.native
    native.setDecimals(DECIMALS)
    box.min, box.max, box.value = low, high, start
    native.setStepType(native.StepType.AdaptiveDecimalStepType)
    native.valueChanged.connect(lambda _: _shorten(native, typing=native.lineEdit().isModified()))
    native.editingFinished.connect(lambda: _shorten(native))
    _shorten(native)
    return box


def _shorten(box: Any, typing: bool = False) -> None:
    """Show a number without the zeros that Qt fills it up with; what is being typed stays as it is."""
    text, point = box.textFromValue(box.value()), box.locale().decimalPoint()
    if not typing and point in text:
        box.lineEdit().setText(text.rstrip("0").removesuffix(point))


def _label(leaf: Leaf) -> str:
    name = leaf.path[-1].replace("_", " ")
    group = leaf.path[-2].replace("_", " ") if len(leaf.path) > 1 else ""
    return f"{group} {name}".strip() if name in ("kind", "weight", "seed", "norm") else name


def _chosen(leaf: Leaf, only: tuple[str, ...], skip: tuple[str, ...]) -> bool:
    path = ".".join(leaf.path)

    def among(names: tuple[str, ...]) -> bool:
        return any(path == name or path.startswith(f"{name}.") for name in names)

    return (not only or among(only)) and not among(skip)


def _value(values: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        values = getattr(values, name, None)
    return values


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value
