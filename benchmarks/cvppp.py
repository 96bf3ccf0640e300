"""Train, segment and score on leaves of the CVPPP challenge, for those who hold its data (it may not be passed on).

    python benchmarks/cvppp.py A1 [--held-out IDS.txt] [--minutes 60] [--out DIR] [FLAGS]

A1 is the folder of plant001_rgb.png, plant001_label.png and so on. IDS.txt names the plants to score, one a line
(plant007); without it 28, spread evenly, are held out of 128. They are also what weights and settings are chosen on,
as `train --val-images` does; score the test images of the challenge for a figure that nothing was chosen on.
FLAGS are those of `train`; --method de-brabandere takes what the authors say of these leaves.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from accuracy import measured

from napari_discern.io import cvppp


def main(words: list[str] | None = None) -> None:
    """Lay the plants out as the other sets are, and do what is done with those."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--held-out", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=Path("cvppp"))
    known, flags = parser.parse_known_args(words)
    ids = known.held_out.read_text(encoding="utf-8").split() if known.held_out else ()
    learn, score = cvppp.split(cvppp.pairs(known.folder), ids)
    data = known.out / "data"
    for part, pairs in (("train", learn), ("val", score)):
        for kind in ("images", "labels"):
            (data / part / kind).mkdir(parents=True, exist_ok=True)
            for old in (data / part / kind).iterdir():
                old.unlink()  # a link of another split
        for pair in pairs:
            (data / part / "images" / f"{pair.name}.png").symlink_to(pair.image.resolve())
            (data / part / "labels" / f"{pair.name}.png").symlink_to(pair.labels.resolve())
    print(f"{len(learn)} plants to learn from, {len(score)} to score", flush=True)
    measured("cvppp", data, known.out, known.minutes, flags)


if __name__ == "__main__":
    main()
