"""Write into a model's card what it is for: ``python training/describe.py MODEL OUT --name N ...``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from napari_discern import load_model


def main() -> None:
    """Save the model under its name, with its card filled in."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    for field in ("name", "description", "licence", "data"):
        parser.add_argument(f"--{field}", required=True)
    known = parser.parse_args()
    model = load_model(str(known.model), "cpu")
    words = {field: getattr(known, field) for field in ("name", "description", "licence", "data")}
    replace(model, card=model.card.model_copy(update=words)).save(known.out, overwrite=True)


if __name__ == "__main__":
    main()
