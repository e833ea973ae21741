"""The HTML page of a story of our own, with schema.org metadata for other readers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from functools import cache
from html import escape
from zoneinfo import ZoneInfo

from ..model import Article, Attachment, Author, Document, Feed, Site, StoryPage
from ..registry import formats
from . import formatting, json_feed
from .addresses import spell_addresses

_PLAYER_ELEMENTS = ("audio", "video")


def render_story_page(article: Article, site: Site, feeds: Collection[Feed]) -> Document:
    """Return the page of a story of our own; `feeds` are those that may show it. Raises ValueError without a page."""
    page = article.page
    if page is None:
        raise ValueError(f"{article.published_id} has no page of its own")
    article, root = spell_addresses(article), "../" * page.path.count("/")
    first_format = next(iter(formats().values()))
    body = _load_template()(
        article=article,
        site=site,
        root=root,
        stylesheet=root + formatting.STORY_STYLESHEET,
        language=article.language or site.language,
        lead_image=_lead_image(article),
        json_ld=_json_ld(article, site, page),
        dates=tuple(_dates(article, site)),
        attachments=[(attachment, _player_element(attachment)) for attachment in article.attachments],
        alternates=tuple(_alternates(feeds, site)),
        feeds=[(formatting.feed_title(feed), root + formatting.file_path(feed, first_format)) for feed in feeds],
    )
    return Document(page.path, body.encode(), "text/html")


@cache
def _load_template() -> Callable[..., str]:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # costs 50 ms, and only stories of our own need it

    environment = Environment(
        loader=PackageLoader("feeds.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["rfc3339"] = formatting.format_rfc3339
    return environment.get_template("story.html").render


def _lead_image(article: Article) -> str | None:
    """Return the image to show above the text, unless the text shows it itself."""
    image = article.image
    return None if not image or escape(image) in article.html else image


def _player_element(attachment: Attachment) -> str | None:
    """Return the HTML element that plays an attachment, if one does."""
    name = attachment.media_type.partition("/")[0]
    return name if name in _PLAYER_ELEMENTS else None


def _alternates(feeds: Collection[Feed], site: Site) -> Iterator[tuple[str, str, str]]:
    """Return title, media type and address of every file of these feeds."""
    for feed in feeds:
        for format in formats().values():
            yield formatting.feed_title(feed), format.media_type, formatting.file_url(feed, site, format)


# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _dates(article: Article, site: Site) -> Iterator[tuple[str, str, str]]:
    """Return label, RFC 3339 date and displayed date of each date; no change on the day of publication."""
    english = (article.language or site.language or "en").startswith("en")
    dates = formatting.article_dates(article)
    days = [_format_day(moment, site, english=english) if moment else "" for moment in dates]
    if dates[0]:
        yield "", formatting.format_rfc3339(dates[0]), days[0]
    if dates[1] and days[1] != days[0]:
        yield "Updated", formatting.format_rfc3339(dates[1]), days[1]


def _format_day(moment: datetime, site: Site, *, english: bool) -> str:
    local = moment.astimezone(ZoneInfo(site.timezone))
    if not english:
        return f"{local.year:04}-{local.month:02}-{local.day:02}"
    return f"{local.day} {formatting.MONTHS[local.month - 1]} {local.year}"


# ── metadata ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _json_ld(article: Article, site: Site, page: StoryPage) -> str:
    """Return the story as a schema.org article in JSON-LD, without a character that could end the script element."""
    published, modified = formatting.article_dates(article)
    properties: Mapping[str, object] = {
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": article.title,
        "description": article.summary,
        "url": article.url or page.address,
        "mainEntityOfPage": page.address,
        "datePublished": published and formatting.format_rfc3339(published),
        "dateModified": modified and formatting.format_rfc3339(modified),
        "author": [_person(author) for author in article.authors],
        "image": article.image,
        "keywords": list(article.tags),
        "inLanguage": article.language or site.language,
        "publisher": {"@type": "Organization", "name": site.title, "url": site.url},
    }
    text = json_feed.encode_json({name: value for name, value in properties.items() if value})
    return text.replace("<", "\\u003c")


def _person(author: Author) -> dict[str, str]:
    return {"@type": "Person", "name": author.name} | ({"url": author.url} if author.url else {})
