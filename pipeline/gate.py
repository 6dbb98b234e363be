"""Stage: before anything is learnt of a target, its rows and columns are probed for leaks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd

from features.feature import build, families
from features.publication import read_frame
from models.chain import chain
from models.gate import Probed, probe
from models.target import Target, learnable
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.cut import cut
from pipeline.observe import observed
from pipeline.settings import Settings, load

INDEX = ["account_id", "as_of"]


def probed(name: str, settings: Settings, calendar: Calendar) -> Probed:
    """What the probes say of the rows that training would read."""
    target, grace = settings.targets[name], settings.contracts.grace
    columns = [c for family in families(settings.features.families).values() for c in family]
    labels = {
        cutoff: read_frame(files.LABELS / name / f"{cutoff}.parquet")
        for cutoff in (files.SERVING, files.BACKTEST)
    }
    rows, earlier = (learnable(told, target, settings.targets) for told in labels.values())
    by = labels[files.SERVING]["by"].max()
    observations = read_frame(files.OBSERVATIONS)

    def rebuild(sample: pd.DataFrame) -> pd.DataFrame:
        return rebuilt(files.FACTS, sample, settings, calendar)

    return probe(
        read_frame(files.FEATURES).set_index(INDEX)[columns],
        rows,
        earlier,
        observations,
        asked(observations, labels[files.SERVING], target, settings, calendar),
        by=by,
        gap_days=target.horizon + grace + calendar.delay,
        leads=settings.comparison.leads,
        settings=settings.gate,
        rebuild=rebuild,
    )


def asked(
    observations: pd.DataFrame,
    labels: pd.DataFrame,
    target: Target,
    settings: Settings,
    calendar: Calendar,
) -> pd.DataFrame:
    """The settled, undecided observations of a target, which should all be told; without those to
    whom something happened that the target is `given` the absence of: to leave them out is no leak.
    """
    by, grace = labels["by"].max().date(), settings.contracts.grace
    settled = target.is_settled(observations["as_of"], by=by, grace=grace, delay=calendar.delay)
    due = observations[target.is_eligible(observations) & settled & observations["decided"].isna()]
    before = [ancestor.result for ancestor in chain(target, settings.targets)[:-1]]
    met = labels.loc[labels["result"].isin(before), INDEX]
    return due[~pd.MultiIndex.from_frame(due[INDEX]).isin(pd.MultiIndex.from_frame(met))]


def rebuilt(
    facts: Path, sample: pd.DataFrame, settings: Settings, calendar: Calendar
) -> pd.DataFrame:
    """The features of some observations, each morning asked of the facts as they stood before it:
    who is a customer, what is due and what was used are all found anew."""
    parts = []
    with TemporaryDirectory() as scratch, duckdb.connect() as con:
        for as_of in sorted(sample["as_of"].dt.date.unique()):
            then = Path(scratch) / str(as_of)
            cut(con, facts, as_of, then)
            asked, past = observed(con, then, settings, [as_of], calendar.data_from)
            parts.append(build(con, asked, then, past))
    whole = pd.concat(part for part in parts if part is not None).set_index(INDEX)
    return whole.reindex(pd.MultiIndex.from_frame(sample[INDEX]))


def run(name: str) -> None:
    """Write reports/gate/<target>.json: what was probed, and how close each probe came.

    Raises LeakFound, with all evidence, if anything was found; the file is there all the same.
    """
    found = probed(name, load(), Calendar.read(files.CALENDAR))
    path = files.GATE / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"target": name, **found.to_dict()}, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    found.accept(name)


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run(sys.argv[1])
