"""The list of feeds as OPML."""

from __future__ import annotations

from lxml import etree
from render.editions import FEED, SITE

from feeds.model import Feed
from feeds.render import render_feed_list


def test_the_list_of_our_feeds_names_each_with_its_address() -> None:
    document = render_feed_list(SITE, [FEED, Feed("plain", "Plain\x00")])
    root = etree.fromstring(document.body)
    assert (document.path, root.get("version"), root.findtext("head/title")) == ("feeds.opml", "2.0", SITE.title)
    first, second = (dict(outline.attrib) for outline in root.iterfind("body/outline"))
    assert first == {
        "type": "rss",
        "text": "World <news> & more",
        "title": "World <news> & more",
        "description": "What matters",
        "xmlUrl": "https://wire.example.org/world.rss",
        "htmlUrl": "https://wire.example.org/",
        "language": "en",
    }
    assert second["text"] == "Plain"
