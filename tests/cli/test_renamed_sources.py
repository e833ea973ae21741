"""A source that has the address of one that is no longer declared is told of, before its stories come twice (D3)."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from command import RunCommand
from origin import Document, Origin
from wire import Wire, document

SENTENCE = (
    "the source new has the address of old, which is no longer declared: `was: [old]` hands over its articles (4)"
)


@pytest.fixture
def warnings(feeds: RunCommand) -> Callable[[], list[str]]:
    """Return a function that returns the warnings of `feeds check`, as far as they are about renamed sources."""
    return lambda: [line for line in feeds("check", "--json").json["warnings"] if "no longer declared" in line]


def test_D3_check_compares_with_the_store(
    wire: Wire, feeds: RunCommand, origin: Origin, warnings: Callable[[], list[str]]
) -> None:
    url = origin.put("/a", document())
    wire.declare({"old": url})
    assert warnings() == []
    feeds("run")
    for address in (url, url + "/", url.upper().replace("/A", "/a").replace("HTTP:", "http:")):
        wire.declare({"new": address})
        assert [line.partition(", without")[0] for line in warnings()] == [SENTENCE]
    for sources in ({"new": {"feed": url, "was": ["old"]}}, {"old": url, "new": url}, {"new": url + "?b"}):
        wire.declare(sources)
        assert warnings() == []
    wire.declare({"new": url})
    feeds("run")
    assert len(warnings()) == 1  # until the articles are handed over
    assert len(wire.items()) == 4
    wire.declare({"new": {"feed": url, "was": ["old"]}})
    feeds("run")
    assert warnings() == []


def test_D3_files_are_the_same_only_in_the_same_folder(
    wire: Wire, feeds: RunCommand, warnings: Callable[[], list[str]]
) -> None:
    folder = wire.home / "config" / "a"
    folder.mkdir(parents=True)
    (folder / "story.md").write_text("# A story\n\nof ours")
    wire.declare({"old": {"files": "a/*.md"}})
    feeds("run")
    wire.declare({"new": {"files": "a/*.md"}})
    assert len(warnings()) == 1
    wire.declare({"new": {"files": "b/*.md"}})
    assert warnings() == []


def test_D3_start_and_reload_warn_once(wire: Wire, origin: Origin, caplog: pytest.LogCaptureFixture) -> None:
    def told() -> int:
        return sum("no longer declared" in record.getMessage() for record in caplog.records)

    caplog.set_level(logging.WARNING)
    url = origin.put("/a", document())
    wire.declare({"old": url})
    with wire.app() as app:
        app.turn()
        wire.declare({"new": url})
        app.reload()
        assert told() == 1
        app.reload()
    wire.turn()
    assert told() == 1


def test_D3_an_outline_that_got_a_source_of_its_own_is_told_of(
    wire: Wire, feeds: RunCommand, origin: Origin, warnings: Callable[[], list[str]]
) -> None:
    url = origin.put("/ann", document())
    outline = f'<opml version="2.0"><body><outline type="rss" text="Ann" xmlUrl="{url}"/></body></opml>'
    wire.declare({"friends": {"opml": origin.put("/list", Document(outline.encode()))}})
    feeds("run")
    wire.declare({"ann": url})
    assert len(warnings()) == 1
    wire.declare({"ann": {"feed": url, "was": ["friends/ann"]}})
    assert warnings() == []
