"""JSON Feed 1.1: articles as items of a document. `feeds.read` returns it too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

import msgspec

from ..model import (
    Article,
    Attachment,
    Author,
    Category,
    Comments,
    Edition,
    Frame,
    Media,
    Origin,
    Podcast,
    SearchResults,
    Site,
    Twin,
)
from ..registry import Format
from . import formatting
from .addresses import spell_addresses

VERSION = "https://jsonfeed.org/version/1.1"

Members = dict[str, object]

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class FeedMetadata:
    """The top-level members of a document except its items; `extra` becomes its `_feeds`."""

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


def write_frame(edition: Edition, format: Format) -> Frame:
    """Return a JSON Feed of an edition, with a place for its items."""
    feed, site = edition.feed, edition.site
    metadata = FeedMetadata(
        title=formatting.feed_title(feed),
        home_page_url=formatting.home_page_url(feed, site),
        feed_url=formatting.file_url(feed, site, format),
        description=formatting.feed_description(feed, site),
        icon=feed.image,
        favicon=feed.icon,
        language=formatting.edition_language(edition),
        # No default: the site's title would be read as the author of items without one.
        authors=(Author(feed.author),) if feed.author else (),
        hubs=site.hubs,
        extra=_nonempty(podcast=_podcast(podcast)) if (podcast := formatting.find_podcast(edition)) else {},
    )
    head = _encode(make_document(metadata, ())).removesuffix(b"]}")
    return Frame(head, b"]}\n", b",")


def write_entry(article: Article) -> bytes:
    """Return an article as an item, which is the same in all documents."""
    return _encode(_make_item(article))


def write_search(site: Site, results: SearchResults) -> bytes:
    """Return what a search found as a JSON Feed, with the number of all stories in `_feeds`."""
    address = f"{site.url}search.json?{urlencode({'q': results.query})}"
    metadata = FeedMetadata(
        title=f"{results.query} · {site.title}",
        home_page_url=f"{site.url}search?{urlencode({'q': results.query})}",
        feed_url=address,
        language=site.language,
        extra={"count": results.count, "page": results.page, "page_count": results.page_count},
    )
    body = make_document(metadata, [_make_item(spell_addresses(article)) for article in results.articles])
    return _encode(body) + b"\n"


def encode_json(members: Mapping[str, object]) -> str:
    """Return JSON on one line, the members in the order given; raise ValueError for a text that is no Unicode."""
    return _encode(members).decode()


def make_document(metadata: FeedMetadata, items: Iterable[Members]) -> Members:
    """Return a whole JSON Feed; `title` and `items` are always there (R37)."""
    return {
        "version": VERSION,
        "title": metadata.title,
        **_nonempty(
            home_page_url=metadata.home_page_url,
            feed_url=metadata.feed_url,
            description=metadata.description,
            icon=metadata.icon,
            favicon=metadata.favicon,
            language=metadata.language,
            **_author_members(metadata.authors),
            hubs=[{"type": "WebSub", "url": hub} for hub in metadata.hubs],
            _feeds=_nonempty(**metadata.extra),
        ),
        "items": list(items),
    }


def make_item(article: Article, *, id: str | None = None) -> Members:
    """Return an article as we publish it, or with `id`, the upstream id, as `feeds.read` shows it.

    Only `feeds.read` shows where fields were found and by which reader: published bytes depend on content alone.
    """
    return _make_item(spell_addresses(article), id=id)


def _make_item(article: Article, *, id: str | None = None) -> Members:
    extension = _extension(article)
    published, modified = article.published, article.modified
    if id is None:
        published, modified = formatting.article_dates(article)
    else:
        extension |= _nonempty(published_id=article.published_id, found=dict(article.found), reader=article.reader)
        extension |= _nonempty(people=[make_person(each, "author") for each in article.authors if each.email])
    item: Members = {"id": article.published_id if id is None else id}
    _put(item, url=article.url, external_url=article.external_url, title=article.title)
    # R37: one of the two contents is required and may be empty; R38: HTML stands in content_html only.
    item |= {"content_html": article.html} if article.html else {"content_text": ""}
    _put(
        item,
        summary=article.summary,
        image=article.image,
        date_published=published and formatting.format_rfc3339(published),
        date_modified=modified and formatting.format_rfc3339(modified),
        **_author_members(article.authors),
        tags=[tag for tag in article.tags if tag],
        language=article.language,
        attachments=[_attachment(attachment) for attachment in article.attachments],
        _feeds=extension,
    )
    return item


# ── members ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _extension(article: Article) -> Members:
    """Return `_feeds`: what JSON Feed has no member for (R38: extension names begin with an underscore)."""
    members: Members = {}
    for (name, make), value in zip(_EXTENSION_MEMBERS.items(), _EXTENSION_VALUES(article), strict=True):
        if value and (member := make(value)):
            members[name] = member
    return members


def make_category(category: Category) -> Members:
    """Return a category of an item or a document."""
    return _nonempty(term=category.term, scheme=category.scheme, label=category.label)


def make_person(author: Author, role: str) -> Members:
    """Return a person with an e-mail address, for which JSON Feed has no member."""
    return _nonempty(role=role, name=author.name, email=author.email, url=author.url)


def _author_members(authors: Sequence[Author]) -> Members:
    """Return `authors`, and `author` for readers of version 1.0 (R40)."""
    people = [_nonempty(name=author.name, url=author.url, avatar=author.avatar) for author in authors]
    people = [person for person in people if person]
    return {"authors": people, "author": people[0]} if people else {}


def _attachment(attachment: Attachment) -> Members:
    members: Members = {"url": attachment.url, "mime_type": attachment.media_type or formatting.UNKNOWN_MEDIA_TYPE}
    return members | _nonempty(
        title=attachment.title, size_in_bytes=attachment.size, duration_in_seconds=_to_whole_number(attachment.duration)
    )


def _to_whole_number(number: float | None) -> float | None:
    return int(number) if number is not None and number.is_integer() else number


def _comments(comments: Comments) -> Members:
    return _nonempty(url=comments.url, count=comments.count, feed=comments.feed)


def _media(medium: Media) -> Members:
    names = ("url", "role", "type", "medium", "length", "width", "height", "duration", "title", "language")
    return _nonempty(**{name: getattr(medium, name) for name in names})


def _podcast(podcast: Podcast) -> Members:
    names = ("explicit", "owner", "author", "type", "image")
    return _nonempty(category=list(podcast.category), **{name: getattr(podcast, name) for name in names})


def _source(origin: Origin) -> Members:
    return _nonempty(id=origin.id, title=origin.title, url=origin.url, feed=origin.feed)


def _twin(twin: Twin) -> Members:
    return _nonempty(title=twin.title, url=twin.url)


def _nonempty(**members: object) -> Members:
    """Return the members that are not empty; zero and false are kept."""
    return {name: value for name, value in members.items() if value or value == 0}


def _put(item: Members, **members: object) -> None:
    """Put in the members that are not empty."""
    for name, value in members.items():
        if value:
            item[name] = value


def _each(make: Callable[[Any], Members]) -> Callable[[Iterable[Any]], list[Members]]:
    return lambda records: [make(record) for record in records]


# Member of `_feeds` → what makes it of the value of the field that is called so, but for the source.
_EXTENSION_MEMBERS: Mapping[str, Callable[[Any], object]] = {
    "rights": str,
    "categories": _each(make_category),
    "comments": _comments,
    "media": _each(_media),
    "podcast": dict,
    "source": _source,
    "also_at": _each(_twin),
    "extra": dict,
}
_EXTENSION_VALUES = attrgetter(*("origin" if name == "source" else name for name in _EXTENSION_MEMBERS))
