"""What helps: the same short training with one thing changed at a time, scored on `val`.

    python benchmarks/ablation.py --data DIR [--minutes 10] [--only NAME...] [--out DIR] [FLAGS]
    python benchmarks/ablation.py --table [--out DIR]

DIR holds train/ and val/, each with images/ and labels/. FLAGS of `train` hold for all. A tenth of train chooses
weights and settings; val only scores. Each row goes to OUT/ablation.jsonl when it is done; --table writes a table.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from common import cells, labelled, learn, reached

from napari_discern import load_model

VARIANTS: dict[str, list[str]] = {
    "as it is": [],
    "6 crops a step": ["--batch", "6"],
    "another seed": ["--seed", "1"],
    "pixels one by one": ["--stride", "1"],
    "2 crops a step": ["--batch", "2"],
    "crops of 256 px": ["--crop", "256"],
    "crops with many objects": ["--augmentation.windows", "4"],
    "sizes from half to twice": ["--augmentation.shrink", "0.5", "--augmentation.grow", "2"],
    "close pairs": ["--loss.pairs", "close"],
    "wider margin delta_d 2": ["--loss.delta_d", "2"],
    "pull counts half": ["--loss.alpha", "0.5"],
    "8 dimensions": ["--embedding", "8"],
    "32 dimensions": ["--embedding", "32"],
    "no scaled coordinates": ["--coordinate_scale", "off"],
    "coordinates of 3 px a unit": ["--coordinate_scale", "3"],
    "coordinates of 12 px a unit": ["--coordinate_scale", "12"],
    "coordinate channels": ["--coordinate_channels"],
    "borders count as all": ["--foreground_loss.boundary", "0"],
    "borders count more": ["--foreground_loss.boundary", "4"],
    "no Dice term": ["--foreground_loss.dice", "0"],
    "no running average": ["--ema_decay", "0"],
    "fewer filters": ["--backbone.filters", "16"],
    "more filters": ["--backbone.filters", "32"],
    "3 levels": ["--backbone.levels", "3"],
    "5 levels": ["--backbone.levels", "5"],
    "batch norm": ["--backbone.norm", "batch"],
    "residual U-Net": ["--backbone.kind", "residual-unet", "--backbone.filters", "24"],
    "learning rate 0.004": ["--learning_rate", "0.004"],
    "seediness as well": ["--seeds"],
}


def main() -> None:
    """Train and score each variant, or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--out", type=Path, default=Path("ablation"))
    parser.add_argument("--table", action="store_true")
    known, flags = parser.parse_known_args()
    rows = known.out / "ablation.jsonl"
    if known.table:
        write(rows)
        return
    for name in known.only:
        row = {"name": name, **measured(known.data, known.out / name.replace(" ", "-"), known.minutes, name, flags)}
        with rows.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(row, flush=True)


def measured(data: Path, out: Path, minutes: float, name: str, flags: list[str]) -> dict[str, float]:
    """Train a variant and score it."""
    learn(data / "train", out, minutes, *flags, *VARIANTS[name])
    model = load_model(str(out))
    done = model.card.training
    return {"steps": done["steps_done"], "minutes": done["minutes_done"], **reached(model, labelled(data / "val"))}


def write(rows: Path) -> None:
    """A table of what is done, the best first."""
    done = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    print("| changed | steps | S(0.5) | mean S(0.5..0.9) | SBD | mean \\|DiC\\| |\n|---|---|---|---|---|---|")
    for row in sorted(done, key=lambda row: -row["S_50"]):
        print(f"| {row['name']} | {row['steps']:,} | {cells(row, 'S_50', 'S_mean', 'SBD', 'DiC')} |")


if __name__ == "__main__":
    main()
