"""Items of JSON Feed, rows R37, R38 and S16."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from render.editions import CASES, FULL_EDITION, article

from feeds.render import json_feed


def test_R37_a_published_item_tells_nothing_of_how_it_was_read() -> None:
    item = json_feed.make_item(FULL_EDITION.articles[0])
    assert item["id"] == "https://news.example.com/rain"
    extension = item["_feeds"]
    assert isinstance(extension, dict)
    assert set(extension) == {"rights", "categories", "comments", "media", "podcast", "source", "extra"}
    assert item["author"] == {
        "name": "Jane Doe",
        "url": "https://news.example.com/jane",
        "avatar": "https://news.example.com/j.png",
    }
    assert item["attachments"] == [
        {
            "url": "https://news.example.com/1.mp3",
            "mime_type": "audio/mpeg",
            "title": "Listen",
            "size_in_bytes": 1234,
            "duration_in_seconds": 65,
        },
        {"url": "https://news.example.com/2.mp4", "mime_type": "video/mp4", "duration_in_seconds": 7.5},
        {"url": "https://news.example.com/3.bin", "mime_type": "application/octet-stream"},
    ]


def test_an_item_tells_where_else_its_story_is() -> None:
    (twice,) = CASES["at other sources"]
    assert json_feed.make_item(twice)["_feeds"] == {
        "also_at": [
            {"title": "A & B", "url": "https://wire.example/%C3%84?a&b"},
            {"url": "https://desk.example/1"},
        ]
    }


def test_an_item_that_was_read_tells_all() -> None:
    item = json_feed.make_item(FULL_EDITION.articles[0], id="u1")
    assert item["id"] == "u1"
    extension = item["_feeds"]
    assert isinstance(extension, dict)
    assert extension["published_id"] == "https://news.example.com/rain"
    assert extension["found"] == {"title": "rss/title"}
    assert extension["reader"] == "rss"


@given(st.text())  # as stored, which is text that UTF-8 can encode (R6)
def test_S16_an_item_for_the_live_stream_is_one_line(title: str) -> None:
    line = json_feed.encode_json(json_feed.make_item(article(title=title)))
    assert not set("\r\n\0") & set(line)
    assert json.loads(line).get("title", "") == title
