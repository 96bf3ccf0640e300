"""Write a model with 16 bits a weight, and into its card what it is for.

    python training/describe.py MODEL OUT --name N --description TEXT --licence L --data TEXT [--scores FILE]

FILE is what `evaluate --json` wrote of the model in OUT.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_discern import load_model


def main() -> None:
    """Save the model under its name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    for field in ("name", "description", "licence", "data"):
        parser.add_argument(f"--{field}", required=True)
    parser.add_argument("--scores", type=Path)
    known = parser.parse_args()
    model = load_model(str(known.model), "cpu")
    words: dict[str, Any] = {field: getattr(known, field) for field in ("name", "description", "licence", "data")}
    if known.scores:
        mean = json.loads(known.scores.read_text(encoding="utf-8"))["mean"]
        words["scores"] = {"S_mean": mean["S_mean"], "S_50": mean["S"]["0.50"], "mean_iou": mean["sharing"]["mean_iou"]}
    replace(model, card=model.card.model_copy(update=words)).save(known.out, overwrite=True, half=True)


if __name__ == "__main__":
    main()
