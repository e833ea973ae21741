"""read(bytes): parse → normalize → JSON Feed, for one document without a store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal, cast

from .. import http_headers
from ..errors import FailureKind, ParseError
from ..harvest.documents import WEB_PAGE_KINDS, is_wanted, parse_feed
from ..harvest.folders import publishable
from ..model import NOTHING, Fetched, FieldCandidate, Kind, Parsed, Source, Story, Text, replace
from ..normalize import (
    ChannelFacts,
    Context,
    DocumentContext,
    describe_channel,
    document_context,
    is_inert,
    normalize,
    parse_date,
    story_digest,
    to_plain_text,
    truncation_warnings,
    upstream_id,
)
from ..parse.discover import find_feeds
from ..parse.document import MAX_ITEMS
from ..parse.opml import read_opml
from ..parse.page import read_page
from ..parse.sitemap import read_sitemap
from ..render import json_feed
from ..render.formatting import format_rfc3339

PREVIEW_AUTHORITY = "localhost,2000"  # of the ids minted for documents that are not stored

MAX_SHOWN_CANDIDATES, MAX_SHOWN_LETTERS = 8, 200  # for each field of a story page

MAX_CHILD_SITEMAPS = 5  # of an index, the newest first, in one visit (F33)
LIST_ROOT = re.compile(rb"<(?:\w+:)?(?:urlset|sitemapindex|opml|oml)\b", re.IGNORECASE)
SNIFFED_BYTES = 4_000
EMPTY_PAGE = (
    "{place} names no feed, and holds neither a story nor a list of stories that can be recognised. Say what it is"
    " (`--as`, `read_as`, or `as:` in the YAML), or name the links to its stories with `stories:`."
)

ReadAs = Literal["story", "list", "feed"]
READ_AS_KINDS: Mapping[ReadAs | None, Kind] = {
    "feed": Kind.FEED,
    "story": Kind.PAGE,
    "list": Kind.PAGE,
    None: Kind.ANY,
}


def parse_document(response: Fetched, source: Source | None = None) -> Parsed:
    """Parse a document as its source declares it.

    Where its kind is unknown: as a feed, else as a sitemap or an OPML list, else as a page with one story or a list of
    stories. Raise ParseError where it is none of these, or a page without a story.
    """
    is_text = source is None and response.media_type == "text/plain"
    if is_text and (addresses := _read_list(response, source)) is not None:
        return addresses  # read as a feed it would be a story
    try:
        return parse_feed(response, source)
    except ParseError as error:
        if source is not None and source.kind not in (Kind.ANY, Kind.COMMAND):
            raise
        if (parsed := _read_list(response, source)) is not None:
            return parsed
        if error.kind not in WEB_PAGE_KINDS:
            raise
    page = read_page(response, source)
    feed = find_announced_feed(response)
    if not page.stories and not feed and (source is None or source.read_as is None):
        raise ParseError(EMPTY_PAGE.format(place=response.url or "The page"), kind=FailureKind.PAGE)
    return replace(page, warnings=(*page.warnings, f"its feed is at {feed}")) if feed else page


def _read_list(response: Fetched, source: Source | None) -> Parsed | None:
    """Return a sitemap or an OPML list; None where the document is neither."""
    is_page = response.media_type == "text/html" and not LIST_ROOT.search(response.body[:SNIFFED_BYTES])
    for read_list in () if is_page else (read_sitemap, read_opml):
        with suppress(ParseError):
            return read_list(response, source)
    return None


def child_sitemaps(parsed: Parsed) -> list[str]:
    """Return the addresses of the sitemaps that an index names, as many as are read at one time, the newest first."""
    return [link.href for link in parsed.channel.links if link.rel == "sitemap"][:MAX_CHILD_SITEMAPS]


def with_child_sitemaps(parsed: Parsed, documents: Iterable[Parsed], max_items: int = MAX_ITEMS) -> Parsed:
    """Return a sitemap index with the stories of its sitemaps; an index inside an index is not followed."""
    documents = tuple(documents)
    stories = tuple(story for document in documents for story in document.stories)
    warnings = tuple(warning for document in documents for warning in document.warnings)
    return replace(parsed, stories=stories[:max_items], warnings=(*parsed.warnings, *warnings))


def find_announced_feed(response: Fetched) -> str | None:
    """Return the address of the feed of stories that a page names in its head, or the response in its headers."""
    candidates = find_feeds(response.body, response.url, response.charset, response.headers.get("link"))
    announced = (each.url for each in candidates if each.method == "link" and not each.is_of_comments)
    return next(announced, None)


def read(
    body: bytes, url: str | None = None, headers: Mapping[str, str] | None = None, read_as: ReadAs | None = None
) -> dict[str, object]:
    """Return a document as a JSON Feed 1.1 dict, with what the format lacks under `_feeds`.

    It may be a feed, a web page with one story or a list of stories, a sitemap, or an OPML list. `url` is where it came
    from and makes relative addresses absolute; `headers` are the HTTP headers that came with it; `read_as` says what it
    is, where the caller knows. Items carry the ids that the document gave them. Raises ParseError when it is none of
    these, or a page without a story.
    """
    try:
        octets = bytes(memoryview(body))
    except TypeError as error:
        hint = "open the file with mode 'rb', or encode the text"
        raise TypeError(f"feeds.read takes the bytes of a document, not {type(body).__name__}: {hint}") from error
    response = saved_document(octets, url, headers)
    source = source_to_read(read_as, url or "") if read_as else None
    return as_json_feed(parse_document(response, source), datetime.now(UTC), source)


def source_to_read(read_as: ReadAs | None, address: str, headers: Mapping[str, str] = NOTHING) -> Source:
    """Return a source for a document that is not declared in a configuration."""
    if read_as not in READ_AS_KINDS:
        raise ValueError(f"read_as is {read_as!r}, expected 'story', 'list', 'feed' or None")
    return Source("preview", READ_AS_KINDS[read_as], address, headers=tuple(headers.items()), read_as=read_as)


def saved_document(body: bytes, url: str | None = None, headers: Mapping[str, str] | None = None) -> Fetched:
    """Return a document as if it had been fetched from `url` with these headers."""
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    media_type, charset = http_headers.parse_content_type(lower.get("content-type"))
    return Fetched(url or "", body, media_type, charset, headers=lower)


def as_json_feed(parsed: Parsed, at: datetime, source: Source | None = None) -> dict[str, object]:
    """Return a document as a JSON Feed, read at `at` as a source of that kind, without any stored state."""
    parsed = publishable(parsed, at, source.timezone if source else "UTC")
    context = Context(source.id if source else "preview", PREVIEW_AUTHORITY, at, source=source)
    channel, document = describe_channel(parsed), document_context(parsed, context)
    warnings = (*parsed.warnings, *truncation_warnings(parsed.stories))
    metadata = json_feed.FeedMetadata(
        title=channel.title,
        home_page_url=channel.home,
        feed_url=channel.feed,
        description=channel.description,
        icon=channel.image,
        favicon=channel.icon,
        language=channel.language,
        authors=channel.authors,
        hubs=channel.hubs,
        extra={
            **channel.facts,
            **_channel_dates(channel, document, at),
            "categories": [json_feed.make_category(category) for category in channel.categories],
            "people": [
                json_feed.make_person(person, role)
                for role, person in channel.people
                if person.email or role != "author"
            ],
            "reader": parsed.reader,
            "warnings": [to_plain_text(Text(warning, "text")) for warning in warnings],
        },
    )
    items = []
    for story in parsed.stories:
        if not is_wanted(story, parsed, source):
            continue
        upstream = upstream_id(story, parsed.base)
        article = normalize(story, document, upstream, story_digest(story), context)
        item = json_feed.make_item(article, id=upstream if is_inert(upstream) else article.minted_id)
        items.append(_with_candidates(item, story))
    return json_feed.make_document(metadata, items)


def _with_candidates(item: json_feed.Members, story: Story) -> json_feed.Members:
    """Return an item with all that its page held for its fields, under `_feeds.found.candidates`, the best first."""
    named = (
        FieldCandidate("people", person.name or "", person.place, person.mark)
        for person in story.people
        if person.place and person.role != "publisher"
    )
    candidates: dict[str, list[dict[str, str]]] = {}
    for candidate in (*story.candidates, *named):
        rows = candidates.setdefault(candidate.field, [])
        if len(rows) < MAX_SHOWN_CANDIDATES:
            value = to_plain_text(Text(candidate.value[:MAX_SHOWN_LETTERS], "text"))
            note = {"note": candidate.note} if candidate.note else {}
            rows.append({"value": value, "where": candidate.where, **note})
    if not candidates:
        return item
    extension = cast("json_feed.Members", item["_feeds"])
    found = {**cast("json_feed.Members", extension.get("found", {})), "candidates": candidates}
    return {**item, "_feeds": {**extension, "found": found}}


def _channel_dates(channel: ChannelFacts, document: DocumentContext, at: datetime) -> dict[str, str]:
    """Return the dates of a document as RFC 3339 spells them, those that can be read."""
    texts = {"published": channel.published, "updated": channel.updated}
    dates = {name: parse_date(text, at, *document.place) for name, text in texts.items()}
    return {name: format_rfc3339(date) for name, date in dates.items() if date}
