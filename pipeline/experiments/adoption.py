"""Other values in params.yaml, every other byte of it as it was, the comments above all.

A YAML library that writes a file anew moves lists, comments and nulls about; the parser's own marks
say where each value stands, and only there is the text changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from pipeline import files
from pipeline.settings import BadParams, checked


def adopt(changes: Mapping[str, float], path: Path = files.PARAMS) -> None:
    """Write values under their dotted names, whole or not at all; raises BadParams if the file does
    not hold one of them, or would not be valid with them."""
    text = rewritten(path.read_text(encoding="utf-8"), changes)
    checked(yaml.load(text, Loader=yaml.CSafeLoader), path)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)


def rewritten(text: str, changes: Mapping[str, float]) -> str:
    """The text with other numbers under some dotted names.

    >>> print(rewritten("trees: # of a forest\\n  leaves: 6  # few", {"trees.leaves": 9}))
    trees: # of a forest
      leaves: 9  # few
    """
    top = yaml.compose(text, Loader=yaml.SafeLoader)
    places = [(_found(top, name), value) for name, value in changes.items()]
    for node, value in sorted(places, key=lambda one: -one[0].start_mark.index):
        text = text[: node.start_mark.index] + json.dumps(value) + text[node.end_mark.index :]
    return text


def _found(top: yaml.Node | None, name: str) -> yaml.ScalarNode:
    """The node of the value under a dotted name."""
    node = top
    for part in name.split("."):
        inside = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for key, value in inside if key.value == part), None)
    if not isinstance(node, yaml.ScalarNode):
        raise BadParams(f"{files.PARAMS} has no value at {name}: write it there first")
    return node
