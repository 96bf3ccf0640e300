"""Entry: which command is meant, and what becomes of its errors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword

from napari_discern import __version__
from napari_discern.errors import DiscernError

ABOUT = "Tells touching and overlapping leaves and cells apart."
COMMANDS = {
    "segment": "find the objects of images",
    "train": "train a model on labelled images",
    "evaluate": "score labels against the truth",
    "batch": "label volumes larger than memory, on one machine or many",
    "models": "list the models that come along",
    "export": "write a model as a bioimage.io package or as ONNX",
    "import": "take in a model of a bioimage.io package",
    "demo": "find the objects of a sample, and show them",
}
"""A command is a module of this package with `add_arguments(parser)` and `run(args)`, which returns an exit code; one
that is a word of Python has an underscore after it."""
FAILED, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    0: done. 1: some of the images could not be done. 2: nothing could be done, for a reason that is said.
    130: interrupted by Ctrl-C.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the program's name; those of this process by default.

    Raises
    ------
    DiscernError, OSError, MemoryError
        Only with ``--debug``; else they are told on stderr.
    """
    args = _parse(list(sys.argv[1:] if argv is None else argv))
    from napari_discern.cli import console

    with console.messages():
        try:
            code: int = args.run(args)
            sys.stdout.flush()
            return code
        except KeyboardInterrupt:
            console.note("stopped.")
            return INTERRUPTED
        except BrokenPipeError:  # whoever read our output has seen enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        except (DiscernError, OSError, MemoryError) as error:
            if args.debug:
                raise
            console.note(f"error: {str(error) or type(error).__name__}")
            return FAILED


def _parse(words: list[str]) -> argparse.Namespace:
    """Read the words. Only the command that they name is loaded, so that --help answers at once."""
    parser = argparse.ArgumentParser("napari-discern", description=ABOUT, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"napari-discern {__version__}")
    parser.add_argument("--debug", action="store_true", help="show where in the program an error arose")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    for name, about in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=f"{about.capitalize()}.", allow_abbrev=False)
        if name == chosen:
            module = import_module(f"napari_discern.cli.{name}{'_' * iskeyword(name)}")
            module.add_arguments(command)
            command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
            command.set_defaults(run=module.run)
    return parser.parse_args(words)
