"""A page that is one story: its facts, each from the best place that tells it."""

from __future__ import annotations

from feeds.model import Fetched, Link, Parsed, Source, Story, Text
from feeds.parse import bodytext, byline, headline, jsonld, picture, stamps, webpage
from feeds.parse.webpage import WebPage


def read_story(fetched: Fetched, source: Source | None = None) -> Parsed:
    """The one story of a page."""
    page = webpage.opened(fetched)
    return Parsed("page:story", page.base, stories=(story_of(page, source),))


def story_of(page: WebPage, source: Source | None) -> Story:
    node = jsonld.main(page.data, page.url, page.canonical)
    title = headline.find(page, node)
    people, where = byline.find(page, node)
    dates = stamps.find(page, node)
    image = picture.find(page, node)
    text = bodytext.find(page, node, title[0] if title else "")
    return Story(
        links=(Link(page.canonical or page.url),),
        title=Text(title[0], "text") if title else None,
        content=(Text(text[0], "html"),) if text else (),
        people=people,
        published=dates["published"][0] if "published" in dates else None,
        updated=dates["updated"][0] if "updated" in dates else None,
        image=Link(image[0], "image") if image else None,
        language=page.language,
    )
