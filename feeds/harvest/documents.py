"""One document, parsed as its source declares it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from .. import sanity
from ..errors import FailureKind, ParseError
from ..model import Fetched, Kind, Parsed, Shape, Source, Story
from ..normalize import story_url
from ..parse import parse
from ..parse.document import is_included
from ..registry import source_kinds

WEB_PAGE_KINDS = frozenset({FailureKind.ANNOUNCES, FailureKind.PAGE})  # an address without a feed, but with a page


def parse_feed(response: Fetched, source: Source | None = None) -> Parsed:
    """Parse a document as its source declares it; raise ParseError saying what came instead (F31)."""
    declared = source_kinds()[source.kind].parser if source else None
    read = cast("Callable[[Fetched, Source | None], Parsed]", declared or parse)
    try:
        return read(response, source)
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
