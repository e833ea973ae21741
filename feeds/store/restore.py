"""Putting a backup in the place of the database."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import count
from pathlib import Path

from sqlalchemy import delete, update

from ..errors import StoreError
from . import migrate
from .engines import DatabaseAddress, describe_address, open_engines, require_no_other_process
from .integrity import find_faults
from .ledgers import forget_etags
from .lock import create_private_directory
from .outbox import select_last_event
from .schema import meta, outbox
from .server_database import add_to_backup, replace_rows, server_path, take_from_backup
from .sqlite import COMPANIONS, copy_database, empty_log, has_log
from .transfer import copy_rows, delete_rows, export_store, is_empty
from .webhook import forget_told

# Events and changes that may have been numbered since the backup: their numbers are left out (F40).
NUMBER_JUMP = 1_000_000


def restore_database(address: DatabaseAddress, backup: Path, folder: Path | None = None) -> Path | None:
    """Put a copy of a backup in the place of the store; return the file in which the store before is now.

    The server's database is put back likewise, where the backup holds its rows; a backup of 0.1 holds none. `folder`
    takes the file in which rows of a PostgreSQL database are kept. The backup is checked, and brought up to date,
    before anything is touched. Its events are forgotten, and the next ones get numbers that none ever had: a client
    that knows a number is told to start anew. The caller holds the locks. Raises StoreError.
    """
    if not backup.is_file():
        raise StoreError(f"{backup} is no file; name one that `feeds backup FILE` wrote")
    folder = address.parent if isinstance(address, Path) else folder
    assert folder is not None
    copy, server_copy = folder / "feeds.db.new", folder / "server.db.restored"
    name = describe_address(address)
    try:
        create_private_directory(copy.parent)
        _copy(backup, copy)
        has_server_tables = _prepare(copy, backup, server_copy, _last_event_number(address))
        if isinstance(address, Path):
            replaced = _set_aside(address)
            copy.replace(address)
            if has_server_tables:
                server = server_path(address)
                _set_aside(server)
                server_copy.replace(server)
        else:
            replaced = _replace_rows(address, copy)
            if has_server_tables:
                replace_rows(address, server_copy)
    except OSError as error:
        raise StoreError(f"{name} could not be replaced: {error.strerror}; it is as it was") from error
    finally:
        for suffix in ("", *COMPANIONS):
            copy.with_name(copy.name + suffix).unlink(missing_ok=True)
        server_copy.unlink(missing_ok=True)
    return replaced


def _replace_rows(url: str, copy: Path) -> Path | None:
    """Put the rows of a file into the tables of a PostgreSQL database; keep those before in a file beside it."""
    migrate.create_or_upgrade(url)
    engines, file = open_engines(url), open_engines(copy)
    try:
        with engines.read() as connection:
            require_no_other_process(connection, url)
            replaced = None if is_empty(connection) else _choose_free_name(copy.with_name("feeds.db"))
        if replaced is not None:
            export_store(engines, replaced, complete=lambda copy: add_to_backup(url, copy))
        with engines.write() as connection, file.read() as source:
            delete_rows(connection)
            copy_rows(source, connection)
        return replaced
    finally:
        engines.close()
        file.close()


def _copy(backup: Path, copy: Path) -> None:
    try:
        copy_database(backup, copy, in_use=has_log(backup))
    except StoreError as error:
        raise StoreError(
            f"{backup} cannot be copied to {copy.parent}: {error.__cause__}; name a file that `feeds backup FILE` wrote"
        ) from error


def _prepare(copy: Path, backup: Path, server_copy: Path, last_event_number: int) -> bool:
    """Check the copy of a backup, bring it up to date, and let its event numbers jump forward.

    Return whether it held the server's tables, which `server_copy` holds then.
    """
    try:
        has_server_tables = take_from_backup(copy, server_copy)
        migrate.upgrade_copy(copy)
        engines = open_engines(copy)
        try:
            with engines.read() as connection:
                faults = find_faults(connection)
            if faults:
                raise StoreError(f"{backup} is damaged ({faults[0]}); take another backup")
            with engines.write() as connection:
                newest = max(last_event_number, select_last_event(connection))
                connection.execute(delete(outbox))
                forget_etags(connection)
                forget_told(connection, NUMBER_JUMP)
                connection.execute(
                    update(meta).values(
                        last_event=newest + NUMBER_JUMP, last_change_number=meta.c.last_change_number + NUMBER_JUMP
                    )
                )
        finally:
            engines.close()
        return has_server_tables
    except StoreError as error:
        message = str(error).replace(f"{server_copy}.new", str(backup)).replace(str(copy), str(backup))
        raise StoreError(message) from error


def _last_event_number(address: DatabaseAddress) -> int:
    """Return the number of the last event of a database; 0 where there is none, or it cannot be read."""
    if isinstance(address, Path) and not address.exists():
        return 0
    engines = open_engines(address)
    try:
        with suppress(StoreError), engines.read() as connection:
            return select_last_event(connection)
        return 0
    finally:
        engines.close()


def _set_aside(path: Path) -> Path | None:
    """Keep the database under another name, which is returned, so that its own can be replaced in one step."""
    if not path.exists():
        return None
    with suppress(StoreError):  # a damaged one keeps its log
        empty_log(path)
    aside = _choose_free_name(path)
    try:
        os.link(path, aside)
    except OSError:  # a file system without hard links
        path.rename(aside)
    for name in COMPANIONS:
        with suppress(FileNotFoundError):
            path.with_name(path.name + name).rename(aside.with_name(aside.name + name))
    return aside


def _choose_free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.stem}-replaced-{number}{path.suffix}") for number in count(1))
    return next(name for name in names if not name.exists())
