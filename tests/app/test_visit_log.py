"""The log line of each visit, and the fields of its record."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from origin import KEEP, Document, Origin, raw, reply
from wire import Wire, document, rss

NOT_FOUND = {"outcome": "failure", "status": 404, "kind": "status"}


@pytest.fixture
def visits(caplog: pytest.LogCaptureFixture, wire: Wire) -> Any:
    """Return a function that makes a turn and returns the fields of each visit's log record, and its message."""
    caplog.set_level(logging.INFO, "feeds.visit")

    def turn(**options: object) -> dict[str, tuple[dict[str, object], str]]:
        caplog.clear()
        wire.turn(**options)
        records = [record for record in caplog.records if record.name == "feeds.visit"]
        return {vars(record)["source"]: (vars(record), record.getMessage()) for record in records}

    return turn


def test_D1_each_visit_is_a_line_with_its_facts(wire: Wire, origin: Origin, visits: Any) -> None:
    body = rss(("1", "One"), ("2", "Two"))
    documents = {"same": document(etag='"1"'), "edited": Document(body), "equal": Document(body)}
    sources: dict[str, object] = {name: origin.put(f"/{name}", document) for name, document in documents.items()}
    wire.declare(sources | {"lost": origin.url("/lost"), "no-feed": origin.put("/page", Document(b"nothing"))})
    fields, message = visits()["edited"]
    counts = {"new": 2, "changed": 0, "removed": 0, "pages": 0, "outlines": 0}
    assert fields.items() >= ({"outcome": "harvest", "status": 200, "bytes": len(body), "page": None} | counts).items()
    assert isinstance(fields["ms"], int)
    assert message.startswith(f"edited: 2 new articles (200, {len(body)} bytes, ")
    documents["edited"].body = rss(("1", "Uno"), ("2", "Two"), ("3", "Three"))
    second = visits(everything=True)
    fields, message = second["edited"]
    assert fields.items() >= {"new": 1, "changed": 1}.items()
    assert message.startswith("edited: 1 new article, 1 changed (200, ")
    assert second["same"][0].items() >= {"outcome": "not_modified", "status": 304, "bytes": 0}.items()
    assert second["equal"][0].items() >= {"outcome": "not_modified", "status": 200, "bytes": len(body)}.items()
    assert second["equal"][1].startswith("equal: not modified (200, ")
    assert second["lost"][0].items() >= NOT_FOUND.items()
    assert second["lost"][1].startswith(f"lost: {second['lost'][0]['sentence']} (404, 0 bytes, ")
    assert second["no-feed"][0].items() >= {"outcome": "failure", "status": 200, "bytes": 7}.items()


def test_D1_pages_files_and_lists_have_lines_too(
    wire: Wire, origin: Origin, visits: Any, caplog: pytest.LogCaptureFixture
) -> None:
    origin.put("/story", raw(reply(b"", 404), KEEP))
    feed = (
        f"<rss version='2.0'><channel><item><title>A</title><link>{origin.url('/story')}</link></item></channel></rss>"
    )
    settings = {"feed": origin.put("/feed", Document(feed.encode())), "full_text": True}
    outline = f'<opml version="2.0"><body><outline type="rss" xmlUrl="{origin.put("/x", document())}"/></body></opml>'
    story = wire.home / "config" / "story.md"
    story.parent.mkdir()
    story.write_text("# A story\n\nof ours")
    wire.declare(
        {
            "open": settings,
            "hidden": settings | {"private": True},
            "desk": {"files": "*.md"},
            "friends": {"opml": origin.put("/list", Document(outline.encode()))},
        }
    )
    fields, message = visits()["desk"]
    assert fields.items() >= {"new": 1, "status": None, "bytes": len(story.read_bytes())}.items()
    assert message.startswith(f"desk: 1 new article ({fields['bytes']} bytes, ")
    records = [vars(record) for record in caplog.records if record.name == "feeds.visit"]
    listings = {record["source"]: record for record in records if record["outcome"] == "harvest"}
    assert (listings["friends"]["outlines"], listings["open"]["pages"]) == (1, 1)
    assert "1 story page to visit" in listings["open"]["message"]
    pages = {record["source"]: record["page"] for record in records if record["outcome"] == "failure"}
    assert pages == {"open": origin.url("/story"), "hidden": None}
    assert all("/story" not in record["message"] for record in records if record["source"] == "hidden")
