"""The page of the command line, from the Typer app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.cli import get_docs_for_click

from pipeline.documents.markup import grid

INTRODUCTION = """\
# The command line

`renewcast` runs at the top of the clone. Results go to standard output, progress to standard error;
`--json` gives programs what people read. There is no silent today: where a date matters, `--as-of`
says it.

| exit code | meaning |
|---|---|
| 0 | well |
| 1 | an error: a damaged file, a ledger that does not answer |
| 2 | bad input: one message with every fault and what to do; nothing was written |
| 3 | a gate refused: a leak, a changed ledger, a floor of the health score, a worse challenger |

What each refusal says, and what to do: [when something is refused](../troubleshooting.md).
"""


def command_line() -> str:
    """The page in Markdown: every verb with its arguments, options and defaults."""
    from pipeline.cli import app

    group = typer.main.get_command(app)
    context = typer.Context(group)
    index, sections = [], []
    for called, verb in _verbs(group, "renewcast"):
        said = (verb.help or "").strip().splitlines()[0]
        index.append((f"[`{called}`](#{called.replace(' ', '-')})", said))
        before, _, name = called.rpartition(" ")
        told = get_docs_for_click(obj=verb, ctx=context, indent=1, call_prefix=before, name=name)
        sections.append(told.replace("```console\n$ ", "```text\n").replace("**:\n", "**\n"))
    return "\n".join([INTRODUCTION, grid(["verb", "what it does"], index), "", *sections])


def _verbs(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each verb that does something, as it is called, in the order of `--help`."""
    for verb, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _verbs(command, f"{name} {verb}")
        else:
            yield f"{name} {verb}", command
