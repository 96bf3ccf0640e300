"""The table of the models that come along, from their cards: python benchmarks/models.py [--picture FILE].

The scores in the cards are those that training/card.py measured of the weights that ship. With --picture, what each of
them found stands side by side in FILE.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.ImageDraw
from common import cells

from napari_discern.model import zoo

SCORES = ("S_50", "S_mean", "SBD", "DiC", "PQ")


def main() -> None:
    """Print the table, and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path)
    known = parser.parse_args()
    cards = {name: card for name, card in zoo.list_models() if zoo.locate_model(name).parent == zoo.BUNDLED}
    heads = ["model", "steps", "minutes", *(zoo.FIGURES.get(name, name).replace("|", "\\|") for name in SCORES), "MB"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, card in cards.items():
        steps, minutes = (total(card.training, what) for what in ("steps_done", "minutes_done"))
        size = sum(file.stat().st_size for file in zoo.locate_model(name).iterdir())
        print(f"| `{name}` | {steps:,.0f} | {minutes:.0f} | {cells(card.scores, *SCORES)} | {size / 1e6:.1f} |")
    if known.picture:
        draw(list(cards), known.picture)


def total(training: dict[str, Any], what: str) -> float:
    """Steps or minutes of a training and of those before it."""
    return float(training.get(what, 0)) + (total(training["base"], what) if "base" in training else 0)


def draw(names: list[str], to: Path) -> None:
    """The pictures of the models in a row, with their names."""
    pictures = [PIL.Image.open(file).convert("RGB") for name in names if (file := zoo.picture_of(name))]
    side, line = max(max(p.size) for p in pictures), 16
    row = PIL.Image.new("RGB", (len(pictures) * (side + 8) - 8, side + line), "white")
    pen = PIL.ImageDraw.Draw(row)
    for k, (name, picture) in enumerate(zip(names, pictures, strict=True)):
        row.paste(picture, (k * (side + 8), line))
        pen.text((k * (side + 8) + 2, 1), name, fill="black")
    row.quantize(256).save(to, optimize=True)


if __name__ == "__main__":
    main()
