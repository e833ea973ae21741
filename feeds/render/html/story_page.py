"""The page of a story of our own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from html import escape

from ...model import Article, Attachment, Document, Feed, Site, StoryNeighbours
from .. import formatting
from ..addresses import spell_addresses
from .language import PageLanguage, language_direction, page_language, text_direction, text_language
from .metadata import story_json_ld
from .templates import render_template

_PLAYER_ELEMENTS = ("audio", "video")


def render_story_page(
    article: Article, site: Site, feeds: Collection[Feed], neighbours: StoryNeighbours | None = None
) -> Document:
    """Return the page of a story of our own; `feeds` are those that may show it. Raises ValueError without a page."""
    page = article.page
    if page is None:
        raise ValueError(f"{article.published_id} has no page of its own")
    article, root = spell_addresses(article), "../" * page.path.count("/")
    neighbours = neighbours or StoryNeighbours()
    text = f"{article.title} {article.summary}"
    language = page_language(text_language(text, article.language or site.language), site.timezone)
    direction = text_direction(text) if text.strip() else language_direction(language.tag)
    shown = [feed for feed in feeds if "/" not in feed.id]
    tag_pages = {
        tag.casefold(): root + formatting.page_path(feed) for feed in feeds if "/" in feed.id for tag in feed.tags
    }
    body = render_template(
        "story.html",
        site,
        {
            "article": article,
            "language": language,
            "direction": direction,
            "words": language.words,
            "root": root,
            "lead_image": _lead_image(article),
            "json_ld": story_json_ld(article, site, page),
            "dates": tuple(_dates(article, language)),
            "attachments": [(attachment, _player_element(attachment)) for attachment in article.attachments],
            "alternates": tuple(_alternates(shown, site)),
            "tags": [(tag, tag_pages.get(tag.casefold())) for tag in article.tags],
            "newer": _link(neighbours.newer, root),
            "older": _link(neighbours.older, root),
            "others": [_link(other, root) for other in neighbours.others],
            "feeds": [(formatting.feed_title(feed), root + formatting.page_path(feed)) for feed in shown],
        },
    )
    return Document(page.path, body, "text/html")


def _link(article: Article | None, root: str) -> tuple[str, str] | None:
    """Return title and address of a story of our own."""
    return (article.title, root + article.page.path) if article and article.page else None


def _lead_image(article: Article) -> str | None:
    """Return the image to show above the text, unless the text shows it itself."""
    image = article.image
    return None if not image or escape(image) in article.html else image


def _player_element(attachment: Attachment) -> str | None:
    """Return the HTML element that plays an attachment, if one does."""
    name = attachment.media_type.partition("/")[0]
    return name if name in _PLAYER_ELEMENTS else None


def _alternates(feeds: Collection[Feed], site: Site) -> Iterator[tuple[str, str, str]]:
    """Return title, media type and address of every file of these feeds that feed readers read."""
    for feed in feeds:
        for format in formatting.subscription_formats(feed):
            yield formatting.feed_title(feed), format.media_type, formatting.file_url(feed, site, format)


def _dates(article: Article, language: PageLanguage) -> Iterator[tuple[str, str, str]]:
    """Return label, RFC 3339 date and displayed date of each date; no change on the day of publication."""
    dates = formatting.article_dates(article)
    days = [language.format_day(moment) if moment else "" for moment in dates]
    if dates[0]:
        yield "", formatting.format_rfc3339(dates[0]), days[0]
    if dates[1] and days[1] != days[0]:
        yield language.words["updated"], formatting.format_rfc3339(dates[1]), days[1]
