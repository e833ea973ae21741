"""A page that lists stories: found by the source's selector, as an h-feed, by their links or in JSON-LD."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from lxml import etree

from ...model import Channel, Link, Parsed, Shape, Source, Story, Text
from ..document import is_included, resolve_http_url
from . import json_ld, selectors
from .html_tree import Element, WebPage, collapse_spaces, get_text
from .link_groups import StoryLink, find_block, find_story_links, find_titles
from .list_items import MAX_TITLE_LENGTH, NO_TITLE, Node, find_date, find_picture, find_summary, iter_parts
from .url_patterns import is_non_story_url, url_key

MAX_STORIES = 1000


def extract_listing(page: WebPage, source: Source | None = None) -> Parsed:
    """Return the stories that a page lists, those of the source's selector where it has one; there may be none."""
    selector = source.selectors.get("stories") if source else None
    stories = _select_stories(page, selector) if selector else _find_stories(page)
    stories = [story for story in stories if is_included(story.links[0].href, source)]
    limit = source.max_items if source else MAX_STORIES
    warnings = [page.warning] if page.warning else []
    if len(stories) > limit:
        warnings.append(f"{len(stories)} stories are listed; only the first {limit} are read")
    title = page.site_name or next((get_text(element) for element in page.root.iter("title")), "")
    channel = Channel(title=Text(title, "text") if title else None, language=page.language)
    return Parsed("page:list", page.base_url, channel, tuple(stories[:limit]), tuple(warnings), shape=Shape.LISTING)


# ── by selector ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _select_stories(page: WebPage, selector: str) -> list[Story]:
    links: dict[str, StoryLink] = {}
    for match in selectors.select(page.root, selector, "stories"):
        anchor = None if isinstance(match, str) else match if match.tag == "a" else _find_best_anchor(match)
        url = resolve_http_url(page.base_url, anchor.get("href") or "") if anchor is not None else None
        if anchor is not None and url:
            link = links.setdefault(url_key(url), StoryLink(url))
            link.anchors.append(anchor)
            link.item += [] if isinstance(match, str) or match is anchor else [match]
    owners = {anchor: key for key, link in links.items() for anchor in link.anchors}
    for link in links.values():
        link.item = link.item or [find_block(link.anchors, _make_other_test(link, owners))]
    find_titles(list(links.values()))
    return _build_stories(page, links.values(), "stories:")


def _find_best_anchor(block: Element) -> Element | None:
    """Return the anchor in a block, or else around it, whose text is most like a headline."""
    anchors = [anchor for anchor in (*block.iter("a"), *block.iterancestors("a")) if anchor.get("href")]
    return max(
        anchors, key=lambda anchor: max((part.score for part in iter_parts([anchor])), default=NO_TITLE), default=None
    )


# ── without a selector ──────────────────────────────────────────────────────────────────────────────────────────────


def _find_stories(page: WebPage) -> list[Story]:
    entries = _find_h_entries(page)
    if len(entries) >= 2:
        return _build_stories(page, entries, "h-feed")
    stories = _build_stories(page, find_story_links(page), "headlines")
    keys = {url_key(story.links[0].href) for story in stories}
    return [*stories, *(story for story in _find_in_json_ld(page) if url_key(story.links[0].href) not in keys)]


def _find_h_entries(page: WebPage) -> list[StoryLink]:
    """Return the entries of an h-feed (microformats 2)."""
    links: dict[str, StoryLink] = {}
    for entry in page.root.iter(etree.Element):
        if "h-entry" not in (entry.get("class") or "").split():
            continue
        by_class: dict[str, Element] = {}
        walk = etree.iterwalk(entry, events=("start",))
        for _, inner in walk:
            names = (inner.get("class") or "").split()
            if "h-card" in names:
                walk.skip_subtree()
            else:
                by_class = dict.fromkeys(names, inner) | by_class
        anchor = by_class.get("u-url", _find_best_anchor(entry))
        url = resolve_http_url(page.base_url, anchor.get("href") or "") if anchor is not None else None
        if anchor is not None and url:
            title = get_text(by_class["p-name"])[:MAX_TITLE_LENGTH] if "p-name" in by_class else ""
            links.setdefault(url_key(url), StoryLink(url, anchors=[anchor], title=title, item=[entry]))
    find_titles([link for link in links.values() if not link.title])
    return list(links.values())


def _find_in_json_ld(page: WebPage) -> Iterator[Story]:
    """Yield the stories of an ItemList, and single ones with URLs of their own."""
    for node in page.json_ld.nodes:
        types = json_ld.get_types(node)
        is_list_item = "listitem" in types
        if is_list_item and isinstance(node.get("item"), dict):
            continue
        if not (types & json_ld.STORY_TYPES or is_list_item) or ("position" in node and "item" in node):
            continue
        reference = next(
            filter(None, (json_ld.as_text(node.get(key)) for key in ("url", "@id", "mainEntityOfPage"))), ""
        )
        url = resolve_http_url(page.base_url, reference) if reference else None
        title = json_ld.as_text(node.get("headline")) or json_ld.as_text(node.get("name"))
        if not url or not (title or is_list_item) or url_key(url) == url_key(page.url) or is_non_story_url(url):
            continue
        yield Story(
            links=(Link(url),),
            title=Text(collapse_spaces(title), "text") if title else None,
            published=json_ld.as_text(node.get("datePublished")),
            found={"links": "json-ld", "title": "json-ld"},
        )


# ── the facts in the item of a link ─────────────────────────────────────────────────────────────────────────────────


def _build_stories(page: WebPage, links: Iterable[StoryLink], where: str) -> list[Story]:
    """Return the stories of some links, each with what stands in its item, or else in the element around it."""
    links = list(links)
    owners = {anchor: link.key for link in links for anchor in link.anchors}
    return [_build_story(page, link, _find_item(link, owners), where) for link in links]


def _find_item(link: StoryLink, owners: Mapping[Element, str]) -> list[Node]:
    """Return the item of a link where it holds no other story, else the largest element around it that holds none."""
    is_other = _make_other_test(link, owners)
    block = find_block(link.anchors, is_other)
    elements = [node for node in link.item if not isinstance(node, str)]
    if any(map(is_other, (anchor for element in elements for anchor in element.iter("a")))):
        return [block]
    return link.item if any(element in (block, *block.iterancestors()) for element in elements) else [block]


def _make_other_test(link: StoryLink, owners: Mapping[Element, str]) -> Callable[[Element], bool]:
    """Return a function that says whether an anchor leads to another of the stories."""
    key = link.key
    return lambda anchor: owners.get(anchor, key) != key


def _build_story(page: WebPage, link: StoryLink, item: list[Node], where: str) -> Story:
    published = find_date(item)
    picture = find_picture(item, page.base_url)
    summary = find_summary(item, link.title)
    facts = {"published": published, "image": picture, "summary": summary}
    return Story(
        links=(Link(link.url),),
        title=Text(link.title, "text") if link.title else None,
        summary=Text(summary, "text") if summary else None,
        published=published,
        image=Link(picture, "image") if picture else None,
        found={"links": where, "title": where} | {name: "block" for name, fact in facts.items() if fact},
    )
