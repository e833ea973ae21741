"""The modules that RSS and Atom share: pictures and media, podcasts, discussions."""

from __future__ import annotations

from collections.abc import Mapping

from ..model import Article, Attachment, Comments, Media
from .xml_elements import XmlElement, element, leaf, tag

UNKNOWN_TYPE = "application/octet-stream"

_CONTENT = tag("media", "content")
_THUMBNAIL = tag("media", "thumbnail")
_TITLE = tag("media", "title")
_COMMENT_FEED = tag("wfw", "commentRss")
_COMMENT_COUNT = tag("slash", "comments")
_COVER = tag("itunes", "image")

# What a source's facts are called, in small letters without `_` → the iTunes element, in the order of writing.
_PODCAST: Mapping[str, str] = {
    name.lower(): tag("itunes", name)
    for name in (
        "title",
        "author",
        "subtitle",
        "summary",
        "duration",
        "season",
        "episode",
        "episodeType",
        "explicit",
        "block",
        "keywords",
    )
}


def modules(parent: XmlElement, article: Article) -> None:
    """Append what an article holds beyond RSS and Atom themselves."""
    if article.comments:
        _discussion(parent, article.comments)
    if article.image or article.media:
        _pictures(parent, article)
    if article.podcast or article.attachments:
        _podcast(parent, article)


def attachment(parent: XmlElement, it: Attachment) -> None:
    """Append an attachment for which the format has no place left of its own (R29)."""
    content = element(
        parent,
        _CONTENT,
        url=it.url,
        type=it.media_type or UNKNOWN_TYPE,
        fileSize=None if it.size is None else str(it.size),
        duration=None if it.duration is None else f"{it.duration:.0f}",
    )
    leaf(content, _TITLE, it.title)


def _discussion(parent: XmlElement, comments: Comments) -> None:
    leaf(parent, _COMMENT_FEED, comments.feed)
    if comments.count and comments.count.isdecimal():
        leaf(parent, _COMMENT_COUNT, comments.count)


def _pictures(parent: XmlElement, article: Article) -> None:
    """Write the lead image and the other media, nothing twice."""
    told = {it.url for it in article.attachments}
    if article.image:
        element(parent, _THUMBNAIL, url=article.image)
    for medium in article.media:
        if medium.url not in told and not (medium.role == "thumbnail" and medium.url == article.image):
            told.add(medium.url)
            _medium(parent, medium)


def _medium(parent: XmlElement, medium: Media) -> None:
    if medium.role == "thumbnail":
        element(parent, _THUMBNAIL, url=medium.url, width=medium.width, height=medium.height)
        return
    content = element(
        parent,
        _CONTENT,
        url=medium.url,
        type=medium.type,
        medium=medium.medium,
        fileSize=medium.length,
        width=medium.width,
        height=medium.height,
        duration=medium.duration,
        lang=medium.language,
    )
    leaf(content, _TITLE, medium.title)


def _podcast(parent: XmlElement, article: Article) -> None:
    facts = {name.lower().replace("_", ""): fact for name, fact in article.podcast.items()}
    if "duration" not in facts and article.attachments and article.attachments[0].duration:
        facts["duration"] = f"{article.attachments[0].duration:.0f}"
    for name, itunes in _PODCAST.items():
        leaf(parent, itunes, facts.get(name))
    if facts.get("image"):
        element(parent, _COVER, href=facts["image"])
