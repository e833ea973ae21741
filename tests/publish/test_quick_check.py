"""The quick check: what readers could not take stays unpublished, the last good document stands, others go on."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass

import pytest
from origin import Origin
from render.editions import CASES, FULL_EDITION, render_files
from wire import Wire, document

from feeds.app.document_publisher import DocumentPublisher
from feeds.app.feed_issuer import FeedIssuer
from feeds.config import load
from feeds.errors import PublishError
from feeds.model import Article, StepContext, replace
from feeds.publication_gate import PublicationGate
from feeds.publish import LARGE_SIZE, open_target
from feeds.publish.quick_check import check_document

FULL = {suffix: body.decode() for suffix, body in render_files(*FULL_EDITION.articles).items()}
# What is done to a sound document: a pattern and what stands there instead, and what is found.
BROKEN = (
    ("rss", r"</item>", "", "cannot be parsed"),
    ("rss", r"\A(?s:.*)", "", "cannot be parsed"),
    ("rss", r"(?<=<channel>)<title>[^<]*</title>", "", "has no channel with title, link and description"),
    ("rss", r"<guid[^>]*>[^<]*</guid>", "", "holds an item without guid"),
    ("rss", r"<pubDate>[^<]*</pubDate>", "", "holds an item without date"),
    ("rss", r"(?<=<pubDate>)[^<]*", "2026-11-22", "holds the date 2026-11-22"),
    ("rss", r' type="audio/mpeg"', "", "holds an enclosure without url, length or type"),
    ("rss", r'(?<= url=")https://news.example.com/1.mp3', "/1.mp3", "holds the address /1.mp3"),
    ("rss", r"(?<=<link>)https://news.example.com/2", "https://ü.example/", "holds the address https://ü.example/"),
    ("rss", r"(?<=<guid isPermaLink=\"false\">)[^<]*", "urn:x:1", "holds urn:x:1 twice"),
    ("atom", r"</feed>", "", "cannot be parsed"),
    ("atom", r"<id>[^<]*</id>", "", "is no feed with id, title and updated"),
    ("atom", r"(?<=<entry>)<id>[^<]*</id>", "", "holds an entry without id, title or updated"),
    ("atom", r"(?<=<updated>)\d{4}", "soon", "holds the date soon"),
    ("atom", r"(?<= href=\")https:", "", "holds the address //"),
    ("atom", r"(?<=<entry><id>)[^<]*", "urn:x:1", "holds urn:x:1 twice"),
    ("json", r"\}\n\Z", "", "cannot be parsed"),
    ("json", r'"title":"World', '"name":"World', "cannot be parsed"),
    ("json", r'"content_\w+":', '"content":', "holds an item without content"),
    ("json", r'"id":"(?:https|tag):[^"]*"', '"id":"urn:x:1"', "holds urn:x:1 twice"),
    ("json", r'"date_\w+":', '"date":', "holds an item without date"),
    ("json", r'(?<="url":")https:', "", "cannot be parsed"),
    ("json", r'(?<="date_published":")2026', "soon", "cannot be parsed"),
)


@pytest.mark.parametrize("case", CASES)
def test_R15_to_R40_a_sound_document_passes(case: str) -> None:
    for suffix, body in render_files(*CASES[case]).items():
        assert check_document(f"archive/world/1.{suffix}", body) == []


@pytest.mark.parametrize(("suffix", "pattern", "replacement", "fault"), BROKEN)
def test_R15_to_R40_a_broken_document_does_not_pass(suffix: str, pattern: str, replacement: str, fault: str) -> None:
    body = re.sub(pattern, replacement, FULL[suffix])
    assert any(found.startswith(fault) for found in check_document(f"world.{suffix}", body.encode()))


def test_a_format_without_a_check_passes() -> None:
    assert check_document("world.csv", b"\xff") == []


@dataclass(frozen=True)
class EqualIds:
    """A faulty step: it gives all articles one id."""

    def start(self, context: StepContext) -> object:
        return lambda article: replace(article, published_id="urn:x:1")


@dataclass(frozen=True)
class LongText:
    """A step that makes articles too long for many readers."""

    def start(self, context: StepContext) -> object:
        return self._lengthen

    def _lengthen(self, article: Article) -> Article:
        return replace(article, html="<p>Text</p>" * (LARGE_SIZE // 20))


def _issue(wire: Wire, step: object) -> FeedIssuer:
    """Issue the feed `a` with a further step, then the feed `b`."""
    config = load(wire.config, {})
    with wire.app() as app:
        store = app.store
        gate = PublicationGate(frozenset(), store.authority)
        issuer = FeedIssuer(
            config, config.sources, store, DocumentPublisher(open_target(config.public), gate), lambda: wire.now
        )
        changed = replace(config.feeds["a"], steps=(step,), fingerprint="another")
        issuer.issue([(changed, 9), (config.feeds["b"], 9)], lambda: False, rewrite=True)
        issuer.statuses = store.publishing()
    return issuer


def test_a_document_that_fails_stays_unpublished_and_the_last_good_one_stands(wire: Wire, origin: Origin) -> None:
    wire.declare({"s": origin.put("/s", document())}, {"a": {}, "b": {}})
    wire.turn()
    before = wire.inodes()
    (wire.public / "b.rss").unlink()
    issuer = _issue(wire, EqualIds())
    after = wire.inodes()
    assert after.keys() == before.keys()
    changed = {path for path in after if after[path] != before[path]}
    assert changed == {str(wire.public / "b.rss")}
    with pytest.raises(PublishError, match=r"\Aa\.rss is not published, and the last good one stays: it holds urn:x:1"):
        issuer.raise_errors()
    assert "holds urn:x:1 twice" in (issuer.statuses["a"].error or "")
    assert issuer.statuses["b"].error is None


def test_R14_a_document_that_grows_large_is_published_and_told_once(
    wire: Wire, origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    wire.declare({"s": origin.put("/s", document())}, {"a": {}, "b": {}})
    wire.turn()
    caplog.set_level(logging.WARNING, "feeds.app")
    for _ in range(2):
        _issue(wire, LongText()).raise_errors()
    (record,) = caplog.records
    assert {"a.atom", "a.json", "a.rss"} <= set(str(record.args[0]).split(", "))  # type: ignore[index]
    assert len(json.loads((wire.public / "a.json").read_bytes())["items"]) == 4
