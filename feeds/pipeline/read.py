"""read(bytes): parse → normalize → JSON Feed, for one document without a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import cast

from .. import http_headers, sanity
from ..errors import FailureKind, ParseError
from ..model import Fetched, Kind, Parsed, Shape, Source, Story, Text, replace
from ..normalize import (
    Context,
    describe_channel,
    document_context,
    is_inert,
    normalize,
    story_digest,
    story_url,
    to_plain_text,
    truncation_warnings,
    upstream_id,
)
from ..parse import parse
from ..parse.discover import find_feeds
from ..parse.document import is_included
from ..parse.page import read_page
from ..registry import source_kinds
from ..render import json_feed
from .own_stories import publishable

PREVIEW_AUTHORITY = "localhost,2000"  # of the ids minted for documents that are not stored

WEB_PAGE_KINDS = frozenset({FailureKind.ANNOUNCES, FailureKind.PAGE})  # an address without a feed, but with a page

DocumentReader = Callable[[Fetched, Source | None], Parsed]


def find_reader(source: Source | None) -> DocumentReader:
    """Return the parser of the kind that a source is declared to be; module-level, so that a worker can run it."""
    parser = source_kinds()[source.kind].parser if source else None
    return cast(DocumentReader, parser or parse)


def parse_feed(response: Fetched, source: Source | None = None, read: DocumentReader | None = None) -> Parsed:
    """Parse a document as its source declares it; raise ParseError saying what came instead (F31)."""
    try:
        return (read or find_reader(source))(response, source)
    except ParseError as error:
        diagnosis = sanity.diagnose(response.body, response.media_type, response.url)
        if diagnosis is None:
            raise
        raise ParseError(diagnosis.sentence, kind=diagnosis.kind) from error


def is_wanted(story: Story, parsed: Parsed, source: Source | None) -> bool:
    """Return whether `include` and `exclude` of a source let a story through, by the story's address.

    A story without an address matches no pattern. The parsers of own stories, listings and sitemaps apply the patterns
    themselves, because there they decide which entries count for `max_items`.
    """
    if source is None or not (source.include or source.exclude):
        return True
    if source.kind is Kind.FILES or parsed.shape in (Shape.LISTING, Shape.SITEMAP):
        return True
    return is_included(story_url(story, parsed.base) or "", source)


def parse_document(response: Fetched, source: Source | None = None) -> Parsed:
    """Parse a document of unknown kind: as a feed, else as a page with one story or a list of stories."""
    try:
        return parse_feed(response, source)
    except ParseError as error:
        if error.kind not in WEB_PAGE_KINDS or (source is not None and source.kind is not Kind.ANY):
            raise
    page = read_page(response, source)
    feed = find_announced_feed(response)
    return replace(page, warnings=(*page.warnings, f"its feed is at {feed}")) if feed else page


def find_announced_feed(response: Fetched) -> str | None:
    """Return the address of the feed that a page names in its head."""
    candidates = find_feeds(response.body, response.url, response.charset)
    return next((candidate.url for candidate in candidates if candidate.method == "link"), None)


def read(body: bytes, url: str | None = None, headers: Mapping[str, str] | None = None) -> dict[str, object]:
    """Return a document, a feed or a web page, as a JSON Feed 1.1 dict, with what the format lacks under `_feeds`.

    `url` is where it came from and makes relative addresses absolute; `headers` are the HTTP headers that came with it.
    Items carry the ids that the document gave them. Raises ParseError when it is neither.
    """
    return as_json_feed(parse_document(saved_document(body, url, headers)), datetime.now(UTC))


def saved_document(body: bytes, url: str | None = None, headers: Mapping[str, str] | None = None) -> Fetched:
    """Return a document as if it had been fetched from `url` with these headers."""
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    media_type, charset = http_headers.parse_content_type(lower.get("content-type"))
    return Fetched(url or "", body, media_type, charset, headers=lower)


def as_json_feed(parsed: Parsed, at: datetime, source: Source | None = None) -> dict[str, object]:
    """Return a document as a JSON Feed, read at `at` as a source of that kind, without any stored state."""
    parsed = publishable(parsed, at, source.timezone if source else "UTC")
    channel = describe_channel(parsed)
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
            "reader": parsed.reader,
            "warnings": [to_plain_text(Text(warning, "text")) for warning in warnings],
        },
    )
    context = Context(source.id if source else "preview", PREVIEW_AUTHORITY, at, source=source)
    document = document_context(parsed, context)
    items = []
    for story in parsed.stories:
        if not is_wanted(story, parsed, source):
            continue
        upstream = upstream_id(story, parsed.base)
        article = normalize(story, document, upstream, story_digest(story), context)
        items.append(json_feed.make_item(article, id=upstream if is_inert(upstream) else article.minted_id))
    return json_feed.make_document(metadata, items)
