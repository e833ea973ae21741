"""A page that lists stories: found by the source's selector, as an h-feed, by their links or in JSON-LD."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lxml import etree

from ...model import Channel, Link, Parsed, Shape, Source, Story, Text
from ..document import is_included, resolve_http_url
from . import json_ld, selectors
from .dates import DATE_PATTERN, get_date_text, is_update_date
from .html_tree import HEADING_TAGS, Element, WebPage, collapse_spaces, get_text
from .images import parse_picture
from .list_region import iter_story_anchors, weigh_length
from .title import fold
from .url_patterns import is_non_story_url, parent_keys, registered_domain, score_url, unwrap_redirect, url_key

HEADLINE_CLASS = re.compile(r"head-?line|title|titel|titre|titulo|heading|hed\b|\bttl\b", re.I)
KICKER_CLASS = re.compile(
    r"kicker|topline|eyebrow|overline|dachzeile|label|category|rubrik|section-?name|flag|badge|tag|date|time|author|byline|count",
    re.I,
)
NON_HEADLINE = re.compile(
    r"\W*(?:read\s+(?:more|on|full|the\s+full)|more\b.{0,20}|continue\s+reading.{0,200}|weiterlesen|mehr.{0,12}|zum\s+artikel|lire\s+(?:la\s+suite|plus)|leer\s+más|leggi(?:\s+tutto)?|ler\s+mais|lees\s+(?:meer|verder)|les\s+mer|läs\s+mer"
    r"|czytaj\s+(?:więcej|dalej)|devamı|подробнее|читать\s+(?:далее|дальше)|続きを読む|もっと見る|더\s*보기|xem\s+(?:thêm|tiếp)|\d+\s*(?:comments?|kommentare?|commentaires?|comentarios?|комментар\w*|コメント)|comments?|leave\s+a\s+comment|share|watch(?:\s+(?:now|video))?"
    r"|view\s+(?:all|more).{0,30}|see\s+(?:all|more).{0,30}|show\s+(?:all|more).{0,30}|all\s+\w+|alle\s+\w+|next|previous|older\s+\w+|newer\s+\w+|nächste|weiter|zurück|home|log\s*in|sign\s*(?:in|up)|subscribe.{0,40}|skip\s+to.{0,30}|live|video|photos?|\W*)\W*",
    re.I,
)
MIN_SCORE = 3.0
MAX_BLOCK_DEPTH = 7  # levels from a link up to its block
MIN_ALIKE = 3
MAX_STORIES = 1000
MIN_SUMMARY_LENGTH, MAX_SUMMARY_LENGTH = 40, 1000
MAX_HEADLINE_LENGTH = 400


@dataclass
class StoryLink:
    """A URL that may be a story's: the anchors that lead to it, the best title of them, and its score."""

    url: str
    anchors: list[Element] = field(default_factory=list)
    title: str = ""
    has_heading: bool = False
    signature: str = ""
    score: float = 0.0


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
        if isinstance(match, str):
            continue
        anchor = match if match.tag == "a" else _find_best_anchor(match)
        url = resolve_http_url(page.base_url, anchor.get("href") or "") if anchor is not None else None
        if anchor is not None and url:
            link = links.setdefault(url_key(url), StoryLink(url))
            link.anchors.append(anchor)
            _update_title(link, anchor, get_text(match) if match.tag in HEADING_TAGS else "")
    return _build_stories(page, links.values(), "stories:")


def _find_best_anchor(block: Element) -> Element | None:
    """Return the anchor in a block, or else around it, that has the headline: in a heading, or with the most words."""
    anchors = [anchor for anchor in block.iter("a") if anchor.get("href")]
    with_heading = [anchor for anchor in anchors if _find_heading(anchor) is not None and get_text(anchor)]
    if not anchors:
        anchors = [ancestor for ancestor in block.iterancestors("a") if ancestor.get("href")]
    return max(with_heading or anchors, key=lambda anchor: len(get_text(anchor)), default=None)


# ── without a selector ──────────────────────────────────────────────────────────────────────────────────────────────


def _find_stories(page: WebPage) -> list[Story]:
    entries = _find_h_entries(page)
    if len(entries) >= 2:
        return _build_stories(page, entries, "h-feed")
    links = _collect_links(page)
    _score_links(links, page)
    stories = _build_stories(page, (link for link in links if link.score >= MIN_SCORE), "headlines")
    keys = {url_key(story.links[0].href) for story in stories}
    return [*stories, *(story for story in _find_in_json_ld(page) if url_key(story.links[0].href) not in keys)]


def _find_h_entries(page: WebPage) -> list[StoryLink]:
    """Return the entries of an h-feed (microformats 2)."""
    links: dict[str, StoryLink] = {}
    for entry in page.root.iter(etree.Element):
        if "h-entry" not in (entry.get("class") or "").split():
            continue
        by_class = {name: inner for inner in entry.iter(etree.Element) for name in (inner.get("class") or "").split()}
        anchor = by_class.get("u-url", _find_best_anchor(entry))
        url = resolve_http_url(page.base_url, anchor.get("href") or "") if anchor is not None else None
        if anchor is not None and url:
            title = get_text(by_class.get("p-name", anchor))
            links.setdefault(url_key(url), StoryLink(url, [anchor], title[:MAX_HEADLINE_LENGTH]))
    return list(links.values())


def _collect_links(page: WebPage) -> list[StoryLink]:
    """Return every URL with a title that is linked from where stories may stand."""
    links: dict[str, StoryLink] = {}
    page_key = url_key(page.url)
    for anchor in iter_story_anchors(page.root):
        url = resolve_http_url(page.base_url, anchor.get("href") or "")
        if not url:
            continue
        url = unwrap_redirect(url)
        key = url_key(url)
        if key == page_key or is_non_story_url(url):
            continue
        link = links.setdefault(key, StoryLink(url))
        link.anchors.append(anchor)
        _update_title(link, anchor)
    return [link for link in links.values() if link.title]


def _update_title(link: StoryLink, anchor: Element, text: str = "") -> None:
    """Take the text of an anchor for the title where it is better: in a heading, or longer outside of one."""
    heading = _find_heading(anchor)
    text = text or (_get_heading_text(heading) if heading is not None else _get_anchor_text(anchor))
    if not text or NON_HEADLINE.fullmatch(text) or len(text) > MAX_HEADLINE_LENGTH:
        return
    has_heading = heading is not None
    if has_heading and link.has_heading:
        is_better = not link.title
    else:
        is_better = (has_heading, len(text)) > (link.has_heading, len(link.title))
    if is_better:
        link.title, link.has_heading, link.signature = text, has_heading, _get_signature(anchor)


def _find_heading(anchor: Element) -> Element | None:
    """Return the heading in an anchor, or the one it stands in and fills."""
    inner = next((element for element in anchor.iter(*HEADING_TAGS) if get_text(element)), None)
    if inner is not None:
        return inner
    for depth, ancestor in enumerate(anchor.iterancestors()):
        if ancestor.tag in HEADING_TAGS:
            anchor_count = sum(1 for other in ancestor.iter("a") if get_text(other))
            fills = anchor_count == 1 and len(get_text(anchor)) > 0.5 * len(get_text(ancestor))
            return ancestor if fills else anchor
        if depth > 2:
            break
    return next(
        (
            element
            for element in anchor.iter("span", "strong", "div", "p", "b")
            if HEADLINE_CLASS.search(element.get("class") or "") and get_text(element)
        ),
        None,
    )


def _get_heading_text(heading: Element) -> str:
    """Return the text of a heading without its kicker."""
    parts = [part for part in heading.iter("span", "div", "em", "small", "strong", "time") if get_text(part)]
    headline = next((part for part in parts if HEADLINE_CLASS.search(part.get("class") or "")), None)
    if headline is not None:
        return get_text(headline)
    text = get_text(heading)
    for part in parts:
        kicker = get_text(part)
        if KICKER_CLASS.search(part.get("class") or "") and 0 < len(kicker) < 0.6 * len(text):
            text = text.replace(kicker, " ", 1)
    return collapse_spaces(text)


def _get_anchor_text(anchor: Element) -> str:
    """Return the text of an anchor; of one that holds more than a headline, that of its longest short part."""
    parts = [
        part
        for part in anchor.iter("p", "div", "span", "strong", "b", "time", "small")
        if not len(part) and get_text(part)
    ]
    if len(parts) < 2:
        return get_text(anchor)
    texts = [
        get_text(part)
        for part in parts
        if part.tag not in ("p", "time") and not KICKER_CLASS.search(part.get("class") or "")
    ]
    return max(texts, key=len, default=get_text(parts[0]))


def _get_signature(anchor: Element) -> str:
    """Return the tags and first classes from an anchor four levels up: alike for links of one list."""
    steps = []
    for depth, element in enumerate((anchor, *anchor.iterancestors())):
        if depth > 4:
            break
        steps.append(f"{element.tag}.{((element.get('class') or '').split() or [''])[0]}")
    return "<".join(steps)


def _score_links(links: list[StoryLink], page: WebPage) -> None:
    """Set the score of each link: by its title, heading and URL, and by how many look like it."""
    alike = Counter(link.signature for link in links if weigh_length(link.title) >= 20)
    parents = Counter(key for link in links for key in parent_keys(link.url))
    domain = registered_domain(page.url)
    for link in links:
        length = weigh_length(link.title)
        link.score = score_url(link.url)
        link.score += 1.5 if link.has_heading else 0.0
        link.score += 1.5 if length >= 35 else 1.0 if length >= 22 else 0.3 if length >= 14 else -1.5
        link.score += 1.0 if alike[link.signature] >= MIN_ALIKE else 0.0
        if registered_domain(link.url) != domain and not (link.has_heading or alike[link.signature] >= 5):
            link.score -= 1.5
        if any(
            anchor.get("rel") in ("tag", "nofollow sponsored", "sponsored", "author", "next", "prev")
            for anchor in link.anchors
        ):
            link.score -= 3.0
        if _is_aside(link.anchors[0]):
            link.score -= 1.0
        if parents[url_key(link.url)] >= 2:  # a section: its stories' URLs are below its own
            link.score -= 3.0


def _is_aside(anchor: Element) -> bool:
    tags = {ancestor.tag for ancestor in anchor.iterancestors()}
    return not tags.isdisjoint(("aside", "header")) and "article" not in tags


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


# ── the facts in the block around a link ────────────────────────────────────────────────────────────────────────────


def _build_stories(page: WebPage, links: Iterable[StoryLink], where: str) -> list[Story]:
    """Return the stories of some links, each with what stands in its block."""
    links = list(links)
    all_anchors = {anchor for link in links for anchor in link.anchors}
    return [_build_story(page, link, _find_block(link, all_anchors), where) for link in links]


def _find_block(link: StoryLink, all_anchors: set[Element]) -> Element:
    """Return the largest element around a link's anchors that holds no anchor of another link."""
    own_anchors = set(link.anchors)
    block = next((anchor for anchor in link.anchors if get_text(anchor)), link.anchors[0])
    for depth, ancestor in enumerate(block.iterancestors()):
        if depth >= MAX_BLOCK_DEPTH or ancestor.tag in ("body", "main", "html"):
            break
        if any(anchor in all_anchors and anchor not in own_anchors for anchor in ancestor.iter("a")):
            break
        block = ancestor
    return block


def _build_story(page: WebPage, link: StoryLink, block: Element, where: str) -> Story:
    published = _find_date(block)
    picture = next((picture for image in block.iter("img") if (picture := parse_picture(image, page.base_url))), None)
    summary = _find_summary(block, link.title)
    facts = {"published": published, "image": picture, "summary": summary}
    return Story(
        links=(Link(link.url),),
        title=Text(link.title, "text") if link.title else None,
        summary=Text(summary, "text") if summary else None,
        published=published,
        image=Link(picture.url, "image") if picture else None,
        found={"links": where, "title": where} | {name: "block" for name, fact in facts.items() if fact},
    )


def _find_date(block: Element) -> str | None:
    for element in block.iter("time"):
        text = get_date_text(element)
        if DATE_PATTERN.search(text) and not is_update_date(element):
            return text
    return None


def _find_summary(block: Element, title: str) -> str | None:
    """Return the first paragraph of a block that does not repeat the title."""
    folded_title = fold(title)
    for element in block.iter("p", "div", "span"):
        if any(
            isinstance(child.tag, str) and child.tag in ("p", "div", "a", "h2", "h3", "ul", "img") for child in element
        ):
            continue
        text = get_text(element)
        if MIN_SUMMARY_LENGTH <= len(text) <= MAX_SUMMARY_LENGTH and folded_title not in fold(text):
            return text
    return None
