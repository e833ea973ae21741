"""Creation and migration of the database; Alembic is imported only for a migration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, MetaData, event

from ..errors import StoreError
from .schema import REVISION, metadata
from .sqlite import (
    MIGRATE,
    check_quickly,
    copy_database,
    create_file,
    has_log,
    open_engine,
    open_engines,
    table_names,
    translate_errors,
)

SCRIPTS = Path(__file__).parent / "migrations"
ENVIRONMENT = SCRIPTS  # of Alembic, for all databases

# As Alembic makes it.
VERSION_TABLE = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
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


@dataclass(frozen=True, slots=True)
class NewestTables:
    """The tables of a database in their newest form; `checked` are small ones, at which each start looks.

    `statements` make what SQLAlchemy has no words for.
    """

    revision: str
    metadata: MetaData
    checked: tuple[str, ...]
    statements: tuple[str, ...] = ()


FEEDS_TABLES = NewestTables(REVISION, metadata, CHECKED_TABLES)


def create_or_upgrade(
    path: Path, head: str = REVISION, scripts: Path = SCRIPTS, newest: NewestTables = FEEDS_TABLES
) -> None:
    """Create the database if there is none; migrate an older one to `head`, and keep a copy of it beside it (F39)."""
    if not path.exists():
        if has_log(path):
            raise StoreError(EMPTY.format(path, "is gone, but not its write-ahead log"))
        with create_file(path) as temporary:
            if head == newest.revision:
                _create(temporary, newest)
            else:
                create_with_migrations(temporary, head, scripts)
        return
    engines = open_engines(path)
    try:
        with engines.read() as connection:
            revision = read_revision(connection, path)
            if revision == head:
                check_quickly(connection, path, newest.checked)
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


def read_revision(connection: Connection, path: Path) -> str:
    """Return the revision of a database. An empty one, and another program's, raises StoreError."""
    names = table_names(connection)
    revision: str | None = None
    if "alembic_version" in names:
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    elif names:
        raise StoreError(f"{path}: this is another program's database; correct `data:` in the configuration")
    if revision is None:
        raise StoreError(EMPTY.format(path, "is empty: it was cut off"))
    return revision


def _create(path: Path, newest: NewestTables) -> None:
    """Create the tables in their newest form, to which the migrations lead too."""
    engine = open_engine(path, MIGRATE)
    try:
        with translate_errors(path), engine.connect() as connection:
            connection.exec_driver_sql(MIGRATE.begin_statement)
            newest.metadata.create_all(connection, checkfirst=False)
            for statement in (*newest.statements, VERSION_TABLE):
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql("INSERT INTO alembic_version (version_num) VALUES (?)", (newest.revision,))
            connection.commit()
    finally:
        engine.dispose()


def _upgrade(path: Path, revision: str | None, head: str, scripts: Path, *, keep_copy: bool = True) -> None:
    """Run the migrations from `revision` to `head`, each in a transaction of its own; refuse an unknown revision.

    `keep_copy`: of a database that is there already.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    locations = {"script_location": ENVIRONMENT, "version_locations": scripts / "versions", "path_separator": "newline"}
    for option, value in locations.items():
        config.set_main_option(option, str(value).replace("%", "%%"))
    if (revision or head) not in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}:
        raise StoreError(NEWER_VERSION.format(path))
    if revision is not None and keep_copy:
        copy_database(path, path.with_name(f"{path.stem}-before-{head}{path.suffix}"))
    engine = open_engine(path, MIGRATE)
    # SQLAlchemy's documented way to set how transactions begin that Alembic begins.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(MIGRATE.begin_statement))
    try:
        with translate_errors(path), engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, head)
    except CommandError as error:
        raise StoreError(f"{path} could not be brought up to date, and is as it was: {error}") from error
    finally:
        engine.dispose()
