"""The page of a feed: its newest stories, and the address to follow."""

from __future__ import annotations

from ...model import Edition, Feed, Site
from ...registry import Format
from .. import formatting
from .language import page_language
from .metadata import list_json_ld
from .story_list import LivePage, list_days
from .templates import render_template


def write(edition: Edition, format: Format) -> bytes:
    """Return an edition as a page; archive documents are the older pages."""
    is_newest = edition.archive is None
    feed, site, older = edition.feed, edition.site, edition.prev_archive
    language = page_language(formatting.feed_language(feed, site), site.timezone)
    root = "../" * formatting.folder_depth(edition)
    address = formatting.file_url(feed, site, format, edition.archive)
    days = list_days(edition.articles, site, language, address, whole=not is_newest)
    title, follow = formatting.feed_title(feed), follow_addresses(feed, site)
    live = LivePage(f"{root}live/{feed.id}", root + formatting.file_path(feed, format), feed.id)
    return render_template(
        "feed.html",
        site,
        {
            "language": language,
            "words": language.words,
            "root": root,
            "title": title,
            "description": feed.description,
            "address": address,
            "image": feed.image,
            "days": days,
            "live": live if is_newest else None,
            "older": None if older is None else root + formatting.file_path(feed, format, older),
            "newest": None if is_newest else root + formatting.file_path(feed, format),
            "follow": follow,
            "alternates": [(title, media_type, url) for _, media_type, url in follow],
            "json_ld": list_json_ld(title, address, days, language),
        },
    )


def follow_addresses(feed: Feed, site: Site) -> list[tuple[str, str, str]]:
    """Return label, media type and address of each format for feed readers; the first is the one to copy."""
    return [
        (format.label, format.media_type, formatting.file_url(feed, site, format))
        for format in formatting.subscription_formats(feed)
    ]
