"""Story → Article: identity, dates, links, HTML, people, language and all fallbacks are decided here, without I/O."""

from __future__ import annotations

from .article import Context, DocumentContext, document_context, normalize, story_moment, title_and_date
from .channel import ChannelFacts, describe_channel, find_hub_links
from .dates import parse_date
from .html import to_plain_text, truncation_warnings
from .identity import story_digest, title_key, upstream_id
from .links import story_url
from .merge import detach_story, merge_stories
from .own_pages import PageLayout, anchor_story, normalize_name, plan_pages, publish_addresses
from .slugs import make_source_id, name_outlines, slug, tag_slug
from .text import is_inert

__all__ = [
    "ChannelFacts",
    "Context",
    "DocumentContext",
    "PageLayout",
    "anchor_story",
    "describe_channel",
    "detach_story",
    "document_context",
    "find_hub_links",
    "is_inert",
    "make_source_id",
    "merge_stories",
    "name_outlines",
    "normalize",
    "normalize_name",
    "parse_date",
    "plan_pages",
    "publish_addresses",
    "slug",
    "story_digest",
    "story_url",
    "tag_slug",
    "story_moment",
    "title_and_date",
    "title_key",
    "to_plain_text",
    "truncation_warnings",
    "upstream_id",
]
