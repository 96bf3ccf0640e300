"""How long `napari-discern --help` takes.

    python benchmarks/startup.py

The best of some runs, each in a process of its own, interpreter included; and the same for the commands' own help.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

CODE = "import sys; from napari_discern.cli import main; main(sys.argv[1:])"


def seconds(words: list[str]) -> float:
    """Wall time of one run."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", CODE, *words], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    for words in (["--help"], ["--version"], ["segment", "--help"], ["train", "--help"]):
        best = min(seconds(words) for _ in range(runs))
        limit = " (at most 0.60)" if words == ["--help"] else ""
        print(f"napari-discern {' '.join(words)}: {best:.2f} s{limit}")


if __name__ == "__main__":
    main()
