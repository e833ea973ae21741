"""Versions of an article: what a reader notices, and which dates stay (C1, R11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from factories import article

from feeds.model import Article, Attachment, Author, replace
from feeds.revision import first_version, is_noticeable, next_version

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STORED = article(
    "1",
    url="http://x.example/1?id=7&sid=a",
    title="Rain",
    summary="Rain, see http://x.example/?utm_source=a",
    html='<p><a href="http://x.example/2?PHPSESSID=1" title="t">two</a><img src="https://c1.example/a.jpg?sig=1"></p>',
    image="https://c1.example/a.jpg?Expires=1&amp;Signature=2",
    published=NOON,
    authors=(Author("Ann"), Author("Bo")),
    tags=("Sea", "land"),
    attachments=(Attachment("https://c1.example/get?id=1&token=a", "audio/mpeg"),),
)
SAME = {
    "session": {"url": "https://x.example/1?id=7&sid=b"},
    "path session": {"url": "http://x.example/1;jsessionid=F00?id=7"},
    "tracking": {"url": "http://x.example/1?id=7&utm_source=feed&fbclid=x"},
    "address in the summary": {"summary": "Rain, see https://x.example/?utm_source=b"},
    "order of tags": {"tags": ("Land", "sea")},
    "host and end of the path": {"url": "http://www.x.example/1/?id=7"},
    "e-mail of an author": {"authors": (Author("Ann", email="ann@x.example"), Author("Bo"))},
    "white space": {"html": STORED.html.replace("<p>", "\n<p> ").replace("<img", "\n  <img")},
    "order of attributes": {
        "html": '<p><a title="t" href="http://x.example/2?PHPSESSID=1">two</a><img src="https://c1.example/a.jpg"></p>'
    },
    "order of authors": {"authors": (Author("Bo"), Author("Ann"))},
    "host of a picture": {"image": "https://c2.example/a.jpg"},
    "addresses in the text": {
        "html": '<p><a href="https://x.example/2?PHPSESSID=2" title="t">two</a><img src="https://c9.example/a.jpg?sig=2"></p>'
    },
    "signature of a file": {"attachments": (Attachment("https://c2.example/get?id=1&token=b", "audio/mpeg"),)},
}
DIFFERENT = {
    "title": {"title": "Hail"},
    "title of a link": {"html": STORED.html.replace('"t"', '"u"')},
    "word": {"html": STORED.html.replace("two", "three")},
    "link": {"html": STORED.html.replace("/2?", "/3?")},
    "picture": {"html": STORED.html.replace("a.jpg", "b.jpg")},
    "page": {"url": "http://x.example/1?id=8"},
    "host of the page": {"url": "http://y.example/1?id=7"},
    "file": {"attachments": (Attachment("https://c1.example/get?id=2&token=a", "audio/mpeg"),)},
    "tag": {"tags": ("Sea",)},
    "author": {"authors": (Author("Ann"),)},
    "date": {"published": NOON + timedelta(hours=1)},
}


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME)
def test_R11_what_changes_with_each_visit_is_not_noticed(changes: dict[str, object]) -> None:
    assert not is_noticeable(replace(STORED, **changes), STORED)


@pytest.mark.parametrize("changes", DIFFERENT.values(), ids=DIFFERENT)
def test_R11_an_edit_is_noticed(changes: dict[str, object]) -> None:
    assert is_noticeable(replace(STORED, **changes), STORED)


@pytest.mark.parametrize(("reader", "expected"), [("xml", NOON), ("json", NOON), ("page:story", None)])
def test_C1_an_entry_that_only_says_updated_is_published_then(reader: str, expected: datetime | None) -> None:
    new = replace(STORED, published=None, modified=NOON, reader=reader)
    assert first_version(new).published == expected


def test_C1_a_date_that_was_shown_stays() -> None:
    stored = replace(STORED, modified=NOON + timedelta(hours=1))
    later = NOON + timedelta(days=1)

    def dates(version: Article) -> tuple[datetime | None, datetime | None]:
        return version.published, version.modified

    assert dates(next_version(replace(stored, published=None, modified=None), stored)) == dates(stored)
    assert dates(next_version(replace(stored, published=None, modified=later), stored)) == (NOON, later)
    assert dates(next_version(replace(stored, published=later), stored)) == (later, stored.modified)
