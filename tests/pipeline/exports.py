"""A company's exports for the tests: CSV files that are right, and a source that reads them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from features.stored import relation
from features.tables import BadInput, Finding
from pipeline.ingest import ingest

DATA_FROM = date(2024, 1, 1)

RIGHT = {
    "accounts": """account_id,created_at,name,industry
acme,2024-01-05,Acme,retail
bolt,2024-02-01T10:00:00Z,"Bolt, Inc.",steel
""",
    "subscriptions": """subscription_id,account_id,start_date,term_end,ended_at,arr,seats
s1,acme,2024-01-10,2025-01-10,,1200,10
s2,bolt,2024-02-01,2024-08-01,2024-08-01,500.50,
s3,bolt,2024-08-01,2025-02-01,,600,5
""",
    "usage": """account_id,occurred_at,feature,event_id,count,minutes
acme,2024-06-01T08:30:00Z,reports,e1,3,4.5
bolt,2024-12-31 23:00:00+02:00,billing,e2,1,
""",
    "tickets": """ticket_id,account_id,opened_at,resolved_at,priority,is_incident
t1,acme,2024-06-01T08:30:00Z,,urgent,yes
t2,bolt,2024-12-31,2024-12-31 12:00:00,low,no
""",
    "nps": """response_id,account_id,occurred_at,score
n1,acme,2024-12-31,9
""",
}


class Company:
    """Files and a source in a folder of their own; `csv` and `sql` replace one of them."""

    def __init__(self, folder: Path):
        self.given, self.source, self.out = (
            folder / "export",
            folder / "sources" / "company",
            folder / "tables",
        )
        self.given.mkdir()
        self.source.mkdir(parents=True)
        for name, text in RIGHT.items():
            self.csv(name, text)
            self.sql(name, f"SELECT * FROM raw_{name}")

    def csv(self, name: str, text: str | bytes) -> None:
        path = self.given / f"{name}.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.given / f"{name}.csv").read_text()
        assert old in text
        self.csv(name, text.replace(old, new))

    def sql(self, name: str, text: str) -> None:
        path = self.source / f"{name}.sql"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def ingest(self, data_until: date | None = None, given: str | None = None) -> None:
        ingest(self.source, given or str(self.given), DATA_FROM, data_until, self.out)

    def faults(self, data_until: date | None = None, given: str | None = None) -> list[Finding]:
        """The faults for which the company is refused; nothing may have been written."""
        with pytest.raises(BadInput) as refused:
            self.ingest(data_until, given)
        assert not self.out.exists()
        assert sorted(path.name for path in self.out.parent.iterdir()) == ["export", "sources"]
        return refused.value.findings

    def rows(self, table: str) -> list[dict]:
        rows = duckdb.sql(f"FROM {relation(self.out, table)} ORDER BY ALL").df()
        return rows.astype(object).to_dict("records")
