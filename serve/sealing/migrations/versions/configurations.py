"""The parameters that runs were made with, by their hash."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create their table; runs sealed before have none."""
    op.create_table(
        "configurations",
        sa.Column("params_sha256", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
