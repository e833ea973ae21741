"""The links between the documents of a feed, RFC 5005."""

from __future__ import annotations

import factories
from lxml import etree
from render import validators
from render.editions import ATOM, FEED, NOON, SITE, article

from feeds.model import Document, Feed, replace
from feeds.render import render

ARCHIVE = "https://wire.example.org/archive/world/"
HISTORY = {"fh": "http://purl.org/syndication/history/1.0"}


def documents(feed: Feed = FEED, **place: int) -> dict[str, Document]:
    edition = replace(factories.edition(article(), feed=feed, site=SITE, updated=NOON), **place)
    return {document.path: document for document in render(edition)}


def links(document: Document) -> dict[str, str]:
    """The address by relation, of the links of a feed."""
    root = etree.fromstring(document.body)
    elements = root.findall("a:link", ATOM) + root.findall("channel/a:link", ATOM)
    return {element.attrib["rel"]: element.attrib["href"] for element in elements}


def test_R41_a_feed_without_archives_says_nothing_of_them() -> None:
    for path in ("world.rss", "world.atom"):
        document = documents()[path]
        assert not {"current", "prev-archive", "next-archive"} & links(document).keys()
        assert b"purl.org/syndication/history" not in document.body


def test_R42_subscription_documents_lead_to_the_newest_archive() -> None:
    found = documents(prev_archive=7)
    assert list(found) == ["world.rss", "world.atom", "world.json", "world.html"]
    for path in ("world.rss", "world.atom"):
        assert links(found[path])["prev-archive"] == f"{ARCHIVE}7.atom"
        assert links(found[path])["self"] == f"https://wire.example.org/{path}"
    assert b"next_url" not in found["world.json"].body  # pages and archives are not mixed


def test_R42_an_archive_document_leads_to_the_older_one_and_to_the_feed() -> None:
    found = documents(archive=7, prev_archive=6)
    assert list(found) == ["archive/world/7.atom", "archive/world/7.html"]
    document, page = found.values()
    assert validators.atom(document.body) == []
    root = etree.fromstring(document.body)
    assert len(root.findall("fh:archive", HISTORY)) == 1
    assert root.find("fh:complete", HISTORY) is None
    assert root.findtext("a:id", None, ATOM) == etree.fromstring(documents()["world.atom"].body).findtext(
        "a:id", None, ATOM
    )
    assert links(document) == {
        "self": f"{ARCHIVE}7.atom",
        "alternate": "https://wire.example.org/",
        "current": "https://wire.example.org/world.atom",
        "prev-archive": f"{ARCHIVE}6.atom",
    }
    assert b'href="../../assets/feed.css"' in document.body
    for path in ("../../assets/page.css", "../../archive/world/6.html", "../../world.html"):
        assert f'href="{path}"'.encode() in page.body


def test_R42_the_oldest_archive_leads_no_further() -> None:
    document, page = documents(archive=1).values()
    assert "prev-archive" not in links(document)
    assert b'rel="prev"' not in page.body


def test_a_feed_is_written_in_its_formats_alone() -> None:
    only_rss = replace(FEED, formats=("rss",))
    assert list(documents(only_rss, prev_archive=7)) == ["world.rss"]
    assert "prev-archive" not in links(documents(only_rss, prev_archive=7)["world.rss"])
    assert not documents(only_rss, archive=7)
