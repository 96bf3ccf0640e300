"""Errors and lazy modules, on which everything stands."""

from __future__ import annotations

import inspect
import sys

import pytest

from napari_discern import errors
from napari_discern.errors import DiscernError
from napari_discern.lazy import LazyModule

OURS = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if cls is not DiscernError]


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_each_error_is_ours_and_also_the_builtin_that_a_caller_expects(cls):
    assert issubclass(cls, DiscernError)
    builtin = [base for base in cls.__mro__ if base.__module__ == "builtins" and base not in (Exception, object)]
    assert {"BaseException"} < {base.__name__ for base in builtin}
    assert str(cls("leaf.tif: cut off; copy it anew.")) == "leaf.tif: cut off; copy it anew."


def test_bad_file_and_bad_argument_are_told_apart():
    assert not issubclass(errors.BadFile, ValueError)
    assert not issubclass(errors.BadArgument, OSError)
    assert issubclass(errors.BadModel, errors.BadFile)


def test_a_lazy_module_is_imported_when_it_is_used(tmp_path, monkeypatch):
    (tmp_path / "heavy_thing.py").write_text("weight = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    lazy = LazyModule("heavy_thing")
    assert "heavy_thing" not in sys.modules
    assert lazy.weight == 7
    monkeypatch.delitem(sys.modules, "heavy_thing")


def test_a_module_that_is_missing_is_missed_at_its_use():
    lazy = LazyModule("no_module_of_this_name")
    with pytest.raises(ModuleNotFoundError, match="no_module_of_this_name"):
        _ = lazy.anything
