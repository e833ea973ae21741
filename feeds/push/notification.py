"""What a notification says: of one story its headline, of several their number and the newest headlines.

The service worker (`sw.js`) shows it, together with what an earlier notification of the same feed still shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..model import News, NumberedEvent

MAX_STORIES = 10  # that are named; the others are counted
MAX_TITLE, MAX_SUMMARY, MAX_URL = 150, 300, 1000  # characters
# Bytes of a payload; the second and third for a service that takes no more (413). R66: encrypted, 4,096 at most.
PAYLOAD_SIZES = (3000, 1000, 300)


@dataclass(frozen=True, slots=True)
class NotificationTexts:
    """The texts of the notifications of one feed: its page, relative to the site; `one` and `many` hold {count}."""

    page: str
    one: str
    many: str
    language: str
    direction: str


def list_news(events: Sequence[NumberedEvent]) -> Iterator[tuple[str, News]]:
    """Yield the feed and the article of each event that is news."""
    for number, event in events:
        if event.is_news and event.item:
            yield event.feed_id, _read_item(number, event.published_id, json.loads(event.item))


def make_payloads(news: Sequence[News], count: int, feed_id: str, texts: NotificationTexts) -> Iterator[bytes]:
    """Yield the payload of `count` articles, the newest of which are `news`, then smaller ones."""
    for size in PAYLOAD_SIZES:
        payload = _encode(_make_members(news[:MAX_STORIES], count, feed_id, texts))
        for kept in range(min(len(news), MAX_STORIES), -1, -1):
            if len(payload) <= size:
                break
            payload = _encode(_make_members(news[:kept], count, feed_id, texts, brief=True))
        yield payload


def _make_members(
    news: Sequence[News], count: int, feed_id: str, texts: NotificationTexts, *, brief: bool = False
) -> Mapping[str, object]:
    stories = [{"number": each.number, "title": _cut(each.title, MAX_TITLE)} for each in news]
    members = {
        "feed": feed_id,
        "count": count,
        "page": texts.page,
        "one": texts.one,
        "many": texts.many,
        "lang": texts.language,
        "dir": texts.direction,
        "stories": stories,
    }
    if count == 1 and news and not brief:
        url = news[0].url or ""
        body = " · ".join(filter(None, (news[0].source, news[0].summary)))
        members |= {"body": _cut(body, MAX_SUMMARY), "url": url if len(url) <= MAX_URL else ""}
    return members


def _read_item(number: int, published_id: str, item: Mapping[str, object]) -> News:
    """Return the article of a JSON Feed item; one without a title is called by the beginning of its text."""
    extension = item.get("_feeds")
    source = extension.get("source") if isinstance(extension, dict) else None
    summary = str(item.get("summary") or "")
    title = str(item.get("title") or "") or summary or str(item.get("url") or "")
    return News(
        number,
        published_id,
        _cut(title, MAX_TITLE),
        str(item["url"]) if item.get("url") else None,
        _cut(str(source.get("title") or ""), MAX_TITLE) if isinstance(source, dict) else "",
        _cut(summary, MAX_SUMMARY) if summary != title else "",
    )


def _cut(text: str, length: int) -> str:
    """Return the text, or its beginning up to the end of a word."""
    if len(text) <= length:
        return text
    start = text[: length - 1]
    return f"{start[: start.rfind(' ')] if start.rfind(' ') > length // 2 else start}…"


def _encode(members: Mapping[str, object]) -> bytes:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
