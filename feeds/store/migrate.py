"""Creation and migration of the database; Alembic is imported only for a migration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, event

from ..errors import StoreError
from .engines import DatabaseAddress, describe_address, open_engines
from .schema import REVISION, create_schema, metadata
from .sqlite import (
    MIGRATE,
    check_quickly,
    copy_database,
    create_file,
    has_log,
    open_engine,
    table_names,
    translate_errors,
)

SCRIPTS = Path(__file__).parent / "migrations"
ENVIRONMENT = SCRIPTS  # of Alembic, for all databases

VERSION_TABLE = "alembic_version"  # of a file; a PostgreSQL database may hold several groups of tables
# As Alembic makes it.
CREATE_VERSION_TABLE = (
    "CREATE TABLE {0} (version_num VARCHAR(32) NOT NULL, CONSTRAINT {0}_pkc PRIMARY KEY (version_num))"
)
# Small tables, which every start reads anyway. Checking all articles would take minutes: `verify` does that.
CHECKED_TABLES = ("meta", "sources", "visits", "hosts", "ledgers")
EMPTY = (
    "{0} {1}; put a backup in its place (`feeds restore FILE`), or move {0} and the files beside it away: "
    "the store is then begun anew, without the retractions and the dates it held"
)
NEWER_VERSION = (
    "{} was written by a newer version of this program, and this one must not touch it; "
    "install that version again, or restore the copy it made beside it at its first start"
)
NEWER_TABLES = (
    "{} was written by a newer version of this program, and this one must not touch it; install that version here, too"
)


@dataclass(frozen=True, slots=True)
class NewestTables:
    """The tables of a database in their newest form; `checked` are small ones, at which each start looks.

    `name` is that of the group of tables in a PostgreSQL database. `statements` make what SQLAlchemy has no words for,
    in SQLite.
    """

    name: str
    revision: str
    metadata: MetaData
    checked: tuple[str, ...]
    statements: tuple[str, ...] = ()


FEEDS_TABLES = NewestTables("feeds", REVISION, metadata, CHECKED_TABLES)


def create_or_upgrade(
    address: DatabaseAddress, head: str = REVISION, scripts: Path = SCRIPTS, newest: NewestTables = FEEDS_TABLES
) -> None:
    """Create the tables if there are none; migrate older ones to `head`, in a file after a copy of it (F39)."""
    if isinstance(address, Path):
        _create_or_upgrade_file(address, head, scripts, newest)
    else:
        _create_or_upgrade_tables(address, head, scripts, newest)


# ── PostgreSQL ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _create_or_upgrade_tables(url: str, head: str, scripts: Path, newest: NewestTables) -> None:
    """Bring the tables to `head`, or refuse those of an unknown revision; one process at a time."""
    from . import postgres

    with postgres.lock_tables(url, newest.name) as connection:
        revision = postgres.read_revision(connection, newest.name)
        table = postgres.version_table(newest.name)
        if revision is None:
            postgres.create_tables(connection, url, newest.metadata)
            connection.exec_driver_sql(CREATE_VERSION_TABLE.format(table))
            connection.exec_driver_sql(f"INSERT INTO {table} (version_num) VALUES ('{newest.revision}')")
            revision = newest.revision
        connection.commit()
        if revision == head:
            return
        config = _configure(scripts, table)
        if not _is_known(config, revision):
            raise StoreError(NEWER_TABLES.format(describe_address(url)))
        _run_migrations(config, connection, head, describe_address(url))


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _create_or_upgrade_file(path: Path, head: str, scripts: Path, newest: NewestTables) -> None:
    if not path.exists():
        if has_log(path):
            raise StoreError(EMPTY.format(path, "is gone, but not its write-ahead log"))
        with create_file(path) as temporary:
            if head == newest.revision:
                create_tables(temporary, newest)
            else:
                create_with_migrations(temporary, head, scripts)
        return
    engines = open_engines(path)
    try:
        with engines.read() as connection:
            revision = _read_file_revision(connection, path)
            if revision == head:
                check_quickly(connection, path, newest.checked, newest.metadata.tables)
                return
    finally:
        engines.close()
    _upgrade(path, revision, head, scripts)


def create_with_migrations(path: Path, head: str, scripts: Path) -> None:
    """Make the tables of a revision in an empty file."""
    _upgrade(path, None, head, scripts)


def upgrade_copy(path: Path, head: str = REVISION, scripts: Path = SCRIPTS) -> None:
    """Migrate a copy of a database to the newest schema."""
    engines = open_engines(path)
    try:
        with engines.read() as connection:
            revision = read_revision(connection, path)
    finally:
        engines.close()
    if revision != head:
        _upgrade(path, revision, head, scripts, keep_copy=False)


def read_revision(connection: Connection, address: DatabaseAddress, name: str = FEEDS_TABLES.name) -> str | None:
    """Return the revision of the tables of a database; None where PostgreSQL has none yet.

    An empty file, and another program's, raises StoreError.
    """
    if isinstance(address, Path):
        return _read_file_revision(connection, address)
    from . import postgres

    return postgres.read_revision(connection, name)


def require_newest(connection: Connection, url: str) -> None:
    """Raise OutdatedError where the tables of a PostgreSQL database are not the newest of this version any more."""
    from . import postgres

    postgres.require_revision(connection, url, FEEDS_TABLES.name, REVISION)


def _read_file_revision(connection: Connection, path: Path) -> str:
    names = table_names(connection)
    revision: str | None = None
    if VERSION_TABLE in names:
        revision = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
    elif names:
        raise StoreError(f"{path}: this is another program's database; correct `data:` in the configuration")
    if revision is None:
        raise StoreError(EMPTY.format(path, "is empty: it was cut off"))
    return revision


def create_tables(path: Path, newest: NewestTables = FEEDS_TABLES) -> None:
    """Create the tables in their newest form, to which the migrations lead too, in an empty file."""
    engine = open_engine(path, MIGRATE)
    try:
        with translate_errors(path), engine.connect() as connection:
            connection.exec_driver_sql(MIGRATE.begin_statement)
            create_schema(connection, newest.metadata)
            for statement in (*newest.statements, CREATE_VERSION_TABLE.format(VERSION_TABLE)):
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} (version_num) VALUES (?)", (newest.revision,))
            connection.commit()
    finally:
        engine.dispose()


def _upgrade(path: Path, revision: str | None, head: str, scripts: Path, *, keep_copy: bool = True) -> None:
    """Run the migrations from `revision` to `head`, each in a transaction of its own; refuse an unknown revision.

    `keep_copy`: of a database that is there already.
    """
    config = _configure(scripts, VERSION_TABLE)
    if not _is_known(config, revision or head):
        raise StoreError(NEWER_VERSION.format(path))
    if revision is not None and keep_copy:
        copy_database(path, path.with_name(f"{path.stem}-before-{head}{path.suffix}"))
    engine = open_engine(path, MIGRATE)
    # SQLAlchemy's documented way to set how transactions begin that Alembic begins.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(MIGRATE.begin_statement))
    try:
        with translate_errors(path), engine.connect() as connection:
            _run_migrations(config, connection, head, str(path))
    finally:
        engine.dispose()


# ── Alembic ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _configure(scripts: Path, version_table: str) -> Any:
    from alembic.config import Config

    config = Config()
    locations = {"script_location": ENVIRONMENT, "version_locations": scripts / "versions", "path_separator": "newline"}
    for option, value in locations.items():
        config.set_main_option(option, str(value).replace("%", "%%"))
    config.attributes["version_table"] = version_table
    return config


def _is_known(config: Any, revision: str) -> bool:
    from alembic.script import ScriptDirectory

    return revision in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _run_migrations(config: Any, connection: Connection, head: str, place: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    config.attributes["connection"] = connection
    try:
        command.upgrade(config, head)
    except CommandError as error:
        raise StoreError(f"{place} could not be brought up to date, and is as it was: {error}") from error
