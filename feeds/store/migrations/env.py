"""The environment of Alembic, which runs the migrations on the connection that `feeds.store.migrate` hands over."""

from __future__ import annotations

from alembic import context
from alembic.util import CommandError

from feeds.store.sqlite import find_orphans

connection = context.config.attributes["connection"]


def _check_references(*_: object, **__: object) -> None:
    """Raise CommandError where a migration breaks a foreign key: in SQLite they are off while tables are rebuilt."""
    for row in find_orphans(connection) if connection.dialect.name == "sqlite" else ():
        raise CommandError(f"row {row[1]} of {row[0]} would belong to no row of {row[2]}")


context.configure(
    connection=connection,
    version_table=context.config.attributes["version_table"],
    # The databases can undo changes of their schema: with this, a killed migration leaves nothing behind (F39).
    transactional_ddl=True,
    transaction_per_migration=True,
    on_version_apply=_check_references,
)
with context.begin_transaction():
    context.run_migrations()
