"""A browser, a page of it, and an installation with a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browser import Paper, Tab, run_browser, serve_live
from origin import Origin
from s3 import s3_port, s3_proxy, s3_server
from serve.loopback import LoopbackServer
from wire import Wire

__all__ = ["s3_port", "s3_proxy", "s3_server"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for all tests of a module."""
    with run_browser() as browser:
        yield browser


@pytest.fixture
def tab(browser: Any) -> Iterator[Tab]:
    """A page without a history, in which nothing may go wrong that the test does not take out of its messages."""
    tab = Tab(browser)
    yield tab
    faults = tab.faults()
    tab.context.close()
    assert faults == []


@pytest.fixture
def paper(wire: Wire, origin: Origin) -> Paper:
    """An installation with twelve stories."""
    return Paper(wire, origin)


@pytest.fixture
def server(paper: Paper) -> Iterator[LoopbackServer]:
    """The server of that installation."""
    with serve_live(paper.wire) as server:
        yield server
