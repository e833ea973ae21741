"""JSON Feed 1.1: one article as an item, and a document of items. Also what `feeds.read` answers with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..model import (
    Article,
    Attachment,
    Author,
    Category,
    Comments,
    Document,
    Edition,
    Media,
    Origin,
)
from . import formatting

VERSION = "https://jsonfeed.org/version/1.1"
MEDIA_TYPE = "application/feed+json"

Members = dict[str, object]

_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Head:
    """What a document says about itself; `extra` becomes its `_feeds`."""

    title: str
    home_page_url: str | None = None
    feed_url: str | None = None
    description: str | None = None
    icon: str | None = None
    favicon: str | None = None
    language: str | None = None
    authors: Sequence[Author] = ()
    hubs: Sequence[str] = ()
    extra: Mapping[str, object] = field(default_factory=dict)


def write(edition: Edition) -> Document:
    """Give an edition as `<feed>.json`."""
    feed, site = edition.feed, edition.site
    head = Head(
        title=formatting.title(feed),
        home_page_url=formatting.home(feed, site),
        feed_url=formatting.address(feed, site, "json"),
        description=formatting.description(feed, site),
        icon=feed.image,
        favicon=feed.icon,
        language=formatting.language(feed, site),
        # Only one that was named: an item without an author would be read as written by the feed's.
        authors=(Author(feed.author),) if feed.author else (),
        hubs=site.hubs,
    )
    body = document(head, [item(article) for article in edition.articles])
    return Document(f"{feed.id}.json", (line(body) + "\n").encode(), MEDIA_TYPE)


def line(members: Mapping[str, object]) -> str:
    """Give JSON on one line; the order of the members is the order they were put in."""
    return _encode(members)


def document(head: Head, items: Iterable[Members]) -> Members:
    """Give a whole JSON Feed; `title` and `items` are always there (R37)."""
    return {
        "version": VERSION,
        "title": head.title,
        **_present(
            home_page_url=head.home_page_url,
            feed_url=head.feed_url,
            description=head.description,
            icon=head.icon,
            favicon=head.favicon,
            language=head.language,
            **_people(head.authors),
            hubs=[{"type": "WebSub", "url": hub} for hub in head.hubs],
            _feeds=_present(**head.extra),
        ),
        "items": list(items),
    }


def item(article: Article, *, id: str | None = None, feeds: Sequence[str] | None = None) -> Members:
    """Give an article as we publish it; with `id`, the upstream id, as `feeds.read` shows it.

    Where a field was found and who read it is told only by `feeds.read`: published bytes depend on content alone.
    `feeds` names the feeds that show the article, for the live stream.
    """
    ours = _extension(article)
    if id is not None:
        ours |= _present(published_id=article.published_id, found=dict(article.found), reader=article.reader)
    if feeds is not None:
        ours["feeds"] = list(feeds)
    # R37: one of the two contents must be there, and may be empty; R38: HTML stands in content_html only.
    content = {"content_html": article.html} if article.html else {"content_text": ""}
    return {
        "id": article.published_id if id is None else id,
        **_present(url=article.url, external_url=article.external_url, title=article.title),
        **content,
        **_present(
            summary=article.summary,
            image=article.image,
            date_published=article.published and formatting.rfc3339(article.published),
            date_modified=article.modified and formatting.rfc3339(article.modified),
            **_people(article.authors),
            tags=list(article.tags),
            language=article.language,
            attachments=[_attachment(attachment) for attachment in article.attachments],
            _feeds=ours,
        ),
    }


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _extension(article: Article) -> Members:
    """Give what JSON Feed has no member for (R38: a name that begins with an underscore)."""
    return _present(
        rights=article.rights,
        categories=[_category(category) for category in article.categories],
        comments=_comments(article.comments) if article.comments else None,
        media=[_media(medium) for medium in article.media],
        podcast=dict(article.podcast),
        source=_source(article.origin) if article.origin else None,
        extra=dict(article.extra),
    )


def _category(category: Category) -> Members:
    return _present(term=category.term, scheme=category.scheme, label=category.label)


def _people(authors: Sequence[Author]) -> Members:
    """Give `authors`, and `author` for readers of version 1.0 (R40)."""
    people = [_present(name=author.name, url=author.url, avatar=author.avatar) for author in authors]
    people = [person for person in people if person]
    return {"authors": people, "author": people[0]} if people else {}


def _attachment(attachment: Attachment) -> Members:
    members: Members = {"url": attachment.url, "mime_type": attachment.media_type or "application/octet-stream"}
    return members | _present(
        title=attachment.title, size_in_bytes=attachment.size, duration_in_seconds=_whole(attachment.duration)
    )


def _whole(number: float | None) -> float | None:
    return int(number) if number is not None and number.is_integer() else number


def _comments(comments: Comments) -> Members:
    return _present(url=comments.url, count=comments.count, feed=comments.feed)


def _media(medium: Media) -> Members:
    names = ("url", "role", "type", "medium", "length", "width", "height", "duration", "title", "language")
    return _present(**{name: getattr(medium, name) for name in names})


def _source(origin: Origin) -> Members:
    return _present(id=origin.id, title=origin.title, url=origin.url, feed=origin.feed)


def _present(**members: object) -> Members:
    """Give the members that hold something; a zero does, an empty text or list does not."""
    return {name: value for name, value in members.items() if value or value == 0}


# ── what a channel says, made fit to show ───────────────────────────────────────────────────────────────────────────

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
