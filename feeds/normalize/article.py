"""Story → Article: all that the other modules of this room decide, put together once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from ..model import NOTHING, Article, Author, Category, Channel, Comments, Link, Origin, Parsed, Source, Story, Text
from . import html
from .dates import date
from .identity import minted_id, published_id, story_key
from .images import lead
from .language import first_language
from .links import story_url, web_url
from .media import attachments, lead_image, media
from .people import authors
from .text import LABEL_LIMIT, RUNS, SUMMARY_LIMIT, decoded, excerpt, inert, label

TITLE_LIMIT = 80
_VALUES = 50
# Schemes that label a category for machines, not for readers.
_MACHINE_SCHEMES = ("http://schemas.google.com/g/2005#kind", "http://schemas.google.com/blogger/2008/kind")
_COUNT = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Context:
    """What a story cannot know of itself: whose it is, when it was seen, and whether it was seen before."""

    source_id: str
    authority: str  # `HOST,YEAR` for minted ids
    at: datetime
    changed: bool = False  # known, but its digest differs
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class DocumentContext:
    """What all stories of one document share; `document_context` makes it once for each."""

    reader: str
    bases: tuple[str | None, ...]
    base: str | None  # of HTML
    authors: tuple[Author, ...]
    language: str | None
    origin: Origin
    rights: str | None


def document_context(parsed: Parsed, context: Context) -> DocumentContext:
    """Return what the stories of a parsed document share."""
    channel = parsed.channel
    site = _first(channel.links, "alternate", parsed.base)
    bases = (site, parsed.base)
    return DocumentContext(
        reader=parsed.reader,
        bases=bases,
        base=site or web_url(parsed.base),
        authors=authors(channel.people, *bases),
        language=channel.language,
        origin=_channel_origin(channel, parsed.base, context.source, context.at),
        rights=html.plain(channel.rights) or None,
    )


def normalize(story: Story, document: DocumentContext, upstream: str, digest: str, context: Context) -> Article:
    """Return the article of a story: `upstream` is its `upstream_id`, `digest` its `story_digest`."""
    bases = document.bases
    url = story_url(story, *bases)
    title, summary, body = _texts(story, url, document.base)
    home = context.source.timezone if context.source else "UTC"
    published, modified = date(story.published, context.at, home), date(story.updated, context.at, home)
    minted = minted_id(upstream, context.source_id, context.authority)
    categories = _categories(story.categories)
    return Article(
        source_id=context.source_id,
        upstream_id=upstream,
        published_id=published_id(upstream, minted),
        minted_id=minted,
        url=url,
        title=title,
        summary=summary,
        html=body,
        published=published,
        modified=modified,
        updated=_updated(published, modified, context),
        first_seen=context.at,
        story_digest=digest,
        authors=authors(story.people, *bases) or document.authors,
        tags=_tags(categories, context.source),
        categories=categories,
        language=_language(story, document.language, context.source),
        image=lead_image(story, *bases) or lead(body),
        external_url=_external(story, document.reader, bases),
        attachments=attachments(story, *bases),
        media=media(story, *bases) if story.media else (),
        rights=html.plain(story.rights) or document.rights,
        comments=_comments(story.comments, bases) if story.comments else None,
        origin=_origin(story.origin, bases, context.at) if story.origin else document.origin,
        podcast=_values(story.podcast) if story.podcast else NOTHING,
        extra=_values(story.extra) if story.extra else NOTHING,
        found=story.found,
        reader=document.reader,
        story_key=story_key(url, title, published or modified),
    )


def _texts(story: Story, url: str | None, base: str | None) -> tuple[str, str, str]:
    """Title, summary and HTML. Nothing is lost: HTML holds the content, or the whole summary where that is all."""
    content = _content(story)
    if content and not (story.summary and story.summary.value == content.value):
        body, summary = _markup(content, url, base), html.plain(story.summary)
    else:
        body = _markup(content or story.summary, url, base)
        summary = excerpt(inert(html.stripped(body, SUMMARY_LIMIT))) if body else ""
    title = html.plain(story.title) or _heading(summary or inert(html.stripped(body, SUMMARY_LIMIT)), story, url)
    return title, summary, body


def _content(story: Story) -> Text | None:
    """The best of several contents: HTML before text, then the longest."""
    told = [text for text in story.content if text.value]
    return max(told, key=lambda text: (text.type == "html", len(text.value))) if told else None


def _markup(text: Text | None, url: str | None, base: str | None) -> str:
    """Clean HTML; footnotes and the like (`#n1`) stand on the story's own page."""
    if text is None or text.base or not url or 'href="#' not in text.value:
        return html.markup(text, base)
    return html.markup(text, url)


def _heading(words: str, story: Story, url: str | None) -> str:
    """A title for a story that has none: its first words, the name of what it carries, or its address."""
    if words:
        return excerpt(words, TITLE_LIMIT)
    titles = (*(link.title for link in story.links), *(medium.title for medium in story.media))
    named = next((name for title in titles if (name := decoded(title))), "")
    return named or (url or "")


def _updated(published: datetime | None, modified: datetime | None, context: Context) -> datetime:
    """When the story last changed in what matters, never later than now (R11)."""
    told = modified if context.changed else modified or published
    return min(context.at, told) if told else context.at


def _language(story: Story, channel_language: str | None, source: Source | None) -> str | None:
    """The item's own language, else that of its words; where title and summary differ, the one the channel speaks."""
    words = [text.language for text in story.content] or [
        text.language for text in (story.summary, story.title) if text
    ]
    if len(words) > 1 and channel_language in words:
        words.insert(0, channel_language)
    return first_language(story.language, *words, channel_language, source.language if source else None)


def _external(story: Story, reader: str, bases: tuple[str | None, ...]) -> str | None:
    """The page that a link post is about, which only JSON Feed tells apart."""
    if reader != "json":
        return None
    return next((web_url(link.href, link.base, *bases) for link in story.links if link.rel == "related"), None)


def _categories(told: Iterable[Category]) -> tuple[Category, ...]:
    return tuple(one for one in map(_category, told) if one.term or one.label)


@lru_cache(maxsize=2048)
def _category(told: Category) -> Category:
    return Category(decoded(told.term), _harmless(label(told.scheme)), decoded(told.label) or None)


def _tags(categories: tuple[Category, ...], source: Source | None) -> tuple[str, ...]:
    """What readers see of the categories, then the source's own tags; each once, whatever its case."""
    names: dict[str, str] = {}
    for one in categories:
        if one.scheme not in _MACHINE_SCHEMES:
            for name in _listed(one, alone=len(categories) == 1):
                names.setdefault(name.casefold(), name)
    for name in source.tags if source else ():
        names.setdefault(name.casefold(), name)
    return tuple(names.values())


def _listed(category: Category, *, alone: bool) -> list[str]:
    """A single category with two commas or more is a list of keywords; with one it may be `Paris, France`."""
    name = category.label or category.term
    if alone and not category.label and name.count(",") > 1:
        return [part for part in map(str.strip, name.split(",")) if part]
    return [name]


def _comments(told: Comments, bases: tuple[str | None, ...]) -> Comments | None:
    count = told.count.strip() if told.count else ""
    made = Comments(
        url=web_url(told.url, *bases),
        count=str(int(count)) if _COUNT.fullmatch(count) else None,
        feed=web_url(told.feed, *bases),
    )
    return made if made != Comments() else None


def _values(told: Mapping[str, str]) -> Mapping[str, str]:
    """Facts without a field of their own: one line each, and no address that would run."""
    made = {label(name): _line(value) for name, value in list(told.items())[:_VALUES]}
    return {name: value for name, value in made.items() if _harmless(value)}


def _line(value: str) -> str:
    return html.plain(Text(value[:LABEL_LIMIT])) if "<" in value else decoded(value)


def _harmless(text: str) -> str | None:
    """A text that is not empty and does not run when taken for an address (S7)."""
    return text if text and not RUNS.match(text) else None


def _origin(told: Origin, bases: tuple[str | None, ...], at: datetime) -> Origin:
    """Where an item was first published, clean."""
    updated = date(told.updated, at)
    return Origin(
        id=_harmless(label(told.id)),
        title=html.plain(Text(told.title)) or None if told.title else None,
        url=web_url(told.url, *bases),
        feed=web_url(told.feed, *bases),
        updated=f"{updated:%Y-%m-%dT%H:%M:%SZ}" if updated else None,
    )


# ── what all stories of a document share ────────────────────────────────────────────────────────────────────────────


def _channel_origin(channel: Channel, base: str | None, source: Source | None, at: datetime) -> Origin:
    """The document itself as the origin. Of a private source only the name is told."""
    title = html.plain(channel.title)
    if source and source.private:
        return Origin(title=title or None)
    site, feed = _first(channel.links, "alternate", base), _first(channel.links, "self", base)
    told = Origin(channel.id or feed, None, site, feed or (source.address if source else None), channel.updated)
    return replace(_origin(told, (site, base), at), title=title or None)


def _first(links: Iterable[Link], rel: str, base: str | None) -> str | None:
    return next((url for link in links if link.rel == rel and (url := web_url(link.href, link.base, base))), None)
