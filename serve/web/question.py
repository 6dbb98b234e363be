"""What the list of renewals is asked: filters, order and page, as an address says it.

An address is a question and nothing else, so that every number on a page can link to its rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from urllib.parse import urlencode

from serve.listing import View

ALL = "all"
SIZES = (25, 50, 100)
LONGEST = 200  # characters of a filter's value that are looked at

COLUMN_OF = {
    "health": "health_band",
    "band": "risk_band",
    "cycle": "target_cycle",
    "reason": "status_reason",
}
"""The filters that have a shorter name in an address than in a publication."""

DISPUTES = ("model_riskier", "health_riskier")
ORDER_OF = {
    "at_risk": "-arr_at_risk",
    "risk": "-churn_probability",
    "due": "due_date",
    "arr": "-arr_due",
    "health": "health_score",
    "expand": "-upsell_probability",
    "trend": "-trend",
    "name": "label",
}
SORTS = {
    "at_risk": "most ARR at risk",
    "risk": "highest risk",
    "due": "due soonest",
    "arr": "most ARR due",
    "health": "lowest health",
    "expand": "likeliest to expand",
    "trend": "risk rose most",
    "name": "name",
}
CHOICES: dict[str, dict[str, str]] = {
    "status": {
        "scored": "scored",
        "decided": "already decided",
        "in_grace": "in grace",
        "later_renewal": "a later one",
        "failed": "without a prediction",
    },
    "band": {"high": "high", "medium": "medium", "low": "low"},
    "agreement": {
        "differ": "they differ",
        "model_riskier": "model sees more risk",
        "health_riskier": "health sees more risk",
        "agree": "they agree",
        "unknown": "nothing to compare",
    },
    "warning": {"yes": "early warning", "no": "none", "unknown": "unknown"},
    "quadrant": {
        "expand": "expand: likely to grow, low risk",
        "secure_first": "secure first: likely to grow, at risk",
        "at_risk": "at risk, growth unlikely",
        "steady": "steady: low risk, growth unlikely",
        "unknown": "unknown",
    },
}
"""The filters whose values are fixed, and how each value reads."""

FREE = ("owner", "segment", "plan", "health", "cycle", "reason")
"""The filters whose values are whatever the publication holds; `reason`, why a renewal has no
prediction, is not offered: a number of the cycle asks it."""

DAYS = ("due_from", "due_until")


@dataclass(frozen=True)
class Question:
    """One view of the list. An empty filter leaves all; `due_until` is the first day without."""

    status: str = "scored"
    owner: str = ""
    segment: str = ""
    plan: str = ""
    health: str = ""
    cycle: str = ""
    reason: str = ""
    band: str = ""
    agreement: str = ""
    warning: str = ""
    quadrant: str = ""
    due_from: str = ""
    due_until: str = ""
    q: str = ""
    sort: str = "at_risk"
    page: int = 1
    size: int = 25

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Question:
        """The question an address asks; what it cannot mean falls back to what is usual.

        >>> Question.of({"band": "high", "sort": "nonsense", "page": "-3"}).sort
        'at_risk'
        """
        told = {f.name: str(asked[f.name])[:LONGEST] for f in fields(cls) if f.name in asked}
        found = {name: told.get(name, "").strip() for name in (*FREE, "q")}
        for name, choices in CHOICES.items():
            value = told.get(name, "scored" if name == "status" else "")
            found[name] = value if value in choices or value == ALL else ""
        found["status"] = found["status"] or "scored"
        for name in DAYS:
            found[name] = _day(told.get(name, ""))
        sort = told.get("sort", "")
        size = _whole(told.get("size", ""), SIZES[0])
        return cls(
            **found,
            sort=sort if sort in SORTS else "at_risk",
            page=max(1, min(_whole(told.get("page", ""), 1), 10**6)),
            size=size if size in SIZES else SIZES[0],
        )

    def but(self, **changes: str | int) -> Question:
        """The same question with some of it changed, from its first page on."""
        return replace(self, **{"page": 1, **changes})  # type: ignore[arg-type]

    def query(self) -> str:
        """What is not as usual, as an address carries it; empty if all is.

        >>> Question(band="high", page=2).query()
        'band=high&page=2'
        """
        usual = Question()
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        return urlencode({k: v for k, v in said.items() if v != getattr(usual, k)})

    def view(self) -> View:
        """What the listing is asked.

        >>> Question(status="all", agreement="differ", sort="arr").view().values
        {'agreement': ('model_riskier', 'health_riskier')}
        """
        asked = {name: getattr(self, name) for name in filters()}
        return View(
            values={
                COLUMN_OF.get(name, name): DISPUTES if value == "differ" else (value,)
                for name, value in asked.items()
                if value not in ("", ALL)
            },
            due_from=date.fromisoformat(self.due_from) if self.due_from else None,
            due_until=date.fromisoformat(self.due_until) if self.due_until else None,
            words=self.q,
            order=ORDER_OF[self.sort],
        )

    @property
    def narrowed(self) -> bool:
        """Whether any filter is set."""
        return self.but(sort="at_risk", size=SIZES[0]) != Question()


def filters() -> tuple[str, ...]:
    """The names of all filters by value, as an address has them."""
    return (*FREE, *CHOICES)


def link(**changes: str | int) -> str:
    """The address of the list under a question.

    >>> link(status="in_grace"), link()
    ('/renewals?status=in_grace', '/renewals')
    """
    query = Question().but(**changes).query()
    return f"/renewals?{query}" if query else "/renewals"


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _whole(text: str, usual: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else usual
