"""Creation, migration, checks and copies of the database file; Alembic is imported only for a migration."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, event

from ..errors import StoreError
from .schema import REVISION
from .sqlite import DAMAGED_FILE, MIGRATE, create_file, open_engine, open_engines, translate_errors

SCRIPTS = Path(__file__).parent / "migrations"

# Small tables, which every start reads anyway. Checking all articles would take minutes: `verify` does that.
CHECKED_TABLES = ("meta", "sources", "visits", "hosts", "ledgers")
NEWER_VERSION = (
    "{} was written by a newer version of this program, and this one must not touch it; "
    "install that version again, or restore the copy it made beside it at its first start"
)


def create_or_upgrade(path: Path, head: str = REVISION, scripts: Path = SCRIPTS) -> None:
    """Create the database if there is none, and migrate it to `head`; keep a copy of an older one beside it (F39)."""
    create_file(path)
    engines = open_engines(path)
    try:
        with engines.read() as connection:
            revision = read_revision(connection, path)
            if revision == head:
                _check_quickly(connection, path)
                return
    finally:
        engines.close()
    _upgrade(path, revision, head, scripts)


def read_revision(connection: Connection, path: Path) -> str | None:
    """Return the revision of a database; None for an empty one. Another program's database raises StoreError."""
    names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    if "alembic_version" in names:
        revision: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return revision
    if names:
        raise StoreError(f"{path}: this is another program's database; correct `data:` in the configuration")
    return None


def _upgrade(path: Path, revision: str | None, head: str, scripts: Path) -> None:
    """Run the migrations from `revision` to `head`, each in a transaction of its own; refuse an unknown revision."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    if revision is not None:
        if revision not in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}:
            raise StoreError(NEWER_VERSION.format(path))
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


def find_damage(connection: Connection) -> list[str]:
    """Return every fault that a full check finds; it reads the whole file."""
    faults = [str(fault) for fault in connection.exec_driver_sql("PRAGMA integrity_check").scalars() if fault != "ok"]
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check")
    return faults + [f"row {orphan[1]} of {orphan[0]} belongs to no row of {orphan[2]}" for orphan in orphans]


def _check_quickly(connection: Connection, path: Path) -> None:
    """Raise StoreError for damage that is cheap to find: in the header, the size, and the small tables (F8)."""
    for table in CHECKED_TABLES:
        result = connection.exec_driver_sql(f"PRAGMA quick_check({table})").scalar()
        if result != "ok":
            raise StoreError(f"{path}: {DAMAGED_FILE} ({result})")


def copy_database(path: Path, target: Path) -> None:
    """Write a whole copy while the database is in use, with mode 0600; replace `target` once it is complete (F40)."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(temporary)) as destination:
            source.backup(destination)
        _fsync(temporary)
        temporary.replace(target)
        _fsync(target.parent)
    except (OSError, sqlite3.Error) as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(f"the copy {target} could not be written: {error}") from error


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
