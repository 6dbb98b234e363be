"""Stage: who was right on the held-out mornings, by how much, and how sure that is."""

from __future__ import annotations

import json

import pandas as pd

from features.publication import read_frame
from models.baselines import KINDS
from models.comparison import Comparison, compare
from models.duel import Kind
from models.standing import duel, standing
from models.target import weights
from pipeline import cycle, files
from pipeline.calendar import Calendar
from pipeline.score import BASE_RATE
from pipeline.settings import Settings, load
from serve.record import Record
from serve.scorer import LEARNT


def judged(settings: Settings, calendar: Calendar) -> pd.DataFrame:
    """The settled labels of the held-out mornings, with the segment known on each."""
    segments = read_frame(files.OBSERVATIONS)[["account_id", "as_of", "segment"]]
    parts = []
    for name, target in settings.targets.items():
        told = read_frame(files.LABELS / name / f"{files.SERVING}.parquet")
        days = calendar.heldout(target, settings.heldout, settings.contracts.grace)
        rows = told[told["as_of"].isin(pd.to_datetime(days)) & told["outcome"].notna()]
        parts.append(rows.assign(weight=weights(rows)))
    return pd.concat(parts, ignore_index=True).merge(segments, on=["account_id", "as_of"])


def held_out() -> Comparison:
    """The comparison that params.yaml asks for, from the files of the stages before."""
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    predictions = read_frame(files.HELDOUT)
    probable = {LEARNT, BASE_RATE, *KINDS}
    kinds: dict[str, Kind] = {
        name: "probability" if name in probable else "rule"
        for name in sorted(predictions["model"].unique())
    }
    return compare(
        predictions,
        judged(settings, calendar),
        kinds,
        settings.comparison,
        share=settings.cycle.share,
        by=["segment"],
    )


def of_record(settings: Settings, record: Record) -> Comparison:
    """The duel over what was published, as far as it is settled."""
    loss = cycle.loss(settings)
    calendar = Calendar.read(files.CALENDAR)
    told = standing(
        record.predictions,
        record.outcomes,
        target=loss.name,
        horizon=loss.horizon,
        by=record.read_on or calendar.data_until,
        wait=calendar.wait(settings.contracts.grace),
        sizes=settings.rates.sizes,
    )
    return duel(told, settings.comparison, share=settings.cycle.share)


def run() -> None:
    """Write reports/comparison.json."""
    files.COMPARISON.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(held_out().to_dict(), indent=1, sort_keys=True, allow_nan=False)
    files.COMPARISON.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run()
