"""Stage: the model card of one target: what was learnt, how good it is, and what it is not for."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from models import bundle
from models.separation import hanley_mcneil
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.settings import Settings, load
from serve.scorer import LEARNT

PAGES = Path(__file__).parent / "pages"
TYPICAL = 0.7
"""The AUC for which the noise to expect is said: what honest models of this trade have."""
SHOWN = ("auc", "log_loss", "arr_caught")
HASHES = ("identity", "params", "data", "code", "lock")

WHO: Mapping[str, str] = {
    "lost": "will be gone",
    "expanded": "will pay more",
    "contracted": "will pay less",
}
NOT_FOR = (
    "Whom a call would keep. The score says who looks like those who left; risk is not savability, "
    "and nothing here has measured what a call does",
    "Judging people. It says nothing of the work of the account's owner, and sets nobody's pay, "
    "credit or terms",
    "Why it happens. Reasons go with the score; they are not causes",
)


def card(
    target: Mapping[str, Any],
    models: Mapping[str, Mapping[str, Any]],
    gate: Mapping[str, Any],
    comparison: Mapping[str, Sequence[Mapping[str, Any]]] | None,
    company: Mapping[str, Any],
) -> dict[str, Any]:
    """The card as plain values.

    `models`: by cutoff (`backtest`, judged on the held-out mornings, and `serving`) a fitted
    model's `report`, `signs` (column: 1 or -1) and `about` (cutoff and hashes, of its manifest).
    `gate` is reports/gate/<target>.json, `comparison` reports/comparison.json or, before there is
    one, None: then the figures out-of-fold stand alone. `company`: name, data_from, data_until.
    """
    judged = models[files.BACKTEST]
    return {
        "target": dict(target),
        "who": WHO.get(target["outcome"], target["outcome"]),
        "company": dict(company),
        "models": {cutoff: _learnt(model) for cutoff, model in models.items()},
        "oof": {
            key: judged["report"].get(f"oof_{key}") for key in ("auc", "auc_seen", "auc_unseen")
        },
        "heldout": None if comparison is None else _held_out(target["name"], comparison),
        "signs": {
            "rising": sorted(name for name, sign in judged["signs"].items() if sign > 0),
            "falling": sorted(name for name, sign in judged["signs"].items() if sign < 0),
        },
        "gate": dict(gate),
        "use": _use(target),
        "not_for": [*_beyond(target), *NOT_FOR],
        "hashes": {
            cutoff: {part: model["about"].get(part, "") for part in HASHES}
            for cutoff, model in models.items()
        },
    }


def noise(outcomes: float, others: float) -> str:
    """How far chance alone moves an AUC with so many accounts of each kind, in words.

    >>> noise(68, 321).split(": ")[1]
    '0.63 and 0.77 may be the same model'
    """
    if min(outcomes, others) < 1:
        return "without accounts of both kinds no AUC can be said"
    error = hanley_mcneil(TYPICAL, outcomes, others)
    low, high = max(TYPICAL - 1.96 * error, 0.0), min(TYPICAL + 1.96 * error, 1.0)
    return (
        f"with {outcomes:.0f} accounts that had the outcome and {others:.0f} that had not, chance "
        f"alone moves an AUC of {TYPICAL:.2f} by ± {error:.2f} (one standard error): {low:.2f} and "
        f"{high:.2f} may be the same model"
    )


def _learnt(model: Mapping[str, Any]) -> dict[str, Any]:
    """What was learnt from how much, and what was chosen."""
    report = model["report"]
    keys = ("rows", "accounts", "mornings", "weight", "positives", "base_rate", "rung", "why",
            "rounds", "ridge", "blend_weight", "calibration", "folds", "oof_positives",
            "oof_log_loss", "oof_log_loss_base_rate")  # fmt: skip
    return {"cutoff": model["about"]["cutoff"], **{key: report.get(key) for key in keys}}


def _held_out(name: str, comparison: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The held-out figures of a target: of all scorers, of the model by slice, its calibration."""
    mine = {
        part: [dict(row) for row in rows if row["target"] == name]
        for part, rows in comparison.items()
    }
    counts = {(row["by"], row["slice"]): row for row in mine["counts"]}
    whole = counts.get(("all", "all"))
    if whole is None:
        return {"rows": 0}
    figures: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in mine["metrics"]:
        if row["metric"] in SHOWN:
            figures.setdefault((row["by"], row["slice"], row["model"]), {})[row["metric"]] = row
    verdicts = {
        row["against"]: row
        for row in mine["pairs"]
        if row["model"] == LEARNT and row["primary"] and row["by"] == "all"
    }
    return {
        "rows": whole["rows"],
        "accounts": whole["accounts"],
        "renewals": whole["renewals"],
        "outcomes": whole["outcomes"],
        "noise": noise(whole["outcomes"], whole["accounts"] - whole["outcomes"]),
        "models": [
            {"model": model, "verdict": verdicts.get(model, {}), **found}
            for (by, _, model), found in figures.items()
            if by == "all"
        ],
        "slices": [
            {**counts[by, part], **found}
            for (by, part, model), found in figures.items()
            if by != "all" and model == LEARNT
        ],
        "calibration": [row for row in mine["calibration"] if row["model"] == LEARNT],
    }


def _use(target: Mapping[str, Any]) -> str:
    asked = {
        "due": "accounts whose contract falls due, undecided as far as is known, within",
        "active": "all customers whose decision is not known yet, over",
    }[target["eligible"]]
    return (
        f"Ranking and forecasting: for {asked} {target['horizon']} days, the probability that the "
        f"account {WHO.get(target['outcome'], target['outcome'])} by then, beside the health score"
    )


def _beyond(target: Mapping[str, Any]) -> list[str]:
    whom = (
        "Accounts with nothing due within the horizon, or decided already"
        if target["eligible"] == "due"
        else "Accounts whose decision is already known"
    )
    return [
        f"Anything further off than {target['horizon']} days: it has learnt of no later day",
        f"{whom}, and kinds of contract that were rare where it learnt (see the slices)",
    ]


def render(shown: Mapping[str, Any], page: str) -> str:
    """The card as `card.md` or as `card.html`, a page that needs nothing from a network."""
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES),
        autoescape=page.endswith(".html"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters |= {"figure": figure, "percent": percent, "span": span}
    return pages.get_template(page).render(card=shown)


def figure(value: float | None, digits: int = 2) -> str:
    """A number, or a dash where there is none.

    >>> figure(0.6785), figure(None), figure(12345.0, 0)
    ('0.68', '–', '12,345')
    """
    return "–" if value is None else f"{value:,.{digits}f}"


def percent(share: float | None) -> str:
    """A share for people.

    >>> percent(0.1234), percent(None)
    ('12.3 %', '–')
    """
    return "–" if share is None else f"{100 * share:.1f} %"


def span(row: Mapping[str, Any] | None, digits: int = 2) -> str:
    """A figure with its interval.

    >>> span({"value": 0.678, "low": 0.61, "high": 0.75}), span(None)
    ('0.68 (0.61–0.75)', '–')
    """
    if row is None or row["value"] is None:
        return "–"
    value, low, high = row["value"], row["low"], row["high"]
    if low is None or high is None or low == high:
        return figure(value, digits)
    return f"{value:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def of(
    name: str,
    settings: Settings,
    calendar: Calendar,
    models: Mapping[str, Mapping[str, Any]],
    comparison: Mapping[str, Sequence[Mapping[str, Any]]] | None,
) -> dict[str, Any]:
    """The card of a target from what the gate's stage left and what it is handed."""
    return card(
        settings.targets[name].model_dump(),
        models,
        json.loads((files.GATE / f"{name}.json").read_text(encoding="utf-8")),
        comparison,
        {
            "name": settings.source.name,
            "data_from": str(calendar.data_from),
            "data_until": str(calendar.data_until),
        },
    )


def run(name: str) -> None:
    """Write reports/cards/<target>.md and .html."""
    models = {}
    for cutoff in (files.BACKTEST, files.SERVING):
        folder = files.bundle(name, cutoff)
        model, about = bundle.load(folder), bundle.manifest(folder)["about"]
        models[cutoff] = {"report": model.report, "signs": model.signs, "about": about}
    comparison = json.loads(files.COMPARISON.read_text(encoding="utf-8"))
    shown = of(name, load(), Calendar.read(files.CALENDAR), models, comparison)
    files.CARDS.mkdir(parents=True, exist_ok=True)
    for page in ("card.md", "card.html"):
        path = (files.CARDS / name).with_suffix(Path(page).suffix)
        path.write_text(render(shown, page), encoding="utf-8")


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run(sys.argv[1])
