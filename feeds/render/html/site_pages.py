"""The pages of the site beside those of the feeds: the front page, the list of sources, those for errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from urllib.parse import urlsplit

from ...model import Document, Edition, Feed, Site, Source
from .. import formatting, json_feed
from .feed_page import follow_addresses
from .language import page_language
from .metadata import list_json_ld
from .story_list import LivePage, list_days
from .templates import render_template

FRONT_PAGE_PATH = "index.html"
SOURCE_PAGE_PATH = "blogroll.html"
MANIFEST_PATH = "manifest.webmanifest"
ICONS = (("192", 192, "any"), ("512", 512, "any"), ("maskable", 512, "maskable"))
# Status → the word that says why. Web servers show such files by convention, whatever the path that was asked for.
_ERRORS = {404: "not_found", 410: "gone"}
MAX_FEEDS = 60  # of each kind that the page names; the list of all is `feeds.opml`
MAX_ALTERNATES = 20


def render_front_page(edition: Edition, feeds: Sequence[Feed]) -> Document:
    """Return the page at `/`."""
    site = edition.site
    language = page_language(site.language, site.timezone)
    days = list_days(edition.articles, site, language, site.url)
    first = feeds[0] if feeds else None
    body = render_template(
        "front.html",
        site,
        {
            "language": language,
            "words": language.words,
            "root": "",
            "days": days,
            "live": LivePage("live", FRONT_PAGE_PATH, ""),
            "feeds": _links(feed for feed in feeds if "/" not in feed.id),
            "tags": _links(feed for feed in feeds if "/" in feed.id and feed.tags),
            "sources": _links(feed for feed in feeds if "/" in feed.id and not feed.tags),
            "follow_title": formatting.feed_title(first) if first and len(feeds) > 1 else "",
            "follow": follow_addresses(first, site) if first else [],
            "alternates": [
                (formatting.feed_title(feed), media_type, url)
                for feed in feeds[:MAX_ALTERNATES]
                for _, media_type, url in follow_addresses(feed, site)
            ],
            "json_ld": list_json_ld(site.title, site.url, days, language),
        },
    )
    return Document(FRONT_PAGE_PATH, body, "text/html")


def render_manifest(site: Site, paper: str) -> Document:
    """Return what makes the site an app that can be installed; `paper` is the colour of its pages."""
    language = page_language(site.language, site.timezone)
    members = {
        "id": "./",
        "name": site.title,
        "description": site.description,
        "lang": language.tag,
        "dir": language.direction,
        "start_url": "./",
        "scope": "./",
        "display": "standalone",  # iOS gives notifications to no other
        "background_color": paper,
        "theme_color": paper,
        "icons": [
            {"src": f"assets/icon-{name}.png", "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
            for name, size, purpose in ICONS
        ],
    }
    text = json_feed.encode_json({name: value for name, value in members.items() if value})
    return Document(MANIFEST_PATH, text.encode(), "application/manifest+json")


def render_source_page(site: Site, sources: Sequence[Source], titles: Mapping[str, str]) -> Document:
    """Return the page that lists sources with their addresses; `titles` are what they call themselves, by id."""
    language = page_language(site.language, site.timezone)
    names = [(titles.get(source.id) or source.id, source.address) for source in sources]
    values = {
        "language": language,
        "words": language.words,
        "root": "",
        "sources": sorted(names, key=lambda source: source[0].casefold()),
    }
    return Document(SOURCE_PAGE_PATH, render_template("sources.html", site, values), "text/html")


def _links(feeds: Iterable[Feed]) -> list[tuple[str, str]]:
    """Return title and path of the pages of feeds."""
    return [(formatting.feed_title(feed), formatting.page_path(feed)) for feed in islice(feeds, MAX_FEEDS)]


def render_error_pages(site: Site) -> list[Document]:
    """Return the pages for errors, `404.html` and `410.html`; their links hold wherever they are shown."""
    language = page_language(site.language, site.timezone)
    values: dict[str, object] = {
        "language": language,
        "words": language.words,
        "root": urlsplit(site.url).path,
    }
    titles = {f"{status}.html": language.words[word] for status, word in _ERRORS.items()}
    return [
        Document(path, render_template("error.html", site, {**values, "title": title}), "text/html")
        for path, title in titles.items()
    ]
