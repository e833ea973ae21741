"""What all tests share: a scripted origin on loopback, and a fence around it."""

from __future__ import annotations

import compileall
import ipaddress
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

import forked
import postgres
from factories import SITE
from lasting import LastingWorkers
from origin import ALLOW, Origin
from wire import STORE, Wire, new_wire

import feeds
from feeds.app import document_readers
from feeds.fetch import Fetcher

# A shell starts its background jobs with SIGINT ignored, and what they start inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where the environment forbids to write bytecode, hundreds of processes would each compile the program anew.
if "PYTEST_XDIST_WORKER" not in os.environ:
    compileall.compile_dir(str(Path(feeds.__file__).parent), quiet=2)

# What tests write need not outlive the machine: in memory it takes half of the processor's time.
MEMORY, ENOUGH = Path("/dev/shm"), 4_000_000_000  # bytes
if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

# How long an example takes is the machine's affair.
settings.register_profile("feeds", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("feeds")

BLOCKED: list[object] = []


def _local(host: object) -> bool:
    name = (host.decode("latin-1") if isinstance(host, bytes) else str(host or "localhost")).partition("%")[0]
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback or name in ("0.0.0.0", "::")
    except ValueError:
        return False


def _fence(event: str, arguments: tuple[object, ...]) -> None:
    """Let nothing out of this machine: neither connections nor look-ups of names."""
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and not _local(address[0]):
            BLOCKED.append(address)
            raise OSError(f"tests talk to loopback only, not to {address}")
    elif event == "socket.getaddrinfo" and not _local(arguments[0]):
        try:
            ipaddress.ip_address(str(arguments[0]))
        except ValueError:
            raise socket.gaierror(socket.EAI_NONAME, "tests look up no names") from None


sys.addaudithook(_fence)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Write the bytecode of tests, but not that of modules which tests make and change within a second."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        return (yield)
    finally:
        sys.dont_write_bytecode = before


@pytest.fixture(scope="session", autouse=True)
def _lasting_processes() -> Iterator[None]:
    """Processes that take long to start serve many tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document_readers, "Workers", LastingWorkers)
        yield
    LastingWorkers.end_all()
    forked.close()
    postgres.close()


@pytest.fixture(autouse=True)
def blocked() -> Iterator[list[object]]:
    """The addresses this test tried to reach outside; it fails if any are left in the list at its end."""
    BLOCKED.clear()
    yield BLOCKED
    assert not BLOCKED, f"tried to leave loopback: {BLOCKED}"


@pytest.fixture(autouse=True)
def _log_levels() -> Iterator[None]:
    """Restore the levels of loggers that a command in this process changes, and remove its handlers."""
    loggers = [logging.getLogger(name) for name in (None, "feeds", "feeds.daemon", "feeds.server")]
    levels, handlers = [logger.level for logger in loggers], loggers[0].handlers[:]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    loggers[0].handlers[:] = handlers


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of some modules with each kind of store."""
    is_only = metafunc.definition.get_closest_marker("sqlite")
    if "wire" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both_stores") and not is_only:
        metafunc.parametrize("wire", ["sqlite", "postgresql"] if STORE == "sqlite" else [STORE], indirect=True)


@pytest.fixture(autouse=True)
def _needed_store(request: pytest.FixtureRequest) -> None:
    marker = request.node.get_closest_marker("sqlite")
    if STORE != "sqlite" and marker:
        pytest.skip(*marker.args or ["it is about a store in a file"])


@pytest.fixture
def wire(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Wire]:
    """An installation of its own; with FEEDS_TEST_STORE=postgresql, each has its store in such a database."""
    with new_wire(tmp_path, getattr(request, "param", STORE)) as wire:
        yield wire


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A scripted origin of one's own."""
    server = Origin()
    yield server
    server.close()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The address of an empty PostgreSQL database of the test's own."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def prepared_url() -> Iterator[str]:
    """The address of a PostgreSQL database of the test's own, with the tables of the program."""
    with postgres.database(has_tables=True) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def server_address(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """The database of a server without a row: the test is run with each kind."""
    if request.param == "sqlite":
        return tmp_path / "data" / "server.db"
    url: str = request.getfixturevalue("prepared_url")
    return url


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    """A fetcher that may visit loopback."""
    shared = Fetcher(SITE, allow=ALLOW)
    yield shared
    shared.close()
