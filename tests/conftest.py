"""What all tests stand on."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import settings

# Before the libraries that read these are imported: no windows from plots, and nobody's own napari settings or models.
os.environ["MPLBACKEND"] = "Agg"
os.environ["NAPARI_CONFIG"] = ""
os.environ["NAPARI_DISCERN_MODELS"] = str(Path(tempfile.gettempdir()) / "napari-discern-tests-have-no-own-models")

# The same examples every time, and no failure because a machine is slow.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")
