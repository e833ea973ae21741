"""read(bytes): parse → normalize → JSON Feed, for those who have a document and no store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from .. import http_headers, sanity
from ..errors import FailureKind, ParseError
from ..model import Fetched, Kind, Parsed, Source, Story, Text
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
from ..render import json_feed
from .own_stories import publishable

NOBODY = "localhost,2000"  # mints the ids of documents that are only looked at

WEB_PAGE_KINDS = frozenset(
    {FailureKind.ANNOUNCES, FailureKind.PAGE}
)  # what an address may turn out to be when a feed was hoped for

# These readers apply `include` and `exclude` themselves: there they decide which entries count for `max_items`.
_SELECTIVE_READERS = frozenset({"files", "page:list", "sitemap"})

DocumentReader = Callable[[Fetched, Source | None], Parsed]


def parse_feed(answer: Fetched, source: Source | None = None, read: DocumentReader = parse) -> Parsed:
    """Parse; when that fails, say what came instead of a feed (F31)."""
    try:
        return read(answer, source)
    except ParseError as error:
        seen = sanity.diagnose(answer.body, answer.media_type, answer.url)
        if seen is None:
            raise
        raise ParseError(seen.sentence, kind=seen.kind) from error


def is_wanted(story: Story, parsed: Parsed, source: Source | None) -> bool:
    """Tell whether `include` and `exclude` of a source let a story of its document through, by the story's address.

    A story without an address is found by no pattern.
    """
    if source is None or not (source.include or source.exclude) or parsed.reader in _SELECTIVE_READERS:
        return True
    return is_included(story_url(story, parsed.base) or "", source)


def parse_document(answer: Fetched, source: Source | None = None) -> Parsed:
    """What a document is taken for when nobody said what it should be: a feed, else a page's story or stories."""
    try:
        return parse_feed(answer, source)
    except ParseError as error:
        if error.kind not in WEB_PAGE_KINDS or (source is not None and source.kind is not Kind.ANY):
            raise
    page = read_page(answer, source)
    feed = find_announced_feed(answer)
    return replace(page, warnings=(*page.warnings, f"its feed is at {feed}")) if feed else page


def find_announced_feed(answer: Fetched) -> str | None:
    """The feed that a page names in its head."""
    found = find_feeds(answer.body, answer.url, answer.charset)
    return next((candidate.url for candidate in found if candidate.method == "link"), None)


def read(body: bytes, url: str | None = None, headers: Mapping[str, str] | None = None) -> dict[str, object]:
    """Understand one document, a feed or a web page: a JSON Feed 1.1 as a dict, what it lacks under `_feeds`.

    `url` is where it came from and makes relative addresses absolute; `headers` are the HTTP headers that came with it.
    Items carry the ids of the document as it gave them. Raises ParseError when it is neither.
    """
    return as_json_feed(parse_document(saved_document(body, url, headers)), datetime.now(UTC))


def saved_document(body: bytes, url: str | None = None, headers: Mapping[str, str] | None = None) -> Fetched:
    """A document at hand, as if it had been fetched from `url` with these headers."""
    told = {name.lower(): value for name, value in (headers or {}).items()}
    media_type, charset = http_headers.parse_content_type(told.get("content-type"))
    return Fetched(url or "", body, media_type, charset, headers=told)


def as_json_feed(parsed: Parsed, at: datetime, source: Source | None = None) -> dict[str, object]:
    """A document as a JSON Feed, read at a moment without any memory of it, as a source of that kind."""
    parsed = publishable(parsed, at, source.timezone if source else "UTC")
    told, warnings = (
        describe_channel(parsed),
        [to_plain_text(Text(warning, "text")) for warning in (*parsed.warnings, *truncation_warnings(parsed.stories))],
    )
    metadata = json_feed.FeedMetadata(
        title=told.title,
        home_page_url=told.home,
        feed_url=told.feed,
        description=told.description,
        icon=told.image,
        favicon=told.icon,
        language=told.language,
        authors=told.authors,
        hubs=told.hubs,
        extra={
            **told.facts,
            "reader": parsed.reader,
            "warnings": warnings,
        },
    )
    context = Context(source.id if source else "preview", NOBODY, at, source=source)
    document = document_context(parsed, context)
    items = []
    for story in parsed.stories:
        if not is_wanted(story, parsed, source):
            continue
        upstream = upstream_id(story, parsed.base)
        article = normalize(story, document, upstream, story_digest(story), context)
        items.append(json_feed.make_item(article, id=upstream if is_inert(upstream) else article.minted_id))
    return json_feed.make_document(metadata, items)
