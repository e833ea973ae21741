"""The way on which the origin of a test is reached: plain, unless the test is parametrized with `every_way`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from origin import Origin
from proxy import Way, make_way, server_context

from feeds.fetch import Fetcher


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
