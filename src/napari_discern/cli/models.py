"""The command `models`: what comes along."""

from __future__ import annotations

import argparse

from napari_discern.cli.console import say
from napari_discern.model import zoo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which words the command takes: none."""
    parser.epilog = "segment --model takes a name from this list, or the folder of a model of your own."


def run(args: argparse.Namespace) -> int:
    """List the bundled models."""
    cards = list(zoo.list_models())
    if not cards:
        say("no models come along with this version; train one with: napari-discern train --help")
    for name, card in cards:
        say(f"{name}: {', '.join(zoo.facts_of(name, card))}")
        if card.description:
            say(f"    {card.description}")
        if picture := zoo.picture_of(name):
            say(f"    picture: {picture}")
    return 0
