"""A page that is one story: its title, dates, bylines, image, text and further pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...model import (
    Category,
    Channel,
    Fetched,
    FieldCandidate,
    Link,
    Parsed,
    Person,
    Shape,
    Source,
    Story,
    Text,
    replace,
)
from ...person_names import contains_person_name, is_person_name
from ..document import resolve_http_url
from ..own_stories import reader
from . import json_ld, selectors
from .authors import MAX_PLACES, find_bylines, make_byline, select_leading_texts
from .body import Block, StoryFacts, add_lead, collect_blocks, make_paragraph, select_story_blocks
from .dates import DateMark, find_dates
from .html_tree import Element, WebPage, collapse_spaces, count_letters, get_text, parse_page
from .images import find_lead_image, find_pictures, list_image_candidates, parse_picture
from .lines import get_date_text
from .region import NO_REFERENCE, RegionView, find_lead, find_region, find_story_parts
from .title import TitleCandidate, find_title

NO_SELECTORS: Mapping[str, str] = {}
SUMMARY_META = ("og:description", "description", "twitter:description", "dc.description", "dcterms.description")
TAG_META = ("article:tag", "news_keywords", "keywords", "parsely-tags", "sailthru.tags")
MAX_TAGS = 40
MAX_SUMMARY_LENGTH = 2000
MAX_TAG_LENGTH = 100
MIN_TEXT_LENGTH = 40  # letters; what is shorter is no story
MIN_SHOWN_SHARE = 0.3  # of the structured data's text: where the markup has less, a script shows it
MAX_PAGES = 10
EMPHASIS = re.compile(r"<(?:strong|b|em|i)\b")
PAGE_NUMBER = re.compile(
    r"(?:[?&](?:page|p|seite|pagina|pg|start)=|/(?:page|seite|pagina|p)?[/_-]?|[_-](?:p|page|seite)?[_-]?|,)(\d{1,2})(?=/?$|\.html?$|&|$|\.\w{3,5}$)",
    re.I,
)


@dataclass(frozen=True)
class StoryView:
    """The parts of a page that its story is built from; `matches` are those of the source's selectors, by setting."""

    page: WebPage
    node: json_ld.JsonLdNode
    title: TitleCandidate | None
    candidates: tuple[FieldCandidate, ...]
    region: RegionView
    matches: Mapping[str, list[Element | str]]
    timezone: str = "UTC"
    warnings: tuple[str, ...] = ()


def read_story(fetched: Fetched, source: Source | None = None) -> Parsed:
    """Return the one story of a page or of a plain text; raises ParseError where there is none."""
    if fetched.media_type in reader.TEXT_SUFFIXES:
        return replace(reader.read_text(fetched), reader="page:story")
    return extract_story(parse_page(fetched), source)


def extract_story(page: WebPage, source: Source | None = None) -> Parsed:
    """Return the one story of a parsed page; what the source's selectors remove is dropped from its tree."""
    view = _view_story(page, source)
    warnings = tuple(filter(None, (page.warning, *view.warnings)))
    site_name = Text(page.site_name, "text") if page.site_name else None
    channel = Channel(title=site_name, language=page.language)
    return Parsed("page:story", page.base_url, channel, (_build_story(view),), warnings, shape=Shape.STORY)


def _view_story(page: WebPage, source: Source | None) -> StoryView:
    settings = source.selectors if source else NO_SELECTORS
    _remove_matches(page, settings.get("remove"))
    declared = {name: settings[name] for name in ("title", "content", "date", "author", "image") if settings.get(name)}
    matches = {name: selectors.select(page.root, selector, name) for name, selector in declared.items()}
    warnings = tuple(
        f"`{name}: {declared[name]}` matches nothing on {page.url}" for name, matched in matches.items() if not matched
    )
    node = json_ld.find_main_node(page.json_ld, page.url, page.canonical_url)
    title, candidates = find_title(page, node)
    title = _get_selected_title(matches) or title
    region = find_region(page, node, title.text if title else "")
    return StoryView(page, node, title, candidates, region, matches, source.timezone if source else "UTC", warnings)


def _remove_matches(page: WebPage, selector: str | None) -> None:
    for element in selectors.select(page.root, selector, "remove") if selector else []:
        if isinstance(element, Element) and element.getparent() is not None:
            element.drop_tree()  # type: ignore[attr-defined]


def _get_selected_title(matches: Mapping[str, list[Element | str]]) -> TitleCandidate | None:
    text = next(filter(None, map(_get_match_text, matches.get("title", []))), "")
    return TitleCandidate(text, "title:") if text else None


def _get_match_text(match: Element | str) -> str:
    return collapse_spaces(match) if isinstance(match, str) else get_text(match)


def _build_story(view: StoryView) -> Story:
    page, node = view.page, view.node
    dates, date_candidates = _find_dates(view)
    image, image_candidates = _find_image(view)  # before the text, which removes elements from the tree
    bylines = _find_bylines(view)
    blocks, content_where = _find_blocks(view, bylines)
    bylines, blocks = _move_signature(bylines, blocks)
    summary = _find_summary(page, node)
    tags = _find_tags(page, node)
    found = {
        "title": view.title.where if view.title else "",
        "people": bylines[0].place if bylines else "",
        "image": image[1] if image else "",
        "content": content_where if blocks else "",
        "summary": summary[1] if summary else "",
        "categories": "page" if tags else "",
        **{field: mark.where for field, mark in dates.items()},
    }
    return Story(
        links=(Link(page.canonical_url or page.url), *_find_next_page(page)),
        title=Text(view.title.text, "text") if view.title else None,
        summary=Text(summary[0], "text") if summary else None,
        content=(Text("\n".join(block.html for block in blocks), "html"),) if blocks else (),
        published=dates["published"].text if "published" in dates else None,
        updated=dates["updated"].text if "updated" in dates else None,
        people=bylines,
        categories=tags,
        image=Link(image[0], "image") if image else None,
        language=page.language or json_ld.as_text(node.get("inLanguage")),
        found={name: where for name, where in found.items() if where},
        candidates=(*view.candidates, *date_candidates, *image_candidates),
    )


def _find_dates(view: StoryView) -> tuple[dict[str, DateMark], tuple[FieldCandidate, ...]]:
    dates, candidates = find_dates(view.page, view.node, view.region, view.timezone)
    for match in view.matches.get("date", [])[:1]:
        text = match if isinstance(match, str) else get_date_text(match)
        dates["published"] = DateMark(text.strip(), "date:")
    return dates, candidates


def _find_bylines(view: StoryView) -> tuple[Person, ...]:
    texts = map(_get_match_text, view.matches.get("author", [])[:MAX_PLACES])
    return (
        *(make_byline(text, "author:", "selector") for text in texts),
        *find_bylines(view.page, view.node, view.region),
    )


def _find_image(view: StoryView) -> tuple[tuple[str, str] | None, list[FieldCandidate]]:
    """Return the lead image and where it was found; and all candidates."""
    text_element = view.region.text_element
    pictures = [] if text_element is None else find_pictures(view.region.root, text_element, view.page.base_url)
    candidates = list_image_candidates(view.page, view.node, pictures)
    for match in view.matches.get("image", [])[:1]:
        if isinstance(match, str):
            return (match.strip(), "image:"), candidates
        picture = parse_picture(match, view.page.base_url)
        if url := picture.url if picture else match.get("content") or match.get("href"):
            return (url, "image:"), candidates
    return find_lead_image(view.page, view.node, pictures), candidates


def _find_blocks(view: StoryView, bylines: tuple[Person, ...]) -> tuple[list[Block], str]:
    """Return the blocks of the text, and where they were found: by the selector, on the page, or a second opinion."""
    facts = StoryFacts(view.title.text if view.title else "", tuple(select_leading_texts(bylines)))
    region, base_url = view.region, view.page.base_url
    selected = [match for match in view.matches.get("content", []) if isinstance(match, Element)]
    if selected:
        blocks = collect_blocks(selected, region.survey, base_url)
        return select_story_blocks(blocks, facts, NO_REFERENCE), "content:"
    blocks = []
    if region.text_element is not None:
        lead = find_lead(view.page, view.node, region)  # before the blocks are collected, which removes elements
        parts = find_story_parts(region, region.text_element)
        blocks = select_story_blocks(collect_blocks(parts, region.survey, base_url), facts, region.reference)
        if lead:
            blocks = add_lead(blocks, lead)
    length = sum(count_letters(block.text) for block in blocks)
    reference = region.reference
    is_hidden = length < MIN_SHOWN_SHARE * reference.length if reference.is_structured else length < MIN_TEXT_LENGTH
    if is_hidden and length < reference.length:
        paragraphs = list(map(make_paragraph, reference.paragraphs))
        return select_story_blocks(paragraphs, facts, reference), reference.where
    return blocks, "page"


def _move_signature(bylines: tuple[Person, ...], blocks: list[Block]) -> tuple[tuple[Person, ...], list[Block]]:
    """Move a name that stands alone and strong below the text to the bylines, where these hold no person's name."""
    if not blocks or any(contains_person_name(byline.name or "") for byline in bylines if byline.role != "publisher"):
        return bylines, blocks
    last = blocks[-1]
    if last.tag == "p" and len(last.text) < 40 and is_person_name(last.text) and EMPHASIS.search(last.html):
        return (Person(last.text, place="signature"), *bylines), blocks[:-1]
    return bylines, blocks


def _find_summary(page: WebPage, node: json_ld.JsonLdNode) -> tuple[str, str] | None:
    for name in SUMMARY_META:
        if text := page.meta_value(name):
            return text[:MAX_SUMMARY_LENGTH], f"meta {name}"
    text = json_ld.as_text(node.get("description"))
    return (collapse_spaces(text)[:MAX_SUMMARY_LENGTH], "json-ld description") if text else None


def _find_tags(page: WebPage, node: json_ld.JsonLdNode) -> tuple[Category, ...]:
    """Return the tags of the first place that names any: one tag each, or many with commas between."""
    keywords = [json_ld.as_text(value) or "" for value in json_ld.as_list(node.get("keywords"))[:MAX_TAGS]]
    for values in (keywords, *(page.meta.get(name, ()) for name in TAG_META)):
        parts = values if len(values) > 1 else re.split(r"[,;|]", values[0]) if values else []
        terms = dict.fromkeys(filter(None, (collapse_spaces(part)[:MAX_TAG_LENGTH] for part in parts)))
        if terms:
            return tuple(Category(term.removeprefix("Tag:").strip()) for term in list(terms)[:MAX_TAGS])
    return ()


# ── a story over several pages ──────────────────────────────────────────────────────────────────────────────────────


def join_pages(stories: list[Story]) -> Story:
    """Return one story of the pages it is spread over, in order: the facts of the first, the text of all."""
    first = stories[0]
    seen_lines: set[str] = set()
    parts = []
    for story in stories[:MAX_PAGES]:
        for text in story.content:
            lines = [line for line in text.value.split("\n") if line not in seen_lines or not line.startswith("<p")]
            seen_lines.update(line for line in lines if len(line) > 60)
            parts.append("\n".join(lines))
    links = tuple(link for link in first.links if link.rel != "next")
    content = (Text("\n".join(filter(None, parts)), "html"),) if any(parts) else ()
    return replace(first, links=links, content=content)


def is_next_page(url: str, next_url: str) -> bool:
    """Return whether two URLs differ only in the page number, and the second has the next one."""
    if urlsplit(url).netloc != urlsplit(next_url).netloc or urlsplit(url).path in ("", "/"):
        return False
    base, number = _split_page_number(url)
    next_base, next_number = _split_page_number(next_url)
    if next_number is None or next_number > MAX_PAGES:
        return False
    if number is None:
        return next_number == 2 and _strip_suffix(next_base) == _strip_suffix(url)
    return (next_base, next_number) == (base, number + 1)


def _find_next_page(page: WebPage) -> tuple[Link, ...]:
    """Return the link to the next page of the same story, if there is one."""
    for element in page.root.iter("link", "a"):
        if "next" in (element.get("rel") or "").lower().split():
            url = resolve_http_url(page.base_url, element.get("href") or "")
            if url and (is_next_page(page.canonical_url or page.url, url) or is_next_page(page.url, url)):
                return (Link(url, "next"),)
    return ()


def _split_page_number(url: str) -> tuple[str, int | None]:
    """Return a URL without its last page number, and that number."""
    url = url.partition("#")[0]
    matches = list(PAGE_NUMBER.finditer(url))
    if not matches or urlsplit(url).path in ("", "/"):
        return url, None
    match = matches[-1]
    return url[: match.start()] + url[match.end() :], int(match[1])


def _strip_suffix(url: str) -> str:
    return re.sub(r"(?:/|/index)?(?:\.\w{3,5})?/?$", "", url.partition("#")[0].partition("?")[0])
