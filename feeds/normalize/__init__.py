"""Story → Article, pure: identity, dates, links, HTML, people, language and every fallback are decided here, once."""

from __future__ import annotations

from .article import Context, document_context, normalize
from .channel import ChannelFacts, about
from .dates import date
from .html import clean, plain, shortened
from .identity import story_digest, upstream_id
from .links import canonical_link, story_url
from .merge import carried, merged
from .own_pages import PageLayout, housed, laid_out, settled
from .slugs import id_for, named, slug
from .text import is_inert

__all__ = [
    "ChannelFacts",
    "Context",
    "PageLayout",
    "about",
    "canonical_link",
    "carried",
    "clean",
    "date",
    "document_context",
    "housed",
    "id_for",
    "is_inert",
    "laid_out",
    "merged",
    "named",
    "normalize",
    "plain",
    "settled",
    "shortened",
    "slug",
    "story_digest",
    "story_url",
    "upstream_id",
]
