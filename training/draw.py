"""Draw what a bundled model learns from, the same every time: python training/draw.py rosettes|translucent FOLDER."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
from common import SCENES, draw

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scene", choices=SCENES)
    parser.add_argument("folder", type=Path)
    known = parser.parse_args()
    draw(SCENES[known.scene], known.folder)
