"""Story → Article: puts together what the other modules of this package decide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ..countries import country_of
from ..model import (
    NOTHING,
    Article,
    Author,
    Category,
    Channel,
    Comments,
    Link,
    Origin,
    Parsed,
    Podcast,
    Source,
    Story,
    Text,
    replace,
)
from . import html
from .channel import clean_category, describe_show
from .dates import NOWHERE, Place, parse_date
from .identity import minted_id, published_id, title_key
from .images import find_first_image
from .language import first_language
from .links import canonical_link, is_web_address, reader_url, web_url
from .media import clean_media, find_attachments, find_declared_image
from .people import resolve_bylines, select_authors
from .text import (
    ACTIVE_ADDRESS,
    LABEL_LIMIT,
    SUMMARY_LIMIT,
    clean_label,
    decode_label,
    decode_references,
    excerpt,
    make_inert,
)

_TITLE_LIMIT = 80
_MAX_VALUES = 50
# Category schemes that readers are not shown.
_MACHINE_SCHEMES = ("http://schemas.google.com/g/2005#kind", "http://schemas.google.com/blogger/2008/kind")
_COVERS = ("itunes:image", "googleplay:image")
_COUNT = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Context:
    """What a story does not say itself: its source, when it was read, and whether it is an edit of a stored one."""

    source_id: str
    authority: str  # `HOST,YEAR` for minted ids
    now: datetime
    changed: bool = False  # stored with another digest
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
    show: Podcast | None
    place: Place


def document_context(parsed: Parsed, context: Context) -> DocumentContext:
    """Return what the stories of a parsed document share."""
    channel = parsed.channel
    site = _first_link(channel.links, "alternate", parsed.base)
    bases = (site, parsed.base)
    place = _place(parsed, context.source)
    return DocumentContext(
        reader=parsed.reader,
        bases=bases,
        base=site or web_url(parsed.base),
        authors=select_authors(channel.people, *bases),
        language=channel.language,
        origin=_channel_origin(channel, parsed.base, context, place),
        rights=html.to_plain_text(channel.rights) or None,
        show=None if context.source and context.source.private else describe_show(parsed),
        place=place,
    )


def normalize(story: Story, document: DocumentContext, upstream: str, digest: str, context: Context) -> Article:
    """Return the article of a story: `upstream` is its `upstream_id`, `digest` its `story_digest`."""
    bases, story = document.bases, resolve_bylines(story)
    url = reader_url(story, *bases) or _other_address(story, *bases)
    title, summary, body = _texts(story, url, document.base or url)
    language = _language(story, document.language, context.source)
    place = document.place if document.place.language == language else document.place._replace(language=language)
    published = _read_date(story, "published", context.now, place)
    modified = _read_date(story, "updated", context.now, place)
    minted = minted_id(upstream, context.source_id, context.authority)
    categories = tuple(item for item in map(clean_category, story.categories) if item.term or item.label)
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
        first_seen=context.now,
        story_digest=digest,
        authors=select_authors(story.people, *bases) or document.authors,
        tags=_tags(categories, context.source),
        categories=categories,
        language=language,
        image=find_declared_image(story, *bases) or find_first_image(body),
        external_url=_external_url(story, document.reader, bases),
        attachments=find_attachments(story, *bases),
        media=clean_media(story, *bases) if story.media else (),
        rights=html.to_plain_text(story.rights) or document.rights,
        comments=_clean_comments(story.comments, bases) if story.comments else None,
        origin=_clean_origin(story.origin, bases, context.now) if story.origin else document.origin,
        podcast=_podcast_facts(story, document.reader, bases),
        show=document.show,
        extra=_clean_values(story.extra) if story.extra else NOTHING,
        found=story.found,
        reader=document.reader,
        link_key=canonical_link(url) if url else "",
        title_key=title_key(title),
    )


def _read_date(story: Story, field: str, now: datetime, place: Place) -> datetime | None:
    """Return the date of a story, of a page that of its first candidate that is one."""
    date = parse_date(story.published if field == "published" else story.updated, now, *place)
    if date is not None or not story.candidates:
        return date
    others = (parse_date(other.value, now, *place) for other in story.candidates if other.field == field)
    return next(filter(None, others), None)


def title_and_date(story: Story, parsed: Parsed, context: Context) -> str | None:
    """Return title and date as `SeenItems.titles` spells them; None for a story without a title."""
    title = html.to_plain_text(story.title)
    published = _parse_story_date(story.published, story, parsed, context) if title else None
    return f"{title}\x1f{f'{published:%Y-%m-%dT%H:%M:%S}' if published else ''}" if title else None


def story_moment(story: Story, parsed: Parsed, context: Context) -> datetime | None:
    """Return when a story was published, as its article has it before any edit."""
    return _parse_story_date(story.published or story.updated, story, parsed, context)


def _parse_story_date(text: str | None, story: Story, parsed: Parsed, context: Context) -> datetime | None:
    place = _place(parsed, context.source)
    place = place._replace(language=_language(story, parsed.channel.language, context.source))
    return parse_date(text, context.now, *place)


def _other_address(story: Story, *bases: str | None) -> str | None:
    """Return what readers can open of a story without a link: its comments, an id that is an address, or a medium."""
    comments = story.comments.url if story.comments else None
    links = ((link.href, link.base) for rel in ("via", "enclosure") for link in story.links if link.rel == rel)
    media = ((medium.url, medium.base) for medium in story.media if medium.role == "content")
    addresses = ((comments, None), (story.id if is_web_address(story.id) else None, None), *links, *media)
    return next((url for href, base in addresses if (url := web_url(href, base, *bases))), None)


def _texts(story: Story, url: str | None, base: str | None) -> tuple[str, str, str]:
    """Return title, summary and HTML. The HTML is the content, or the whole summary where there is no other content."""
    content = _best_content(story)
    if content and not (story.summary and story.summary.value == content.value):
        body, summary = _content_html(content, url, base), html.to_summary(story.summary)
    else:
        body = _content_html(content or _decoded(story.summary), url, base)
        summary = excerpt(html.opening_text(body)) if body else ""
    title = html.to_plain_text(story.title)
    if not title:
        words = summary or make_inert(html.strip_tags(body, SUMMARY_LIMIT))
        title = _title_from(words, story, url)
    return title, summary, body


def _decoded(text: Text | None) -> Text | None:
    """Return a summary of plain text without the entities that many publishers leave in it."""
    if text is None or text.type != "text" or "&" not in text.value:
        return text
    return replace(text, value=decode_references(text.value))


def _best_content(story: Story) -> Text | None:
    """Return the longest HTML content, or else the longest text."""
    texts = (text for text in story.content if text.value)
    return max(texts, key=lambda text: (text.type == "html", len(text.value)), default=None)


def _content_html(text: Text | None, url: str | None, base: str | None) -> str:
    """Return sanitised HTML in which fragment links (`#n1`) lead to the story's own page."""
    if text is None or text.base or not url or 'href="#' not in text.value:
        return html.to_html(text, base)
    return html.to_html(text, url)


def _title_from(words: str, story: Story, url: str | None) -> str:
    """Return a title for a story that has none: its first words, the title of a link or a medium, or its URL."""
    if words:
        return excerpt(words, _TITLE_LIMIT)
    titles = (*(link.title for link in story.links), *(medium.title for medium in story.media))
    return next((label for title in titles if (label := decode_label(title))), url or "")


def _updated(published: datetime | None, modified: datetime | None, context: Context) -> datetime:
    """Return when the story last changed in what matters, never later than now (R11)."""
    declared = modified if context.changed else modified or published
    return min(context.now, declared) if declared else context.now


def _place(parsed: Parsed, source: Source | None) -> Place:
    """Return where the dates of a document were written, as far as the document and its source tell."""
    sites = (link.href for link in parsed.channel.links if link.rel == "alternate")
    language = first_language(parsed.channel.language, source.language if source else None)
    return Place(source.timezone if source else "UTC", language, country_of(*sites, parsed.base))


def _language(story: Story, channel_language: str | None, source: Source | None) -> str | None:
    """Return the language of the item, of its texts, the channel or the source.

    Where title and summary differ, the language of the channel decides if it is one of them.
    """
    languages = [text.language for text in story.content] or [
        text.language for text in (story.summary, story.title) if text
    ]
    if len(languages) > 1 and channel_language in languages:
        languages.insert(0, channel_language)
    return first_language(story.language, *languages, channel_language, source.language if source else None)


def _external_url(story: Story, reader: str, bases: tuple[str | None, ...]) -> str | None:
    """Return the page that a link post is about, which only JSON Feed marks as such."""
    if reader != "json":
        return None
    return next((web_url(link.href, link.base, *bases) for link in story.links if link.rel == "related"), None)


def _tags(categories: tuple[Category, ...], source: Source | None) -> tuple[str, ...]:
    """Return the categories for readers, then the tags of the source, each once regardless of case."""
    tags: dict[str, str] = {}
    for category in categories:
        if category.scheme not in _MACHINE_SCHEMES:
            for name in _category_names(category, alone=len(categories) == 1):
                tags.setdefault(name.casefold(), name)
    for tag in source.tags if source else ():
        tags.setdefault(tag.casefold(), tag)
    return tuple(tags.values())


def _category_names(category: Category, *, alone: bool) -> list[str]:
    """Split a single category with two commas or more into keywords; one comma may be part of `Paris, France`."""
    name = category.label or category.term
    if alone and not category.label and name.count(",") > 1:
        return [part for part in map(str.strip, name.split(",")) if part]
    return [name]


def _clean_comments(comments: Comments, bases: tuple[str | None, ...]) -> Comments | None:
    count = comments.count.strip() if comments.count else ""
    cleaned = Comments(
        url=web_url(comments.url, *bases),
        count=str(int(count)) if _COUNT.fullmatch(count) else None,
        feed=web_url(comments.feed, *bases),
    )
    return cleaned if cleaned != Comments() else None


def _podcast_facts(story: Story, reader: str, bases: tuple[str | None, ...]) -> Mapping[str, str]:
    """Return the facts of an episode, its cover too; the duration of an attachment of JSON Feed is none."""
    is_fact = story.podcast and not (reader == "json" and story.podcast.keys() == {"duration"})
    facts = _clean_values(story.podcast) if is_fact else NOTHING
    if story.image is None or story.found.get("image") not in _COVERS:
        return facts
    cover = web_url(story.image.href, story.image.base, *bases)
    return {**facts, "image": cover} if cover else facts


def _clean_values(values: Mapping[str, str]) -> Mapping[str, str]:
    """Return values that have no field of their own as one line each, without addresses that would run."""
    lines = {clean_label(name): _one_line(value) for name, value in list(values.items())[:_MAX_VALUES]}
    return {name: line for name, line in lines.items() if _none_if_active(line)}


def _one_line(value: str) -> str:
    return html.to_plain_text(Text(value[:LABEL_LIMIT])) if "<" in value else decode_label(value)


def _none_if_active(text: str) -> str | None:
    """Return the text, or None if it is empty or would run when taken for an address (S7)."""
    return text if text and not ACTIVE_ADDRESS.match(text) else None


def _clean_origin(origin: Origin, bases: tuple[str | None, ...], now: datetime, place: Place = NOWHERE) -> Origin:
    """Return where an item was first published, with clean texts and absolute addresses."""
    updated = parse_date(origin.updated, now, *place)
    return Origin(
        id=_none_if_active(clean_label(origin.id)),
        title=html.to_plain_text(Text(origin.title)) or None if origin.title else None,
        url=web_url(origin.url, *bases),
        feed=web_url(origin.feed, *bases),
        updated=f"{updated:%Y-%m-%dT%H:%M:%SZ}" if updated else None,
    )


# ── what all stories of a document share ────────────────────────────────────────────────────────────────────────────


def _channel_origin(channel: Channel, base: str | None, context: Context, place: Place) -> Origin:
    """Return the document as the origin of its stories; of a private source only the title."""
    source = context.source
    title = html.to_plain_text(channel.title)
    if source and source.private:
        return Origin(title=title or None)
    site, feed = _first_link(channel.links, "alternate", base), _first_link(channel.links, "self", base)
    visited = source.address if source and source.root is None else None  # what is local has no address on the web
    origin = Origin(channel.id or feed, None, site, feed or visited, channel.updated)
    icon = channel.icon or channel.image
    icon_url = web_url(icon.href, icon.base, base) if icon else None
    return replace(_clean_origin(origin, (site, base), context.now, place), title=title or None, icon=icon_url)


def _first_link(links: Iterable[Link], rel: str, base: str | None) -> str | None:
    return next((url for link in links if link.rel == rel and (url := web_url(link.href, link.base, base))), None)
