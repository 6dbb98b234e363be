"""A renewal cycle as of any morning, from the facts and the newest bundles that may know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from features import contracts
from features.feature import dictionary, families
from features.publication import read_frame
from models import bundle, explain
from models.blend import Model
from models.chain import chain
from models.health import HealthScore
from models.outcomes import branches
from models.target import COLUMNS, Target
from models.warning import EarlyWarning
from pipeline import files, rivals
from pipeline.accounts.dossier import dossier, earlier
from pipeline.accounts.explanation import Asked, previous
from pipeline.calendar import Calendar
from pipeline.identity import identity, of_frame
from pipeline.morning import Morning, morning
from pipeline.settings import Settings
from serve.batch import Cycle, Due, Identity, score_cycle
from serve.freshness import Refused, check_freshness, check_reached
from serve.judgement import Scorers


class NoBundle(Refused):
    """No model was learnt before the morning, or none for the target as it is described."""


@dataclass(frozen=True)
class Bundles:
    """The models of every target as of one cutoff (its name), and the hash of them together."""

    cutoff: str
    models: Mapping[str, Model]
    sha256: str
    version: str


def bundles(settings: Settings, as_of: date) -> Bundles:
    """The newest verified bundles whose cutoff is not after the morning.

    Raises NoBundle if there are none: a model that has seen later outcomes must not score it.
    """
    for cutoff in (files.SERVING, files.BACKTEST):
        folders = {name: files.bundle(name, cutoff) for name in settings.targets}
        manifests = {name: bundle.manifest(folder) for name, folder in folders.items()}
        for name, of in manifests.items():
            target = settings.targets[name]
            asked = (target.model_dump(), [one.result for one in chain(target, settings.targets)])
            if (of["about"]["target"], of["about"]["chain"]) != asked:
                raise NoBundle(
                    f"{folders[name]} was learnt for another target than targets.{name} of "
                    f"{files.PARAMS} now describes: train again (`dvc repro -f train@{name}`)"
                )
        if all(date.fromisoformat(of["about"]["cutoff"]) <= as_of for of in manifests.values()):
            seals = pd.Series({name: bundle.identity(path) for name, path in folders.items()})
            version = manifests[loss(settings).name]["about"]["identity"][:12]
            models = {name: bundle.load(folder) for name, folder in folders.items()}
            return Bundles(cutoff, models, of_frame(seals.to_frame("sha256")), version)
    earliest = max(manifest["about"]["cutoff"] for manifest in manifests.values())
    raise NoBundle(
        f"no model was learnt before {as_of}: the earliest cutoff is {earliest}. Ask for a morning "
        "from then on, or hold out more mornings (heldout.mornings) and train again"
    )


def loss(settings: Settings) -> Target:
    """The target that a cycle is about: the first whose outcome is that the account is lost."""
    found = [target for target in settings.targets.values() if target.outcome == "lost"]
    if not found:
        raise Refused("no target has the outcome lost: a cycle of renewals needs one in `targets`")
    return found[0]


def scorers(settings: Settings, models: Mapping[str, Model], customers: pd.DataFrame) -> Scorers:
    """Everything that judges an account, put together from the settings and the bundles.

    `customers`: the features of everyone on the morning, whom the reasons compare an account with.
    """
    model = models[loss(settings).name]
    known = dictionary(settings.features.families)
    texts = dict(zip(known["name"], known["meaning"], strict=True))
    chosen = families(settings.features.families)

    def reasons(features: pd.DataFrame) -> pd.DataFrame:
        return explain.reasons(model, features, chosen, dictionary=texts, peers=customers)

    return Scorers(
        models=models,
        targets=list(settings.targets.values()),
        health=HealthScore(settings.health),
        warning=EarlyWarning(settings.warning),
        reasons=reasons,
    )


def score(settings: Settings, as_of: date, within: int, facts: Path = files.FACTS) -> Cycle:
    """Every renewal due within so many days of a morning, scored or with the reason why not."""
    calendar = Calendar.read(files.CALENDAR)
    check_reached(as_of, calendar.data_until)
    check_freshness(facts, as_of, settings.cycle.freshness)
    known = bundles(settings, as_of)
    told = rivals.learnt(
        settings, loss(settings).name, known.cutoff, rivals.past_features(), calendar
    )
    asked = morning(facts, as_of, settings, calendar)
    found = scored(settings, as_of, within, known, told, facts, asked)
    then, why_not = _before(settings, as_of)
    now = Asked(as_of, asked, known.models, known.sha256)
    folders = {name: files.bundle(name, known.cutoff) for name in settings.targets}
    record = read_frame(files.RECORD / "predictions.parquet") if files.RECORD.exists() else None
    rest = dossier(
        settings, settings.service, found, now, then, why_not, folders, facts=facts, record=record
    )
    return replace(found, dossier=rest)


def _before(settings: Settings, as_of: date) -> tuple[Asked | None, str | None]:
    """The morning of the last run under the models of then, or why there is none."""
    day = previous(as_of)
    try:
        known = bundles(settings, day)
    except NoBundle as why:
        return None, str(why)
    asked = earlier(day)
    if asked is None:
        return None, f"nobody was asked about on {day}, the morning of the last run"
    return Asked(day, asked, known.models, known.sha256), None


def scored(
    settings: Settings,
    as_of: date,
    within: int,
    known: Bundles,
    told: rivals.Learnt,
    facts: Path = files.FACTS,
    asked: Morning | None = None,
) -> Cycle:
    """The cycle of a morning by given models, beside what else was learnt by their cutoff; `asked`:
    the morning, where it is known already."""
    asked = asked or morning(facts, as_of, settings, Calendar.read(files.CALENDAR))
    with duckdb.connect() as con:
        due = contracts.renewals(
            con, facts, [as_of], grace=settings.contracts.grace, until_days=within
        ).df()
    return score_cycle(
        Due(
            as_of=as_of,
            within=within,
            renewals=due,
            observations=asked.observations,
            features=asked.features,
            accounts=accounts(facts),
            failures=asked.failures,
            labels=expansions(settings, known.cutoff),
            rivals=rivals.beside(facts, as_of, asked.features, told, settings),
        ),
        scorers(settings, known.models, asked.features),
        settings.cycle,
        Identity(
            model_version=known.version,
            bundle_sha256=known.sha256,
            features_sha256=of_frame(asked.features),
            params_sha256=identity("score")["params"],
        ),
    )


def expansions(settings: Settings, cutoff: str) -> pd.DataFrame:
    """What was settled at a cutoff for the target of the tree that expands; empty without one."""
    for target in branches(loss(settings), list(settings.targets.values())):
        if target.outcome == "expanded":
            return read_frame(files.LABELS / target.name / f"{cutoff}.parquet")
    return pd.DataFrame(columns=list(COLUMNS))


def accounts(facts: Path) -> pd.DataFrame:
    """Today's name, segment and owner of each account: to group and to find, never to predict."""
    with duckdb.connect() as con:
        path = str(facts / "accounts.parquet").replace("'", "''")
        newest = con.sql(f"FROM read_parquet('{path}') WHERE replaced_at IS NULL")
        shown = [name for name in ("name", "segment", "owner") if name in newest.columns]
        return newest.project(", ".join(["account_id", *shown])).df()
