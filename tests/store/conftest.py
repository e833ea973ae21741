"""Where the tests of the store keep their database."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from feeds.store import DatabaseAddress, migrate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "feeds.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> DatabaseAddress:
    """A database without a row: the test is run with each kind."""
    where: DatabaseAddress = request.getfixturevalue({"sqlite": "path", "postgresql": "prepared_url"}[request.param])
    return where


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The migrations, to which a test may add some."""
    return Path(shutil.copytree(migrate.SCRIPTS, tmp_path / "migrations"))
