"""A service imports its libraries without what they only look for."""

from __future__ import annotations

import importlib
import sys

import pytest

from serve.lean import without


def test_what_is_hidden_is_not_there_inside_and_is_there_again_after(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("colorsys")
    assert importlib.import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)


def test_what_was_imported_before_stays(monkeypatch):
    with without("json"):
        assert importlib.import_module("json").loads("1") == 1
    assert sys.modules["json"] is not None


def test_a_failure_inside_hides_nothing_for_good(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(RuntimeError), without("colorsys"):
        raise RuntimeError
    assert importlib.import_module("colorsys")
