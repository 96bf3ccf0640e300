"""The command `models`: what comes along."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_discern import zoo
from napari_discern.cli.console import say
from napari_discern.model import Card


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which words the command takes: none."""
    parser.epilog = "segment --model takes a name from this list, or the folder of a model of your own."


def run(args: argparse.Namespace) -> int:
    """List the bundled models."""
    cards = list(zoo.list_models())
    if not cards:
        say("no models come along with this version; train one with: napari-discern train --help")
    for name, card in cards:
        say(f"{name}: {', '.join(_facts(card, zoo.locate_model(name)))}")
        if card.description:
            say(f"    {card.description}")
    return 0


def _facts(card: Card, folder: Path) -> list[str]:
    """Dimensions, channels, scores, licence and size."""
    a = card.architecture
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    scores = [f"{name} {value:.3f}" for name, value in card.scores.items()]
    licence = [card.licence] if card.licence else []
    return [f"{a.ndim}D", f"{a.channels} channel{'s'[: a.channels > 1]}", *scores, *licence, f"{size:.1f} MB"]
