"""Our own page for a story: an HTML document that reads well, and that other readers understand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from functools import cache
from html import escape
from zoneinfo import ZoneInfo

from ..model import Article, Attachment, Author, Document, Feed, Site, StoryPage
from . import formatting
from .json_feed import line
from .stylesheets import STORY

FORMATS = (("rss", "application/rss+xml"), ("atom", "application/atom+xml"), ("json", "application/feed+json"))
PLAYERS = ("audio", "video")

# Written out because strftime follows the locale (R8).
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def story_page(article: Article, site: Site, feeds: Collection[Feed]) -> Document:
    """Give the page of a story of ours; `feeds` are those that may show it."""
    page = article.page
    if page is None:
        raise ValueError(f"{article.published_id} has no page of its own")
    root = "../" * page.path.count("/")
    body = _template()(
        article=article,
        site=site,
        root=root,
        style=root + STORY,
        language=article.language or site.language,
        lead=_lead(article),
        facts=_facts(article, site, page),
        dates=tuple(_dates(article, site)),
        players=[(one, _player(one)) for one in article.attachments],
        alternates=tuple(_alternates(feeds, site)),
        feeds=[(formatting.title(feed), f"{root}{feed.id}.rss") for feed in feeds],
    )
    return Document(page.path, body.encode(), "text/html")


@cache
def _template() -> Callable[..., str]:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # costs 50 ms where nobody writes stories

    environment = Environment(
        loader=PackageLoader("feeds.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["rfc3339"] = formatting.rfc3339
    return environment.get_template("story.html").render


def _lead(article: Article) -> str | None:
    """The image to show above the text: not one that the text shows itself."""
    image = article.image
    return None if not image or escape(image) in article.html else image


def _player(attachment: Attachment) -> str | None:
    kind = attachment.media_type.partition("/")[0]
    return kind if kind in PLAYERS else None


def _alternates(feeds: Collection[Feed], site: Site) -> Iterator[tuple[str, str, str]]:
    """Title, media type and address of every file of these feeds."""
    for feed in feeds:
        for suffix, media_type in FORMATS:
            yield formatting.title(feed), media_type, formatting.address(feed, site, suffix)


# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _dates(article: Article, site: Site) -> Iterator[tuple[str, str, str]]:
    """What each date says, for machines and for people; a change on the day of publication is none worth telling."""
    english = (article.language or site.language or "en").startswith("en")
    shown = [_day(at, site, english=english) if at else "" for at in (article.published, article.modified)]
    if article.published:
        yield "", formatting.rfc3339(article.published), shown[0]
    if article.modified and shown[1] != shown[0]:
        yield "Updated", formatting.rfc3339(article.modified), shown[1]


def _day(at: datetime, site: Site, *, english: bool) -> str:
    local = at.astimezone(ZoneInfo(site.timezone))
    if not english:
        return f"{local.year:04}-{local.month:02}-{local.day:02}"
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


# ── for machines ────────────────────────────────────────────────────────────────────────────────────────────────────


def _facts(article: Article, site: Site, page: StoryPage) -> str:
    """The story in the words of schema.org, as JSON that no markup can break out of."""
    told: Mapping[str, object] = {
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": article.title,
        "description": article.summary,
        "url": article.url or page.address,
        "mainEntityOfPage": page.address,
        "datePublished": article.published and formatting.rfc3339(article.published),
        "dateModified": article.modified and formatting.rfc3339(article.modified),
        "author": [_person(author) for author in article.authors],
        "image": article.image,
        "keywords": list(article.tags),
        "inLanguage": article.language or site.language,
        "publisher": {"@type": "Organization", "name": site.title, "url": site.url},
    }
    return line({name: value for name, value in told.items() if value}).replace("<", "\\u003c")


def _person(author: Author) -> dict[str, str]:
    return {"@type": "Person", "name": author.name} | ({"url": author.url} if author.url else {})
