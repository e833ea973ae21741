"""A page that is one story: its facts, each from the best place that tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from urllib.parse import urlsplit

from lxml import etree

from ...model import Category, Channel, Fetched, Link, Parsed, Person, Source, Story, Text
from ..own_stories import reader
from . import authors, body, dates, html_tree, images, json_ld, region, selectors, title
from .authors import Byline
from .dates import DateMark
from .html_tree import Element, WebPage, joined, squeezed, words_of
from .region import PageSurvey

MOST = 10
NUMBER = re.compile(
    r"(?:[?&](?:page|p|seite|pagina|pg|start)=|/(?:page|seite|pagina|p)?[/_-]?|[_-](?:p|page|seite)?[_-]?|,)(\d{1,2})(?=/?$|\.html?$|&|$|\.\w{3,5}$)",
    re.I,
)


def following(page: WebPage) -> tuple[Link, ...]:
    """The link to the next page of the same story, if there is one."""
    for element in page.root.iter("link", "a"):
        if "next" in (element.get("rel") or "").lower().split():
            address = joined(page.base, element.get("href") or "")
            if (address and is_next_page(page.canonical or page.url, address)) or (
                address and is_next_page(page.url, address)
            ):
                return (Link(address, "next"),)
    return ()


def is_next_page(here: str, there: str) -> bool:
    """Whether two addresses are one but for their number, and the second has the next one."""
    if urlsplit(here).netloc != urlsplit(there).netloc or urlsplit(here).path in ("", "/"):
        return False
    ours, theirs = _numbered(here), _numbered(there)
    if theirs[1] is None or theirs[1] > MOST:
        return False
    if ours[1] is None:
        return theirs[1] == 2 and _stem(theirs[0]) == _stem(here)
    return theirs == (ours[0], ours[1] + 1)


def _numbered(address: str) -> tuple[str, int | None]:
    address = address.partition("#")[0]
    match = next(reversed(list(NUMBER.finditer(address))), None)
    if match is None or urlsplit(address).path in ("", "/"):
        return address, None
    return address[: match.start()] + address[match.end() :], int(match[1])


def _stem(address: str) -> str:
    return re.sub(r"(?:/|/index)?(?:\.\w{3,5})?/?$", "", address.partition("#")[0].partition("?")[0])


# ── Texts from other places, for pages whose own markup does not give them away: the data of the head, or a library ───


LITTLE = 250  # letters: less is no story, ask elsewhere
MARKUP = re.compile(r"<(?:p|br|div|h\d)\b", re.I)
TAG = re.compile(r"<[^>]{1,500}>")
PARAGRAPH = re.compile(r"</p\s*>|<br\s*/?>\s*<br\s*/?>|\n\s*\n|\r?\n", re.I)
LARGEST = 1_500_000


@dataclass(frozen=True, slots=True)
class Other:
    """A text found elsewhere: paragraphs of HTML, and where."""

    blocks: tuple[str, ...]
    where: str


def better(page: WebPage, story: json_ld.JsonLdNode, letters: int) -> Other | None:
    """A text that tells clearly more than the `letters` found on the page; none where that is whole."""
    body = json_ld.text(story.get("articleBody")) or json_ld.text(story.get("text")) or ""
    if len(body) > LITTLE and letters < 0.3 * len(body):
        return Other(tuple(_paragraphs(body)), "json-ld articleBody")
    if letters >= LITTLE:
        return None
    found = _extracted(page)
    return Other((found,), "trafilatura") if len(TAG.sub("", found)) > max(letters, 80) else None


def _paragraphs(body: str) -> list[str]:
    plain = [squeezed(TAG.sub("", part)) if MARKUP.search(body) else squeezed(part) for part in PARAGRAPH.split(body)]
    return [f"<p>{escape(part, quote=False)}</p>" for part in plain if part]


def _extracted(page: WebPage) -> str:
    """What the library makes of the page; it is heavy, and few pages need it."""
    import trafilatura

    source = etree.tostring(page.root, encoding="unicode", method="html")
    if len(source) > LARGEST:
        return ""
    return (
        trafilatura.extract(
            source,
            url=page.url,
            output_format="html",
            include_comments=False,
            include_links=True,
            include_images=True,
            include_formatting=True,
            favor_precision=True,
        )
        or ""
    )


# ── A page that is one story: its facts, each from the best place that tells it ───────────────────────────────────────


NO_SELECTORS: Mapping[str, str] = {}
SUMMARIES = ("og:description", "description", "twitter:description", "dc.description", "dcterms.description")
TAGS = ("article:tag", "news_keywords", "keywords", "parsely-tags", "sailthru.tags")
MANY_TAGS = 40


def read_story(fetched: Fetched, source: Source | None = None) -> Parsed:
    """The one story of a page or of a plain text; ParseError where there is none."""
    if fetched.media_type in reader.TEXT_SUFFIXES:
        return replace(reader.read_text(fetched), reader="page:story")
    return of_page(html_tree.opened(fetched), source)


def of_page(page: WebPage, source: Source | None = None) -> Parsed:
    """The one story of a page that is opened already."""
    view = look(page, source)
    warnings = tuple(filter(None, (page.warning, *view.warnings)))
    title = Text(page.site, "text") if page.site else None
    channel = Channel(title=title, language=page.language)
    return Parsed("page:story", page.base, channel, (story_of(view),), warnings)


@dataclass(frozen=True)
class StoryView:
    """A page looked over for its story: the node of its data, its headline, the place of its text, what is around."""

    page: WebPage
    node: json_ld.JsonLdNode
    title: title.TitleCandidate | None
    ground: PageSurvey
    heading: Element | None
    place: Element | None
    region: Element
    chosen: Mapping[str, list[Element | str]]
    home: str = "UTC"
    warnings: tuple[str, ...] = ()


def look(page: WebPage, source: Source | None) -> StoryView:
    """Look a page over; what the source's selectors match counts more than what is found."""
    declared = source.selectors if source else NO_SELECTORS
    _remove(page, declared.get("remove"))
    named = {name: declared[name] for name in ("title", "content", "date", "author", "image") if declared.get(name)}
    chosen = {name: selectors.select(page.root, selector, name) for name, selector in named.items()}
    warnings = tuple(
        f"`{name}: {named[name]}` matches nothing on {page.url}" for name, found in chosen.items() if not found
    )
    node = json_ld.main(page.data, page.url, page.canonical)
    heading_text = _selected_title(chosen) or title.find(page, node)
    survey = region.survey(page.root)
    place = region.choose(page, survey)
    heading = region.headline_of(page, heading_text[0] if heading_text else "")
    story_region = region.region(page, place, heading) if place is not None else page.root
    home = source.timezone if source else "UTC"
    return StoryView(page, node, heading_text, survey, heading, place, story_region, chosen, home, warnings)


def _remove(page: WebPage, selector: str | None) -> None:
    for element in selectors.select(page.root, selector, "remove") if selector else []:
        if isinstance(element, Element) and element.getparent() is not None:
            element.drop_tree()  # type: ignore[attr-defined]


def _selected_title(chosen: Mapping[str, list[Element | str]]) -> title.TitleCandidate | None:
    words = next(filter(None, map(_words, chosen.get("title", []))), "")
    return (words, "title:") if words else None


def _words(match: Element | str) -> str:
    return html_tree.squeezed(match) if isinstance(match, str) else words_of(match)


# ── the story ───────────────────────────────────────────────────────────────────────────────────────────────────────


def story_of(view: StoryView) -> Story:
    """The story that a page tells."""
    page, node = view.page, view.node
    found_dates = _dates(view)
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
        **dates.found(found_dates),
    }
    return Story(
        links=(Link(page.canonical or page.url), *following(page)),
        title=Text(view.title[0], "text") if view.title else None,
        summary=Text(summary[0], "text") if summary else None,
        content=(Text("\n".join(block.html for block in blocks), "html"),) if blocks else (),
        published=found_dates["published"].text if "published" in found_dates else None,
        updated=found_dates["updated"].text if "updated" in found_dates else None,
        people=people.people,
        categories=tags,
        image=Link(image[0], "image") if image else None,
        language=page.language or json_ld.text(node.get("inLanguage")),
        found={name: where for name, where in told.items() if where},
    )


def _dates(view: StoryView) -> dict[str, DateMark]:
    found = dates.find(view.page, view.node, view.region, view.home)
    for match in view.chosen.get("date", [])[:1]:
        text = match if isinstance(match, str) else dates.value_of(match)
        found["published"] = DateMark(text.strip(), "date:")
    return found


def _people(view: StoryView) -> Byline:
    names = [
        name for match in view.chosen.get("author", [])[: authors.MANY] for name in authors.names_in(_words(match))
    ]
    if names:
        return Byline(tuple(map(Person, dict.fromkeys(names))), "author:")
    return authors.find(view.page, view.node)


def _image(view: StoryView) -> tuple[str, str] | None:
    for match in view.chosen.get("image", [])[:1]:
        if isinstance(match, str):
            return match.strip(), "image:"
        found = images.picture_of(match, view.page.base)
        if address := found.url if found else match.get("content") or match.get("href"):
            return address, "image:"
    shown = images.shown_in(view.region, view.place, view.page.base) if view.place is not None else []
    return images.find(view.page, view.node, shown)


def _text(view: StoryView, people: Byline) -> tuple[list[body.Block], str]:
    """The blocks of the text: of what the selector chose, of the place found, else of what others make of the page."""
    told = body.StoryFacts(view.title[0] if view.title else "", tuple(person.name or "" for person in people.people))
    chosen = [match for match in view.chosen.get("content", []) if isinstance(match, Element)]
    if chosen:
        return body.gathered(chosen, view.ground, view.page.base, told), "content:"
    blocks: list[body.Block] = []
    if view.place is not None:
        lead = region.standfirst(view.page, view.node, view)
        parts = region.places(view.heading, view.place, view.ground)
        blocks = body.gathered(parts, view.ground, view.page.base, told)
        if lead:
            blocks = body.with_lead(blocks, lead)
    letters = sum(len(block.words) for block in blocks)
    if other := better(view.page, view.node, letters):
        return [body.Block("p", html, html) for html in other.blocks], other.where
    return blocks, "page"


def _signed(people: Byline, blocks: list[body.Block]) -> tuple[Byline, list[body.Block]]:
    """A name that stands alone below the text is that of who wrote it."""
    persons = [person for person in people.people if authors.looks_like_a_person(person.name or "")]
    if persons or not blocks:
        return people, blocks
    last = blocks[-1]
    if last.tag == "p" and len(last.words) < 40 and authors.looks_like_a_person(last.words) and "<strong" in last.html:
        return Byline((Person(last.words),), "signature"), blocks[:-1]
    return people, blocks


def _summary(page: WebPage, node: json_ld.JsonLdNode) -> tuple[str, str] | None:
    for name in SUMMARIES:
        if text := page.says(name):
            return text[:2000], f"meta {name}"
    text = json_ld.text(node.get("description"))
    return (html_tree.squeezed(text)[:2000], "json-ld description") if text else None


def _tags(page: WebPage, node: json_ld.JsonLdNode) -> tuple[Category, ...]:
    """The first place that names any: one term each, or many with commas between."""
    told = [json_ld.text(value) or "" for value in json_ld.several(node.get("keywords"))[:MANY_TAGS]]
    places = [told, *(list(page.meta.get(name, ())) for name in TAGS)]
    for place in places:
        parts = place if len(place) > 1 else re.split(r"[,;|]", place[0]) if place else []
        terms = dict.fromkeys(filter(None, (html_tree.squeezed(part)[:100] for part in parts)))
        if terms:
            return tuple(Category(term.removeprefix("Tag:").strip()) for term in list(terms)[:MANY_TAGS])
    return ()


# ── a story over several pages ──────────────────────────────────────────────────────────────────────────────────────


def join(stories: list[Story]) -> Story:
    """One story of the pages it was spread over, in their order: the first tells the facts, all tell the text."""
    first = stories[0]
    seen: set[str] = set()
    parts = []
    for story in stories[:MOST]:
        for text in story.content:
            lines = [line for line in text.value.split("\n") if line not in seen or not line.startswith("<p")]
            seen.update(line for line in lines if len(line) > 60)
            parts.append("\n".join(lines))
    links = tuple(link for link in first.links if link.rel != "next")
    content = (Text("\n".join(filter(None, parts)), "html"),) if any(parts) else ()
    return replace(first, links=links, content=content)
