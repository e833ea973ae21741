"""What notifications say, and how large they are."""

from __future__ import annotations

import json
from typing import Any

from factories import event
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from feeds.model import News
from feeds.push.notification import PAYLOAD_SIZES, NotificationTexts, list_news, make_payloads

TEXTS = NotificationTexts("all.html", "{count} new story", "{count} new stories", "en", "ltr")


def news(*titles: str, **fields: Any) -> list[News]:
    return [News(number, f"urn:x:{number}", title, **fields) for number, title in enumerate(titles, 1)]


def first_payload(articles: list[News], count: int | None = None) -> Any:
    return json.loads(next(iter(make_payloads(articles, count or len(articles), "all", TEXTS))))


def test_R64_one_story_has_its_text_and_its_address() -> None:
    articles = news("Harbour opens", url="https://a.example/1", source="A", summary="It is clean.")
    assert first_payload(articles) == {
        "feed": "all",
        "count": 1,
        "page": "all.html",
        "one": "{count} new story",
        "many": "{count} new stories",
        "lang": "en",
        "dir": "ltr",
        "stories": [{"number": 1, "title": "Harbour opens"}],
        "body": "A · It is clean.",
        "url": "https://a.example/1",
    }


def test_R64_many_stories_are_one_notification() -> None:
    payload = first_payload(news(*map(str, range(10))), 30)
    assert (payload["count"], len(payload["stories"]), "body" in payload) == (30, 10, False)


titles = st.text(st.characters(exclude_categories=()), max_size=400)


@given(st.lists(titles, min_size=1, max_size=12), titles, titles)
def test_R66_payloads_fit_and_become_smaller(headlines: list[str], summary: str, url: str) -> None:
    articles = news(*headlines, summary=summary, url=url, source=summary)
    payloads = list(make_payloads(articles, len(articles), "all", TEXTS))
    assert [len(payload) <= size for payload, size in zip(payloads, PAYLOAD_SIZES, strict=True)] == [True] * 3
    assert all(json.loads(payload)["count"] == len(articles) for payload in payloads)


def test_list_news_reads_what_is_news_alone() -> None:
    item = {
        "id": "urn:x:1",
        "url": "https://a.example/1",
        "title": "One",
        "summary": "About one.",
        "_feeds": {"source": {"id": "a", "title": "The A"}},
    }
    untitled = {"id": "urn:x:2", "content_text": "", "summary": "Only a text, " + "long " * 50}
    entries = [
        (1, structs.replace(event(1, "all", item=json.dumps(item)), is_news=True)),
        (2, structs.replace(event(2, "all", item=json.dumps(untitled)), is_news=True)),
        (3, event(3, "all", item=json.dumps(item))),
        (4, event(4, "all", "retract", None)),
    ]
    (feed, one), (_, two) = list_news(entries)
    assert feed == "all"
    assert one == News(1, "https://x.example/1", "One", "https://a.example/1", "The A", "About one.")
    assert (two.number, two.url, two.summary) == (2, None, two.summary)
    assert two.title.startswith("Only a text, long") and two.title.endswith("…") and len(two.title) <= 150
