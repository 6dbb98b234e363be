"""Stage: what DVC shows of an experiment: a few figures a target, plots as data, a page for them.

`dvc metrics diff` reads the figures, `dvc plots diff` the data, drawn by the templates in
`.dvc/plots`; the page has the drawing library in it, for a page of DVC's own asks the network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.publication import published, read_frame
from models import metrics
from models.comparison import INDEX
from models.health import HealthScore
from pipeline import compare, files
from pipeline.calendar import Calendar
from pipeline.score import BASE_RATE
from pipeline.settings import load
from serve.scorer import LEARNT

Records = list[dict[str, Any]]
SHARES = [step / 20 for step in range(1, 21)]  # of the list, at which the lift is read
DIGITS = 6
PAGE = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
{refresh_tag}
<title>Renewcast: experiments</title>
<style>body { font: 15px system-ui, sans-serif; margin: 2rem; } div { margin-bottom: 2rem; }</style>
<script>@@</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def figures(comparison: Mapping[str, Records]) -> dict[str, dict[str, float | None]]:
    """The figures that decide, by target: what `Comparison.to_dict` says of model, base rate and
    health score on all rows; None where one is not known.

    Every `gain_` and `over_` rises with the model's advantage, `_low` and `_high` are 95 %.
    """
    told = {count["target"]: count for count in comparison["counts"] if count["by"] == "all"}
    return {target: _of_target(comparison, target, count) for target, count in told.items()}


def _of_target(
    comparison: Mapping[str, Records], target: str, count: Mapping[str, Any]
) -> dict[str, float | None]:
    rows = [row for row in comparison["metrics"] if row["target"] == target]
    pairs = [row for row in comparison["pairs"] if row["target"] == target]

    def figure(model: str, metric: str) -> Mapping[str, float | None]:
        return _of(rows, model=model, metric=metric)

    def over(against: str, metric: str) -> Mapping[str, float | None]:
        return _of(pairs, model=LEARNT, against=against, metric=metric)

    gain, ahead = over(BASE_RATE, "log_loss"), over(HealthScore.name, "auc")
    return {
        "auc": figure(LEARNT, "auc").get("value"),
        "auc_low": figure(LEARNT, "auc").get("low"),
        "auc_high": figure(LEARNT, "auc").get("high"),
        "auc_health": figure(HealthScore.name, "auc").get("value"),
        "auc_over_health": ahead.get("difference"),
        "auc_over_health_low": ahead.get("low"),
        "auc_over_health_high": ahead.get("high"),
        "log_loss": figure(LEARNT, "log_loss").get("value"),
        "log_loss_base_rate": figure(BASE_RATE, "log_loss").get("value"),
        "gain_over_base_rate": _turned(gain.get("difference")),
        "gain_over_base_rate_low": _turned(gain.get("high")),
        "gain_over_base_rate_high": _turned(gain.get("low")),
        "arr_caught": figure(LEARNT, "arr_caught").get("value"),
        "arr_caught_health": figure(HealthScore.name, "arr_caught").get("value"),
        "lift": figure(LEARNT, "lift").get("value"),
        "calibration_slope": figure(LEARNT, "calibration_slope").get("value"),
        "renewals": count["renewals"],
        "outcomes": count["outcomes"],
    }


def _of(rows: Records, **asked: str) -> Mapping[str, float | None]:
    """The row asked for, of all rows, or of those that a sparse scorer knows; empty without one."""
    found = [row for row in rows if all(row[key] == value for key, value in asked.items())]
    whole = [row for row in found if row["by"] == "all"]
    known = [row for row in found if row["by"] == "known" and row["slice"] in asked.values()]
    return next(iter(whole + known), {})


def _turned(value: float | None) -> float | None:
    return None if value is None else 0.0 - value


def drawn(
    comparison: Mapping[str, Records], predictions: pd.DataFrame, labels: pd.DataFrame
) -> dict[str, Records]:
    """The rows of each plot: calibration, months, lift and backtest; each with `target`.

    `predictions` and `labels` are those the comparison was made of.
    """
    own = {
        name: [
            {key: value for key, value in row.items() if key != "model"}
            for row in comparison[name]
            if row["model"] == LEARNT
        ]
        for name in ("calibration", "months")
    }
    wide = predictions.pivot(index=[*INDEX, "target"], columns="model", values="score")
    rows = labels.merge(wide.reset_index(), on=[*INDEX, "target"])
    return own | {"lift": list(_lift(rows)), "backtest": list(_backtest(rows))}


def _lift(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """How many times the base rate lies in the top share of each scorer's list."""
    for target, asked in rows.groupby("target", sort=True):
        for scorer in (LEARNT, HealthScore.name):
            known = asked[asked[scorer].notna()] if scorer in asked else asked.head(0)
            happened = known["outcome"].to_numpy(dtype=bool)
            if not happened.any() or happened.all():
                continue
            ranked = metrics.Ranking.of(known[scorer], happened, known["weight"])
            for share in SHARES:
                lift = round(float(ranked.caught_at(share)) / share, DIGITS)
                yield {"target": target, "scorer": scorer, "share": share, "lift": lift}


def _backtest(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The log-loss of each held-out morning, the base rate's beside it."""
    for (target, day), asked in rows.groupby(["target", "as_of"], sort=True):
        outcome, weight = asked["outcome"].to_numpy(dtype=bool), asked["weight"].to_numpy()
        for scorer in (LEARNT, BASE_RATE):
            given = asked[scorer].to_numpy(dtype=float)
            known = ~np.isnan(given)
            if not known.any():
                continue
            loss = metrics.log_loss(given[known], outcome[known], weight[known])
            yield {
                "target": target,
                "scorer": scorer,
                "morning": f"{day:%Y-%m-%d}",
                "log_loss": round(float(loss), DIGITS),
                "renewals": round(float(weight.sum()), DIGITS),
                "outcomes": int(outcome.sum()),
            }


def page() -> str:
    """The page that `dvc plots` fills, the drawing library in it: it asks nothing of a network."""
    from vl_convert import javascript_bundle

    return PAGE.replace(
        "@@", javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script")
    )


def write(found: Mapping[str, Records], folder: Path) -> None:
    """A JSON file a plot, and the page."""
    for name, rows in found.items():
        text = json.dumps(rows, indent=1, sort_keys=True, allow_nan=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    (folder / "page.html").write_text(page(), encoding="utf-8")


def run() -> None:
    """Write reports/metrics.json and reports/plots."""
    comparison = json.loads(files.COMPARISON.read_text(encoding="utf-8"))
    labels = compare.judged(load(), Calendar.read(files.CALENDAR))
    text = json.dumps(figures(comparison), indent=1, allow_nan=False)
    files.METRICS.write_text(text + "\n", encoding="utf-8")
    with published(files.PLOTS) as folder:
        write(drawn(comparison, read_frame(files.HELDOUT), labels), folder)


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run()
