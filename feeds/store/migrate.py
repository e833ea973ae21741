"""Bring a database to the newest shape with Alembic, which is imported only when there is something to do."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, event

from ..errors import StoreError
from .schema import REVISION
from .sqlite import DAMAGED, MIGRATE, connect, engine, make_file, translated

SCRIPTS = Path(__file__).parent / "migrations"

# Small tables that every start reads anyway. To check all articles would take minutes where there are many: `verify`.
CHECKED = ("meta", "sources", "visits", "hosts", "ledgers")
NEWER = (
    "{} was written by a newer version of this program, and this one must not touch it; "
    "install that version again, or restore the copy it made beside it at its first start"
)


def prepare(path: Path, head: str = REVISION, scripts: Path = SCRIPTS) -> None:
    """Make the database when there is none, and bring it to `head`; a copy of an older one is kept beside it (F39)."""
    make_file(path)
    engines = connect(path)
    try:
        with engines.read() as connection:
            found = revision(connection, path)
            if found == head:
                _check(connection, path)
                return
    finally:
        engines.close()
    _upgrade(path, found, head, scripts)


def revision(connection: Connection, path: Path) -> str | None:
    """The revision a database is at; none for an empty one."""
    names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    if "alembic_version" in names:
        found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return found
    if names:
        raise StoreError(f"{path}: this is another program's database; correct `data:` in the configuration")
    return None


def _upgrade(path: Path, found: str | None, head: str, scripts: Path) -> None:
    """Run the migrations from `found` to `head`, each in a transaction of its own; an unknown revision is refused."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    if found is not None:
        if found not in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}:
            raise StoreError(NEWER.format(path))
        copy(path, path.with_name(f"{path.stem}-before-{head}{path.suffix}"))
    migrating = engine(path, MIGRATE)
    # SQLAlchemy's documented way to say how transactions begin where it is Alembic that begins them.
    event.listen(migrating, "begin", lambda connection: connection.exec_driver_sql(MIGRATE.begin))
    try:
        with translated(path), migrating.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, head)
    except CommandError as error:
        raise StoreError(f"{path} could not be brought up to date, and is as it was: {error}") from error
    finally:
        migrating.dispose()


def damage(connection: Connection) -> list[str]:
    """Every fault that a full check finds; it reads the whole file."""
    faults = [str(fault) for fault in connection.exec_driver_sql("PRAGMA integrity_check").scalars() if fault != "ok"]
    strays = connection.exec_driver_sql("PRAGMA foreign_key_check")
    return faults + [f"row {stray[1]} of {stray[0]} belongs to no row of {stray[2]}" for stray in strays]


def _check(connection: Connection, path: Path) -> None:
    """Look for damage where it is cheap: the header, the size, and the tables that every start reads (F8)."""
    for table in CHECKED:
        answer = connection.exec_driver_sql(f"PRAGMA quick_check({table})").scalar()
        if answer != "ok":
            raise StoreError(f"{path}: {DAMAGED} ({answer})")


def copy(path: Path, target: Path) -> None:
    """Write a whole copy while others use the database, in place only when complete, for its owner alone (F40)."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as source, closing(sqlite3.connect(temporary)) as sink:
            source.backup(sink)
        _flush(temporary)
        temporary.replace(target)
        _flush(target.parent)
    except (OSError, sqlite3.Error) as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(f"the copy {target} could not be written: {error}") from error


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
