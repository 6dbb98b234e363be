"""The page of params.yaml: the file with its comments, and what its models say and allow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from pipeline import files
from pipeline.documents.markup import grid, listed
from pipeline.settings import Settings

INTRODUCTION = """\
# params.yaml

Everything that can be set, block by block, with the values of the sample company. An unknown key is
refused, so is a value out of its limits, all faults at once (exit 2). `dvc exp run -S
learning.gradient.leaves=4` changes one value for an experiment. Dates are quoted.

A change of a block runs again the stages that read it, and what hangs on them.
"""
NAMED = ".<name>.name"
Schema = Mapping[str, Any]
LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minItems": "at least {} of them",
    "maxItems": "at most {} of them",
    "minProperties": "at least {} of them",
}
KINDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
}
PLURALS = {"text", "number", "whole number", "block", "pair"}
BLOCK = re.compile(r"(?m)^((?:#.*\n)*)([a-z_]+):.*\n(?:(?:[ ].*)?\n)*")


def parameters() -> str:
    """The page in Markdown; reads params.yaml and dvc.yaml of the current folder."""
    schema = Settings.model_json_schema()
    known = schema["$defs"]
    readers = _readers()
    parts = [INTRODUCTION]
    for block in BLOCK.finditer(files.PARAMS.read_text(encoding="utf-8")):
        name = block[2]
        of = schema["properties"][name]
        meant = dict(_meanings(name, of, known))
        inner = [f"- `{path}`: {said}" for path, said in meant.items() if said and path != name]
        read = f"Read by {listed(readers[name])}." if name in readers else "Read by verbs only."
        leaves = grid(["key", "value", "limits"], _leaves(name, of, known))
        yaml_block = f"```yaml\n{block[0].strip()}\n```"
        told = [f"## {name}", meant.get(name, ""), "\n".join(inner), read, yaml_block, leaves]
        parts.append("\n\n".join(part for part in told if part) + "\n")
    return "\n".join(parts)


def _readers() -> dict[str, list[str]]:
    """Of each block the stages of dvc.yaml that depend on it."""
    readers: dict[str, list[str]] = {}
    for stage, told in yaml.safe_load(files.STAGES.read_text(encoding="utf-8"))["stages"].items():
        for key in told.get("do", told).get("params", ()):
            names = readers.setdefault(str(key).split(".")[0], [])
            if stage not in names:
                names.append(stage)
    return readers


def _resolved(of: Schema, known: Schema) -> Schema:
    """What a reference means; of two forms the one that is a block."""
    for one in (of, *of.get("anyOf", ())):
        if "$ref" in one:
            return known[one["$ref"].rsplit("/", 1)[1]]
    return of


def _inner(path: str, of: Schema, known: Schema) -> Iterator[tuple[str, Schema]]:
    """The keys of a block, or what stands under every name of a block of names."""
    block = _resolved(of, known)
    for key, value in block.get("properties", {}).items():
        yield f"{path}.{key}", value
    named = block.get("additionalProperties")
    if isinstance(named, Mapping) and "$ref" in named:
        yield f"{path}.<name>", named


def _meanings(path: str, of: Schema, known: Schema) -> Iterator[tuple[str, str]]:
    block = _resolved(of, known)
    if block.get("type") == "object":
        words = block.get("description", "").split(">>>")[0]
        yield (
            path,
            re.sub(r"^The block `\w+` of params.yaml\.", "", " ".join(words.split())).strip(),
        )
        for inner, value in _inner(path, of, known):
            yield from _meanings(inner, value, known)


def _leaves(path: str, of: Schema, known: Schema) -> Iterator[tuple[str, str, str]]:
    inner = list(_inner(path, of, known))
    for key, value in inner:
        if key.endswith(NAMED):
            continue  # the key itself is the name
        yield from _leaves(key, value, known)
    if not inner:
        forms = [_resolved(one, known) for one in of.get("anyOf", [of])]
        limits = [
            said.format(form[limit]) for form in forms for limit, said in LIMITS.items()
            if limit in form
        ]  # fmt: skip
        kinds = dict.fromkeys(_kind(form, known) for form in forms)
        yield f"`{path}`", " or ".join(kinds), ", ".join(dict.fromkeys(limits))


def _kind(of: Schema, known: Schema) -> str:
    of = _resolved(of, known)
    if "enum" in of:
        return listed(map(str, of["enum"]))
    if "const" in of:
        return f"`{of['const']}`"
    if of.get("format") == "date":
        return "date"
    if of.get("type") == "array":
        items = of.get("items") or {"type": "any"}
        if "prefixItems" in of:
            return {2: "pair"}.get(len(of["prefixItems"]), "tuple")
        return f"list of {_plural(_kind(items, known))}"
    if of.get("type") == "object":
        named = of.get("additionalProperties")
        return (
            f"by name: {_kind(named, known)}" if isinstance(named, Mapping) and named else "block"
        )
    return KINDS.get(of.get("type", ""), "anything")


def _plural(kind: str) -> str:
    return f"{kind}s" if kind in PLURALS else kind
