"""The ledger's tables from version to version, run by Alembic from inside the package."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

HERE = Path(__file__).parent


def upgrade(connection: Connection) -> None:
    """Bring a database to the newest version, inside the transaction that is open."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(HERE))
    steps = EnvironmentContext(
        Config(), scripts, fn=lambda version, _: scripts._upgrade_revs("head", version)
    )
    with steps:
        steps.configure(connection=connection, transactional_ddl=True)
        steps.run_migrations()
