"""The way on which the origin of a test is reached: plain, unless the test is parametrized with `every_way`.

Of every test of this folder, the requirements in its name and its way are noted, for `test_ways.py`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from origin import Origin
from proxy import Way, make_way, server_context

from feeds.fetch import Fetcher

WAYS_OF_ROWS = pytest.StashKey[dict[str, set[str]]]()
ROW = re.compile(r"(?<![A-Za-z0-9])[A-Z][0-9]+(?![A-Za-z0-9])")


@pytest.hookimpl(tryfirst=True)  # before -k and -m take some of them away
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note the ways of each requirement."""
    ways_of_rows: dict[str, set[str]] = defaultdict(set)
    folder = Path(__file__).parent
    own = [item for item in items if item.path.parent == folder and isinstance(item, pytest.Function)]
    for item in own:
        way = item.callspec.params.get("way") if hasattr(item, "callspec") else None
        for row in ROW.findall(item.name.replace("_", " ")) if way else ():
            ways_of_rows[row].add(str(way))
    if {item.path for item in own} == set(folder.glob("test_*.py")):
        config.stash[WAYS_OF_ROWS] = ways_of_rows


@pytest.fixture
def ways_of_rows(request: pytest.FixtureRequest) -> dict[str, set[str]]:
    """The ways on which the tests of this folder prove each requirement."""
    if WAYS_OF_ROWS not in request.config.stash:
        pytest.skip("needs all files of this folder")
    return request.config.stash[WAYS_OF_ROWS]


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    """The way to the origin."""
    yield from make_way(getattr(request, "param", "plain"))


@pytest.fixture
def origin(way: Way) -> Iterator[Origin]:
    """A scripted origin of one's own."""
    server = Origin(server_context() if way.tls else None)
    yield server
    server.close()


@pytest.fixture
def fetcher(way: Way) -> Iterator[Fetcher]:
    """A fetcher that may visit loopback."""
    shared = way.fetcher()
    yield shared
    shared.close()
