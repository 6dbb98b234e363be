"""What the verbs of the ledger print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from pipeline.holdout import Assigned
from pipeline.terminal import console, grid
from serve.record import SETTLED
from serve.sealing.receipts import Receipt, Settlement
from serve.sealing.verification import Verification

NAMED = 5  # accounts that are named before the rest is counted


def sealed(receipt: Receipt | None) -> None:
    """Where the predictions stand in the ledger."""
    if receipt is None:
        console().print("Not sealed: nobody can prove later that these were the predictions.")
        return
    how = "sealed" if receipt.new else "sealed before, nothing was added"
    console().print(
        f"Run {receipt.run_id[:12]} {how}: entry {receipt.count:,} of the ledger, head "
        f"{receipt.head[:12]}. Keep MANIFEST.json elsewhere as the anchor of `renewcast verify`.",
        soft_wrap=True,
    )


def settled(done: Settlement, stands: Mapping[str, int], vanished: Sequence[str]) -> None:
    """What was appended, how all predicted renewals stand, and of whom nothing is known now."""
    table = grid("The predicted renewals as last settled", {"outcome": "left", "renewals": "right"})
    for outcome, count in sorted(stands.items(), key=lambda pair: (pair[0] not in SETTLED, pair)):
        table.add_row(outcome.replace("_", " "), f"{count:,}")
    console().print(table)
    said = f"{done.appended:,} outcomes appended"
    if done.corrected:
        said += f", {done.corrected:,} of them correct what had been settled"
    if done.outdated:
        said += f"; {done.outdated:,} readings are older than what is stored, and change nothing"
    console().print(f"{said}; {done.unchanged:,} were known already.", soft_wrap=True)
    if vanished:
        named = ", ".join(vanished[:NAMED]) + (", …" if len(vanished) > NAMED else "")
        console().print(
            f"[bold]{len(vanished):,} predicted accounts have no subscription in the data any "
            f"more[/bold] ({escape(named)}): what was settled of them stays, the rest stays open. "
            "Exports must hold the lost customers too, each under one id.",
            soft_wrap=True,
        )


def verified(found: Verification) -> None:
    """Whether the ledger is what was sealed, and what that cannot exclude."""
    if found.intact:
        forgotten = f", {found.forgotten:,} of them forgotten" if found.forgotten else ""
        console().print(f"Intact: {found.checked:,} entries{forgotten}, head {found.head}.")
    else:
        console().print(f"[bold]Not intact.[/bold] {escape(str(found.fault))}", soft_wrap=True)
    console().print("What this cannot exclude:")
    for said in found.cannot_exclude:
        console().print(f"  - {escape(said)}", soft_wrap=True)


def assigned(found: Assigned) -> None:
    """How many are held out in each stratum, and what that could show."""
    counts = found.rows.groupby(["stratum", "group"]).size().unstack(fill_value=0)
    columns = {"stratum": "left"} | {str(name): "right" for name in counts}
    table = grid("Held out, by risk and ARR", columns)
    for stratum, row in counts.iterrows():
        table.add_row(escape(str(stratum)), *(f"{count:,}" for count in row))
    console().print(table)
    console().print(found.detectable.text + ".", soft_wrap=True)
    if not found.new:
        console().print("It had been assigned before; nothing was added.")


def sealed_page(found: Mapping[str, Any], page: Path) -> None:
    """How much of the ledger can be judged, what a hold-out shows, and where the page is."""
    of = found["summary"]
    console().print(
        f"{of['settled']:,} of {of['renewals']:,} predicted renewals are settled, "
        f"{of['churned']:,} churned; {of['unsealed']:,} of {of['predictions']:,} predictions were "
        "not sealed before the due date.",
        soft_wrap=True,
    )
    console().print(escape(found["holdout"]["text"]), soft_wrap=True)
    console().print(f"Report: {page}")
