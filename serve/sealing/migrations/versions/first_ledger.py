"""The first ledger: seals, and the five kinds of content."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table, and the head of an empty chain."""
    op.create_table(
        "seals",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("chain", sa.LargeBinary, nullable=False),
    )
    head = op.create_table(
        "chain_head",
        sa.Column(
            "id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False
        ),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "count": 0, "head": bytes(32)}])
    _content(
        "runs",
        sa.Column("run_id", sa.Text, nullable=False, unique=True),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("within", sa.BigInteger, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("bundle_sha256", sa.Text, nullable=False),
        sa.Column("features_sha256", sa.Text, nullable=False),
        sa.Column("params_sha256", sa.Text, nullable=False),
        sa.Column("renewals", sa.BigInteger, nullable=False),
        sa.Column("arr", sa.Double, nullable=False),
        sa.Column("published_at", sa.DateTime, nullable=False),
    )
    _content(
        "predictions",
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("prediction_id", sa.Text),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("due_date", sa.Date, nullable=False),
        sa.Column("days_to_due", sa.BigInteger),
        sa.Column("month_to_month", sa.Boolean),
        sa.Column("segment", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("plan", sa.Text),
        sa.Column("arr_due", sa.Double),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("churn_probability", sa.Double),
        sa.Column("churn_low", sa.Double),
        sa.Column("churn_high", sa.Double),
        sa.Column("upsell_probability", sa.Double),
        sa.Column("expected_arr_renewed", sa.Double),
        sa.Column("risk_band", sa.Text),
        sa.Column("health_score", sa.Double),
        sa.Column("health_band", sa.Text),
        sa.Column("health_refitted", sa.Double),
        sa.Column("early_warning", sa.Boolean),
        sa.Column("csm_call", sa.Double),
        sa.Column("base_rate", sa.Double),
    )
    op.create_index("predictions_by_renewal", "predictions", ["due_date", "account_id"])
    _content(
        "outcomes",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("due_date", sa.Date, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("arr_due", sa.Double),
        sa.Column("arr_kept", sa.Double),
        sa.Column("arr_renewed", sa.Double),
        sa.Column("month_to_month", sa.Boolean),
        sa.Column("early", sa.Boolean),
        sa.Column("known_on", sa.Date, nullable=False),
        sa.Column("recorded_at", sa.DateTime, nullable=False),
    )
    op.create_index("outcomes_by_renewal", "outcomes", ["due_date", "account_id"])
    _content(
        "assignments",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("due_date", sa.Date),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("stratum", sa.Text),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("share", sa.Double),
        sa.Column("holdout_salt", sa.Text),
        sa.Column("recorded_at", sa.DateTime, nullable=False),
    )
    _content(
        "forgettings",
        sa.Column("sequences", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.DateTime, nullable=False),
    )


def _content(name: str, *columns: sa.Column) -> None:
    whose = sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False)
    op.create_table(name, whose, sa.Column("salt", sa.LargeBinary, nullable=False), *columns)
