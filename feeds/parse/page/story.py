"""A page that is one story: its facts, each from the best place that tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lxml import etree

from ...model import Category, Channel, Fetched, Link, Parsed, Person, Source, Story, Text
from .. import files
from . import (
    bodytext,
    byline,
    fulltext,
    ground,
    headline,
    jsonld,
    paging,
    picture,
    selecting,
    stamps,
    webpage,
)
from .byline import Found
from .ground import Element, Ground
from .stamps import Stamp
from .webpage import WebPage, words_of

NO_SELECTORS: Mapping[str, str] = {}
SUMMARIES = ("og:description", "description", "twitter:description", "dc.description", "dcterms.description")
TAGS = ("article:tag", "news_keywords", "keywords", "parsely-tags", "sailthru.tags")
MANY_TAGS = 40


def read_story(fetched: Fetched, source: Source | None = None) -> Parsed:
    """The one story of a page or of a plain text; ParseError where there is none."""
    if fetched.media_type in files.TEXTS:
        return replace(files.read_one(fetched), reader="page:story")
    return of_page(webpage.opened(fetched), source)


def of_page(page: WebPage, source: Source | None = None) -> Parsed:
    """The one story of a page that is opened already."""
    view = look(page, source)
    warnings = tuple(filter(None, (page.warning, *view.warnings)))
    title = Text(page.site, "text") if page.site else None
    channel = Channel(title=title, language=page.language)
    return Parsed("page:story", page.base, channel, (story_of(view),), warnings)


@dataclass(frozen=True)
class View:
    """A page looked over for its story: the node of its data, its headline, the place of its text, what is around."""

    page: WebPage
    node: jsonld.Node
    title: headline.Told | None
    ground: Ground
    heading: Element | None
    place: Element | None
    region: Element
    chosen: Mapping[str, list[Element | str]]
    home: str = "UTC"
    warnings: tuple[str, ...] = ()


def look(page: WebPage, source: Source | None) -> View:
    """Look a page over; what the source's selectors match counts more than what is found."""
    selectors = source.selectors if source else NO_SELECTORS
    _remove(page, selectors.get("remove"))
    named = {name: selectors[name] for name in ("title", "content", "date", "author", "image") if selectors.get(name)}
    chosen = {name: selecting.select(page.root, selector, name) for name, selector in named.items()}
    warnings = tuple(
        f"`{name}: {named[name]}` matches nothing on {page.url}" for name, found in chosen.items() if not found
    )
    node = jsonld.main(page.data, page.url, page.canonical)
    title = _selected_title(chosen) or headline.find(page, node)
    survey = ground.survey(page.root)
    place = ground.choose(page, survey)
    heading = ground.headline_of(page, title[0] if title else "")
    region = ground.region(page, place, heading) if place is not None else page.root
    home = source.timezone if source else "UTC"
    return View(page, node, title, survey, heading, place, region, chosen, home, warnings)


def _remove(page: WebPage, selector: str | None) -> None:
    for element in selecting.select(page.root, selector, "remove") if selector else []:
        if isinstance(element, etree._Element) and element.getparent() is not None:
            element.drop_tree()  # type: ignore[attr-defined]


def _selected_title(chosen: Mapping[str, list[Element | str]]) -> headline.Told | None:
    words = next(filter(None, map(_words, chosen.get("title", []))), "")
    return (words, "title:") if words else None


def _words(match: Element | str) -> str:
    return webpage.squeezed(match) if isinstance(match, str) else words_of(match)


# ── the story ───────────────────────────────────────────────────────────────────────────────────────────────────────


def story_of(view: View) -> Story:
    """The story that a page tells."""
    page, node = view.page, view.node
    dates = _dates(view)
    image = _image(view)  # before the text, which is taken apart
    people = _people(view)
    blocks, text_where = _text(view, people)
    people, blocks = _signed(people, blocks)
    summary = _summary(page, node)
    tags = _tags(page, node)
    told = {
        "title": view.title[1] if view.title else "",
        "people": people.where,
        "image": image[1] if image else "",
        "content": text_where if blocks else "",
        "summary": summary[1] if summary else "",
        "categories": "page" if tags else "",
        **stamps.found(dates),
    }
    return Story(
        links=(Link(page.canonical or page.url), *paging.following(page)),
        title=Text(view.title[0], "text") if view.title else None,
        summary=Text(summary[0], "text") if summary else None,
        content=(Text("\n".join(block.html for block in blocks), "html"),) if blocks else (),
        published=dates["published"].text if "published" in dates else None,
        updated=dates["updated"].text if "updated" in dates else None,
        people=people.people,
        categories=tags,
        image=Link(image[0], "image") if image else None,
        language=page.language or jsonld.text(node.get("inLanguage")),
        found={name: where for name, where in told.items() if where},
    )


def _dates(view: View) -> dict[str, Stamp]:
    found = stamps.find(view.page, view.node, view.region, view.home)
    for match in view.chosen.get("date", [])[:1]:
        text = match if isinstance(match, str) else stamps.value_of(match)
        found["published"] = Stamp(text.strip(), "date:")
    return found


def _people(view: View) -> Found:
    names = [name for match in view.chosen.get("author", [])[: byline.MANY] for name in byline.names_in(_words(match))]
    if names:
        return Found(tuple(map(Person, dict.fromkeys(names))), "author:")
    return byline.find(view.page, view.node)


def _image(view: View) -> tuple[str, str] | None:
    for match in view.chosen.get("image", [])[:1]:
        if isinstance(match, str):
            return match.strip(), "image:"
        found = picture.picture_of(match, view.page.base)
        if address := found.url if found else match.get("content") or match.get("href"):
            return address, "image:"
    shown = picture.shown_in(view.region, view.place, view.page.base) if view.place is not None else []
    return picture.find(view.page, view.node, shown)


def _text(view: View, people: Found) -> tuple[list[bodytext.Block], str]:
    """The blocks of the text: of what the selector chose, of the place found, else of what others make of the page."""
    told = bodytext.Told(view.title[0] if view.title else "", tuple(person.name or "" for person in people.people))
    chosen = [match for match in view.chosen.get("content", []) if isinstance(match, etree._Element)]
    if chosen:
        return bodytext.gathered(chosen, view.ground, view.page.base, told), "content:"
    blocks: list[bodytext.Block] = []
    if view.place is not None:
        lead = ground.standfirst(view.page, view.node, view)
        parts = ground.places(view.heading, view.place, view.ground)
        blocks = bodytext.gathered(parts, view.ground, view.page.base, told)
        if lead:
            blocks = bodytext.with_lead(blocks, lead)
    letters = sum(len(block.words) for block in blocks)
    if other := fulltext.better(view.page, view.node, letters):
        return [bodytext.Block("p", html, html) for html in other.blocks], other.where
    return blocks, "page"


def _signed(people: Found, blocks: list[bodytext.Block]) -> tuple[Found, list[bodytext.Block]]:
    """A name that stands alone below the text is that of who wrote it."""
    persons = [person for person in people.people if byline.looks_like_a_person(person.name or "")]
    if persons or not blocks:
        return people, blocks
    last = blocks[-1]
    if last.tag == "p" and len(last.words) < 40 and byline.looks_like_a_person(last.words) and "<strong" in last.html:
        return Found((Person(last.words),), "signature"), blocks[:-1]
    return people, blocks


def _summary(page: WebPage, node: jsonld.Node) -> tuple[str, str] | None:
    for name in SUMMARIES:
        if text := page.says(name):
            return text[:2000], f"meta {name}"
    text = jsonld.text(node.get("description"))
    return (webpage.squeezed(text)[:2000], "json-ld description") if text else None


def _tags(page: WebPage, node: jsonld.Node) -> tuple[Category, ...]:
    """The first place that names any: one term each, or many with commas between."""
    told = [jsonld.text(value) or "" for value in jsonld.several(node.get("keywords"))[:MANY_TAGS]]
    places = [told, *(list(page.meta.get(name, ())) for name in TAGS)]
    for place in places:
        parts = place if len(place) > 1 else re.split(r"[,;|]", place[0]) if place else []
        terms = dict.fromkeys(filter(None, (webpage.squeezed(part)[:100] for part in parts)))
        if terms:
            return tuple(Category(term.removeprefix("Tag:").strip()) for term in list(terms)[:MANY_TAGS])
    return ()


# ── a story over several pages ──────────────────────────────────────────────────────────────────────────────────────


def join(stories: list[Story]) -> Story:
    """One story of the pages it was spread over, in their order: the first tells the facts, all tell the text."""
    first = stories[0]
    seen: set[str] = set()
    parts = []
    for story in stories[: paging.MOST]:
        for text in story.content:
            lines = [line for line in text.value.split("\n") if line not in seen or not line.startswith("<p")]
            seen.update(line for line in lines if len(line) > 60)
            parts.append("\n".join(lines))
    links = tuple(link for link in first.links if link.rel != "next")
    content = (Text("\n".join(filter(None, parts)), "html"),) if any(parts) else ()
    return replace(first, links=links, content=content)
