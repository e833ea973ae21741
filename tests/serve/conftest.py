"""Fixtures of the server's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from serve.loopback import (
    LoopbackServer,
    create_test_app,
    run_server,
    write_files,
    write_hostile_files,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackServer]:
    """A server for all tests that change no file."""
    root = tmp_path_factory.mktemp("server") / "public"
    write_files(root)
    write_hostile_files(root)
    with run_server(create_test_app(root), root) as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LoopbackServer]:
    """A server for a test that changes files."""
    root = tmp_path / "public"
    write_files(root)
    with run_server(create_test_app(root), root) as server:
        yield server
