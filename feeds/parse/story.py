"""A page that is one story: its facts, each from the best place that tells it."""

from __future__ import annotations

from feeds.model import Fetched, Link, Parsed, Source, Story, Text
from feeds.parse import bodytext, byline, ground, headline, jsonld, picture, stamps, webpage
from feeds.parse.webpage import WebPage


def read_story(fetched: Fetched, source: Source | None = None) -> Parsed:
    """The one story of a page."""
    page = webpage.opened(fetched)
    return Parsed("page:story", page.base, stories=(story_of(page, source),))


def story_of(page: WebPage, source: Source | None) -> Story:
    node = jsonld.main(page.data, page.url, page.canonical)
    title = headline.find(page, node)
    people = byline.find(page, node).people
    dates = stamps.find(page, node)
    look = ground.survey(page.root)
    place = ground.choose(page, look)
    shown = picture.shown_in(ground.region(page, place, title[0] if title else ""), place, page.base) if place is not None else []
    image = picture.find(page, node, shown)
    blocks = []
    if place is not None:
        told = bodytext.Told(title[0] if title else "", tuple(p.name or "" for p in people))
        lead = ground.standfirst(page, node, place, look, told.title)
        heading = ground.headline_of(page, told.title)
        collected = []
        for one in ground.places(heading, place, look):
            collected += bodytext.Collector(look, page.base).collect(one)
        blocks = bodytext.chosen(collected, told)
        if lead:
            blocks = bodytext.with_lead(blocks, lead)
    html = "\n".join(block.html for block in blocks)
    return Story(
        links=(Link(page.canonical or page.url),),
        title=Text(title[0], "text") if title else None,
        content=(Text(html, "html"),) if html else (),
        people=people,
        published=dates["published"][0] if "published" in dates else None,
        updated=dates["updated"][0] if "updated" in dates else None,
        image=Link(image[0], "image") if image else None,
        language=page.language,
    )
