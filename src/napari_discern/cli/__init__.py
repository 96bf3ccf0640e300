"""The command line, `napari-discern`: one module a command, loaded when the command is given."""

from napari_discern.cli.entry import main

__all__ = ["main"]
