"""What is predicted: who is eligible on a morning, what counts as the outcome, how far ahead.

A target is a value from params.yaml, never a branch. `labels` says what became of an observation,
by the facts known before one day; until the observation is settled on that day, it says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from duckdb import DuckDBPyConnection
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, model_validator

from features import contracts
from features.cover import NEVER, total
from models.chain import chain

ROUNDING = Decimal("0.01")  # of the ARR: a smaller change is none
INDEX = ["account_id", "as_of"]
COLUMNS = (
    *INDEX, "target", "eligible", "settled", "outcome", "stayed", "result", "kind", "weight",
    "decision", "due_date", "days_to_due", "month_to_month", "arr_due", "arr",
)  # fmt: skip

ELIGIBLE: Mapping[str, Callable[[pd.DataFrame, int], pd.Series]] = {
    "due": lambda rows, horizon: rows["days_to_due"].lt(horizon).fillna(False),
    "active": lambda rows, horizon: rows["decided"].isna(),
}
OUTCOME: Mapping[str, Callable[[pd.DataFrame], pd.Series]] = {
    "lost": lambda rows: rows["lost"],
    "expanded": lambda rows: _became(rows, "expanded"),
    "contracted": lambda rows: _became(rows, "contracted"),
}
RESULT: Mapping[str, str] = {  # what the tree calls an outcome
    "lost": "churned",
    "expanded": "expanded",
    "contracted": "contracted",
}


class Target(BaseModel):
    """One thing to predict.

    `eligible`: `due`, an undecided due date within the horizon, or `active`, every undecided
    customer. `outcome`: `lost`, the account is gone before the horizon's end; `expanded`, it is
    not, and pays at least `growth` more (0.1 is a tenth) on the horizon's last day; or
    `contracted`, it is neither, and pays less. `horizon`: days, the morning the first. `given`: the
    target whose absence this one is conditioned on, and with it that of whatever that one is given.
    `monotone`: whether the signs that features declare bind the model.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    eligible: Literal["due", "active"]
    outcome: Literal["lost", "expanded", "contracted"]
    horizon: PositiveInt
    growth: Annotated[float, Field(gt=0)] | None
    given: str | None
    monotone: bool

    @model_validator(mode="after")
    def _grows(self) -> Target:
        if self.needs_growth and self.growth is None:
            raise ValueError(
                f"targets.{self.name}: the outcome {self.outcome} needs a growth, such as 0.1"
            )
        return self

    @property
    def needs_growth(self) -> bool:
        """Whether it must be known what counts as growth, to tell this outcome from the others."""
        return self.outcome != "lost"

    @property
    def costs(self) -> bool:
        """Whether the outcome costs ARR: then it rises with the risk that rules see."""
        return self.outcome != "expanded"

    @property
    def result(self) -> str:
        """The branch of the tree that is this target's outcome."""
        return RESULT[self.outcome]

    def is_measurable(self, observations: pd.DataFrame) -> pd.Series:
        """Where the outcome can be said at all: growth of an unknown ARR cannot."""
        return observations["arr"].notna() | (self.growth is None)

    def is_eligible(self, observations: pd.DataFrame) -> pd.Series:
        """Who this target is asked of, as known on the morning of each observation.

        >>> target = Target(name="churn", eligible="due", outcome="lost", horizon=90, growth=None,
        ...                 given=None, monotone=True)
        >>> asked = pd.DataFrame({"days_to_due": [0, 89, 90, None], "arr": [1.0, 1.0, 1.0, 1.0]})
        >>> target.is_eligible(asked).tolist()
        [True, True, False, False]
        """
        asked = ELIGIBLE[self.eligible](observations, self.horizon)
        return (asked & self.is_measurable(observations)).astype(bool)

    def is_settled(self, as_of: pd.Series, *, by: date, grace: int, delay: int) -> pd.Series:
        """Whether on day `by` no more is to be learnt about an observation.

        The horizon and the grace after it are over, and facts that come `delay` days late are in.

        >>> target = Target(name="churn", eligible="due", outcome="lost", horizon=90, growth=None,
        ...                 given=None, monotone=True)
        >>> as_of = pd.Series(pd.to_datetime(["2025-01-01", "2025-01-02"]))
        >>> target.is_settled(as_of, by=date(2025, 5, 4), grace=30, delay=3).tolist()
        [True, False]
        """
        return as_of + pd.Timedelta(days=self.horizon + grace + delay) <= pd.Timestamp(by)


def named(blocks: object) -> object:
    """Gives each block of `targets:` its own key as name, so that it is written only once."""
    if not isinstance(blocks, Mapping):
        return blocks
    return {
        key: {"name": key, **block} if isinstance(block, Mapping) else block
        for key, block in blocks.items()
    }


Targets = Annotated[dict[str, Target], BeforeValidator(named)]


def labels(
    con: DuckDBPyConnection,
    observations: pd.DataFrame,
    facts: Path,
    target: Target,
    *,
    by: date,
    grace: int,
    delay: int,
) -> pd.DataFrame:
    """What became of each observation, by the facts known before `by`.

    One row an observation, sorted by as_of and account_id. `outcome`, `stayed` (not lost), `result`
    (churned, contracted, flat or expanded: the whole tree, over the same days) and `kind` (of an
    expansion: product, plan, seats or price) are empty unless the row is eligible and settled, and
    also where it cannot be said: growth of an unknown ARR, or a customer that a later correction
    took away. `decision` names the renewal that shares one weight; `weight` is that of the rows
    with an outcome among themselves.
    """
    rows = observations.merge(
        _ends(con, observations, facts, target, by, grace), on=INDEX, how="left", validate="1:1"
    )
    settled = target.is_settled(rows["as_of"], by=by, grace=grace, delay=delay)
    eligible = target.is_eligible(rows)
    told = settled & eligible
    found = rows.assign(
        target=target.name,
        eligible=eligible,
        settled=settled,
        outcome=OUTCOME[target.outcome](rows).astype("boolean").where(told),
        stayed=(~rows["lost"].astype("boolean")).where(told),
        result=rows["result"].where(told),
        kind=rows["kind"].where(told),
        decision=_decision(rows, target.horizon),
    ).sort_values(["as_of", "account_id"], ignore_index=True)
    found["weight"] = weights(found[found["outcome"].notna()])
    return found[list(COLUMNS)]


def weights(labels: pd.DataFrame) -> pd.Series:
    """Weights that sum to one per renewal over exactly the rows given; call it after filtering.

    >>> weights(pd.DataFrame({"account_id": ["a", "a", "a", "b"], "decision": ["x", "x", "y", "x"]})
    ...     ).tolist()
    [0.5, 0.5, 1.0, 1.0]
    """
    return 1 / labels.groupby(["account_id", "decision"])["decision"].transform("size").astype(
        float
    )


def learnable(labels: pd.DataFrame, target: Target, targets: Mapping[str, Target]) -> pd.DataFrame:
    """The rows to learn a target from: settled, and those only to whom nothing happened that it is
    `given` the absence of, however far up the chain; weighted anew.

    `labels` are the target's own, `targets` all by name.
    """
    told = labels[labels["outcome"].notna()]
    before = [ancestor.result for ancestor in chain(target, targets)[:-1]]
    rows = told[~told["result"].isin(before) & (told["result"].notna() | (not before))]
    return rows.assign(weight=weights(rows))


def _became(rows: pd.DataFrame, result: str) -> pd.Series:
    """Whether the tree ended so; empty where it cannot be said how."""
    return rows["result"].eq(result).where(rows["result"].notna())


def _decision(rows: pd.DataFrame, horizon: int) -> pd.Series:
    """The contract renewal next due; month to month, or without one, the block of the horizon."""
    block = (rows["as_of"] - pd.Timestamp(0)).dt.days // horizon
    contract = rows["due_date"].notna() & ~rows["month_to_month"].fillna(True).astype(bool)
    due = rows["due_date"].map(
        {day: f"{day:%Y-%m-%d}" for day in rows["due_date"].dropna().unique()}
    )
    blocks = block.map({number: f"block {number}" for number in block.unique()})
    return due.where(contract, blocks).astype("str")


def _ends(
    con: DuckDBPyConnection,
    observations: pd.DataFrame,
    facts: Path,
    target: Target,
    by: date,
    grace: int,
) -> pd.DataFrame:
    """lost, result and kind of each (account_id, as_of) by the facts known before `by`.

    The ARR of the morning is that of the rows in force on it; on the horizon's last day rows that
    were booked before the morning and begin on it or later do not count as growth.
    """
    growth = ROUNDING if target.growth is None else Decimal(str(target.growth))
    found = con.from_df(observations[INDEX]).query(
        "asked",
        f"""WITH cover AS ({contracts.cover(con, facts, [by], grace).sql_query()}),
        mornings AS (
            SELECT account_id, CAST(as_of AS DATE) AS as_of,
                CAST(as_of AS DATE) + {target.horizon - 1} AS final
            FROM asked),
        compared AS (
            SELECT account_id, as_of, final,
                MAX(CASE WHEN spell_start < as_of THEN COALESCE(lost_at, {NEVER}) END)
                    <= final AS lost,
                {total("arr", "now")} AS arr_now,
                {total("arr", "later")} AS arr_later,
                {total("arr", "later AND undecided")} AS arr_grown
            FROM ({_rows_of("mornings")}) AS rows_of GROUP BY account_id, as_of, final),
        judged AS (
            SELECT *, CASE
                WHEN lost THEN 'churned'
                WHEN arr_now > 0 AND arr_grown >= arr_now * {1 + growth} THEN 'expanded'
                WHEN arr_later < arr_now * {1 - ROUNDING} THEN 'contracted'
                WHEN arr_now > 0 AND arr_later >= 0 THEN 'flat' END AS result
            FROM compared WHERE lost IS NOT NULL),
        expanded AS (SELECT account_id, as_of, final FROM judged WHERE result = 'expanded'),
        held AS (
            SELECT *, MAX(CASE WHEN now THEN 1 ELSE 0 END)
                    OVER (PARTITION BY account_id, as_of, product) AS product_held,
                MAX(CASE WHEN now THEN 1 ELSE 0 END)
                    OVER (PARTITION BY account_id, as_of, plan) AS plan_held
            FROM ({_rows_of("expanded")}) AS rows_of),
        grown AS (
            SELECT account_id, as_of,
                {total("seats", "now")} AS seats_now,
                {total("seats", "later AND undecided")} AS seats_later,
                COUNT(CASE WHEN later AND undecided AND product_held = 0 THEN product END)
                    AS new_products,
                COUNT(CASE WHEN later AND undecided AND plan_held = 0 THEN plan END) AS new_plans
            FROM held GROUP BY account_id, as_of)
        SELECT judged.account_id, judged.as_of, lost, result, CASE
            WHEN new_products > 0 THEN 'product'
            WHEN new_plans > 0 THEN 'plan'
            WHEN seats_later > seats_now THEN 'seats'
            WHEN seats_later > 0 THEN 'price' END AS kind
        FROM judged LEFT JOIN grown
            ON grown.account_id = judged.account_id AND grown.as_of = judged.as_of
""",
    )
    assert found is not None  # a SELECT has an answer
    return found.df().astype({"result": "str", "kind": "str"})


def _rows_of(mornings: str) -> str:
    """The rows of each morning's account that begin before the horizon is over.

    `now`: in force on the morning; `later`: covering the horizon's last day; `undecided`: begun, or
    booked on the morning or after.
    """
    return f"""
            SELECT morning.as_of, morning.final, cover.*,
                start_date < as_of AND (ended_at IS NULL OR ended_at >= as_of) AS now,
                cover_end IS NULL OR cover_end > final AS later,
                occurred_at >= as_of OR start_date < as_of AS undecided
            FROM {mornings} AS morning
            JOIN cover ON cover.account_id = morning.account_id AND start_date <= final"""
