"""Alembic's door: runs the migrations on the connection that `feeds.store.migrate` hands over."""

from __future__ import annotations

from alembic import context
from alembic.util import CommandError

connection = context.config.attributes["connection"]


def _check_references(*_: object, **__: object) -> None:
    """Foreign keys are off while tables are rebuilt, so they are looked at before each migration commits."""
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken:
        raise CommandError(f"row {broken[1]} of {broken[0]} would belong to no row of {broken[2]}")


context.configure(
    connection=connection,
    # SQLite can undo changes of its schema; told so, Alembic leaves nothing behind of a killed migration (F39).
    transactional_ddl=True,
    transaction_per_migration=True,
    on_version_apply=_check_references,
)
with context.begin_transaction():
    context.run_migrations()
