"""What all tests stand on."""

from __future__ import annotations

import os

from hypothesis import settings

# Before the libraries that read these are imported: no windows from plots, and nobody's own napari settings.
os.environ["MPLBACKEND"] = "Agg"
os.environ["NAPARI_CONFIG"] = ""

# The same examples every time, and no failure because a machine is slow.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")
