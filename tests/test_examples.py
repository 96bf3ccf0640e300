"""Examples: what the most used things say of themselves is run, and comes out as it says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_discern
from napari_discern import (
    Image,
    Instances,
    MeanShift,
    Recipe,
    Training,
    load_model,
    read,
    read_instances,
    run,
    score,
    segment,
)

MOST_USED = [
    read, read_instances, load_model, segment, run, Training, score, Instances.from_labels, Recipe, MeanShift, Image,
]  # fmt: skip
NAMES = {"np": np} | {name: getattr(napari_discern, name) for name in napari_discern.__all__}
"""What an example may take for imported."""


@pytest.mark.parametrize("thing", MOST_USED, ids=lambda thing: thing.__qualname__)
def test_the_most_used_things_have_an_example_that_runs(
    thing: Any, tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = thing.__doc__ or ""
    assert re.search(r"^ *Examples\n *-{8}\n", text, re.MULTILINE)
    example = doctest.DocTestParser().get_doctest(text, dict(NAMES), thing.__qualname__, None, None)
    assert len(example.examples) >= 1
    told: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(example, out=told.append)
    assert result.failed == 0, "".join(told)
