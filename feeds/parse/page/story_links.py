"""A page that lists stories: what the source's selector matches, what data say, or the headlines that look alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from lxml import etree

from ...model import Channel, Fetched, Link, Parsed, Source, Story, Text
from ..document import is_included
from . import dates, html_tree, images, json_ld, list_region, selectors, url_patterns
from .html_tree import Element, WebPage, joined, squeezed, words_of
from .list_region import HEADINGS
from .title import fold

SHORTEST, LONGEST = 40, 1000


def read(block: etree._Element, title: str, base: str) -> Story:
    """The facts of one block of a list, the headline and the link left out."""
    image = next((found for one in block.iter("img") if (found := images.picture_of(one, base))), None)
    summary = _summary(block, title)
    return Story(
        published=_date(block),
        image=Link(image.url, "image") if image else None,
        summary=Text(summary, "text") if summary else None,
    )


def _date(block: etree._Element) -> str | None:
    for element in block.iter("time"):
        text = dates.value_of(element)
        if dates.DATED.search(text) and not dates.tells_of_change(element):
            return text
    return None


def _summary(block: etree._Element, title: str) -> str | None:
    told = fold(title)
    for element in block.iter("p", "div", "span"):
        if any(
            isinstance(inner.tag, str) and inner.tag in ("p", "div", "a", "h2", "h3", "ul", "img") for inner in element
        ):
            continue
        words = words_of(element)
        if SHORTEST <= len(words) <= LONGEST and fold(words) != told and told not in fold(words):
            return words
    return None


# ── A page that lists stories: what the source's selector matches, what data say, or the headlines that look alike ────


HEADLINE = re.compile(r"head-?line|title|titel|titre|titulo|heading|hed\b|\bttl\b", re.I)
KICKER = re.compile(
    r"kicker|topline|eyebrow|overline|dachzeile|label|category|rubrik|section-?name|flag|badge|tag|date|time|author|byline|count",
    re.I,
)
NO_HEADLINE = re.compile(
    r"\W*(?:read\s+(?:more|on|full|the\s+full)|more\b.{0,20}|continue\s+reading.{0,200}|weiterlesen|mehr.{0,12}|zum\s+artikel|lire\s+(?:la\s+suite|plus)|leer\s+más|leggi(?:\s+tutto)?|ler\s+mais|lees\s+(?:meer|verder)|les\s+mer|läs\s+mer"
    r"|czytaj\s+(?:więcej|dalej)|devamı|подробнее|читать\s+(?:далее|дальше)|続きを読む|もっと見る|더\s*보기|xem\s+(?:thêm|tiếp)|\d+\s*(?:comments?|kommentare?|commentaires?|comentarios?|комментар\w*|コメント)|comments?|leave\s+a\s+comment|share|watch(?:\s+(?:now|video))?"
    r"|view\s+(?:all|more).{0,30}|see\s+(?:all|more).{0,30}|show\s+(?:all|more).{0,30}|all\s+\w+|alle\s+\w+|next|previous|older\s+\w+|newer\s+\w+|nächste|weiter|zurück|home|log\s*in|sign\s*(?:in|up)|subscribe.{0,40}|skip\s+to.{0,30}|live|video|photos?|\W*)\W*",
    re.I,
)
ENOUGH = 3.0
HIGHEST = 7  # levels from a link up to its block
REPEATED = 3


@dataclass
class StoryLink:
    """One address that may be a story's: the links that lead to it, its best words, and what speaks for it."""

    address: str
    links: list[Element] = field(default_factory=list)
    title: str = ""
    headed: bool = False
    signature: str = ""
    score: float = 0.0


def read_listing(fetched: Fetched, source: Source | None = None) -> Parsed:
    """The stories a page lists; none where it lists none."""
    return of_page(html_tree.opened(fetched), source)


def of_page(page: WebPage, source: Source | None = None) -> Parsed:
    """The stories that a page lists which is opened already."""
    selector = source.selectors.get("stories") if source else None
    stories = _selected(page, selector) if selector else _found(page)
    stories = [story for story in stories if is_included(story.links[0].href, source)]
    most = source.max_items if source else 1000
    warnings = [page.warning] if page.warning else []
    if len(stories) > most:
        warnings.append(f"{len(stories)} stories are listed; only the first {most} are read")
    title = page.site or next((words_of(one) for one in page.root.iter("title")), "")
    channel = Channel(title=Text(title, "text") if title else None, language=page.language)
    return Parsed("page:list", page.base, channel, tuple(stories[:most]), tuple(warnings))


# ── by selector ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _selected(page: WebPage, selector: str) -> list[Story]:
    matches = [one for one in selectors.select(page.root, selector, "stories") if isinstance(one, etree._Element)]
    items: dict[str, StoryLink] = {}
    for match in matches:
        link = match if match.tag == "a" else _best_link(match)
        address = joined(page.base, link.get("href") or "") if link is not None else None
        if link is not None and address:
            item = items.setdefault(url_patterns.key(address), StoryLink(address))
            item.links.append(link)
            _name(item, link, words_of(match) if match.tag != "a" and match.tag in HEADINGS else "")
    return _told(page, list(items.values()), "stories:")


def _best_link(match: Element) -> Element | None:
    """The link in a block that has the headline: the one in a heading, else the one with the most words."""
    links = [link for link in match.iter("a") if link.get("href")]
    headed = [link for link in links if _heading(link) is not None and words_of(link)]
    around = match.getparent() if not links else None
    if around is not None:
        links = [above for above in match.iterancestors("a") if above.get("href")]
    return max(headed or links, key=lambda link: len(words_of(link)), default=None)


# ── by itself ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _found(page: WebPage) -> list[Story]:
    entries = _entries(page)
    if len(entries) >= 2:
        return _told(page, entries, "h-feed")
    items = _items(page)
    _score(items, page)
    listed = [item for item in items if item.score >= ENOUGH]
    stories = _told(page, listed, "headlines")
    known = {url_patterns.key(story.links[0].href) for story in stories}
    of_data = [story for story in _of_data(page) if url_patterns.key(story.links[0].href) not in known]
    return [*stories, *of_data]


def _entries(page: WebPage) -> list[StoryLink]:
    """The entries of an h-feed (microformats 2)."""
    items: dict[str, StoryLink] = {}
    for entry in page.root.iter(etree.Element):
        if "h-entry" not in (entry.get("class") or "").split():
            continue
        named = {name: one for one in entry.iter(etree.Element) for name in (one.get("class") or "").split()}
        link = named.get("u-url", _best_link(entry))
        address = joined(page.base, link.get("href") or "") if link is not None else None
        if link is not None and address:
            name = named.get("p-name")
            title = words_of(name) if name is not None else words_of(link)
            items.setdefault(url_patterns.key(address), StoryLink(address, [link], title[:400]))
    return list(items.values())


def _items(page: WebPage) -> list[StoryLink]:
    """Every address that is linked from where stories may stand, with its words."""
    items: dict[str, StoryLink] = {}
    here = url_patterns.key(page.url)
    for link in list_region.links(page.root):
        address = joined(page.base, link.get("href") or "")
        if not address:
            continue
        address = url_patterns.unwrapped(address)
        name = url_patterns.key(address)
        if name == here or url_patterns.is_other_thing(address):
            continue
        item = items.setdefault(name, StoryLink(address))
        item.links.append(link)
        _name(item, link)
    return [item for item in items.values() if item.title]


def _name(item: StoryLink, link: Element, words: str = "") -> None:
    """Take the words of a link for the headline where they are better than those known."""
    heading = _heading(link)
    words = words or (_heading_words(heading) if heading is not None else _own_words(link))
    if not words or NO_HEADLINE.fullmatch(words) or len(words) > 400:
        return
    headed = heading is not None
    better = (headed, len(words)) > (item.headed, len(item.title)) if not headed or not item.headed else not item.title
    if better:
        item.title, item.headed, item.signature = words, headed, _signature(link)


def _heading(link: Element) -> Element | None:
    """The heading in a link, or the one it stands in and fills."""
    inner = next((one for one in link.iter(*HEADINGS) if words_of(one)), None)
    if inner is not None:
        return inner
    for at, above in enumerate(link.iterancestors()):
        if above.tag in HEADINGS:
            others = sum(1 for one in above.iter("a") if words_of(one))
            return above if others == 1 and len(words_of(link)) > 0.5 * len(words_of(above)) else link
        if at > 2:
            break
    return next(
        (
            one
            for one in link.iter("span", "strong", "div", "p", "b")
            if HEADLINE.search(one.get("class") or "") and words_of(one)
        ),
        None,
    )


def _heading_words(heading: Element) -> str:
    """The words of a heading, its kicker left out."""
    parts = [one for one in heading.iter("span", "div", "em", "small", "strong", "time") if words_of(one)]
    marked = next((one for one in parts if HEADLINE.search(one.get("class") or "")), None)
    if marked is not None:
        return words_of(marked)
    words = words_of(heading)
    for part in parts:
        kicker = words_of(part)
        if KICKER.search(part.get("class") or "") and 0 < len(kicker) < 0.6 * len(words):
            words = words.replace(kicker, " ", 1)
    return squeezed(words)


def _own_words(link: Element) -> str:
    """The words of a link; of one that holds more than a headline, those of its longest short part."""
    parts = [
        one for one in link.iter("p", "div", "span", "strong", "b", "time", "small") if not len(one) and words_of(one)
    ]
    if len(parts) < 2:
        return words_of(link)
    plain = [
        words_of(one) for one in parts if one.tag not in ("p", "time") and not KICKER.search(one.get("class") or "")
    ]
    return max(plain, key=len, default=words_of(parts[0]))


def _signature(link: Element) -> str:
    """The way from a link up to its list: tags and first classes, alike for alike blocks."""
    steps = []
    for at, element in enumerate((link, *link.iterancestors())):
        if at > 4:
            break
        steps.append(f"{element.tag}.{((element.get('class') or '').split() or [''])[0]}")
    return "<".join(steps)


# ── which items are stories ─────────────────────────────────────────────────────────────────────────────────────────


def _score(items: list[StoryLink], page: WebPage) -> None:
    """Weigh what speaks for each item: words, heading, address, and that many look like it."""
    alike = Counter(item.signature for item in items if list_region.length(item.title) >= 20)
    above = Counter(path for item in items for path in url_patterns.above(item.address))
    site = url_patterns.site_of(page.url)
    for item in items:
        letters = list_region.length(item.title)
        item.score = url_patterns.likeness(item.address)
        item.score += 1.5 if item.headed else 0.0
        item.score += 1.5 if letters >= 35 else 1.0 if letters >= 22 else 0.3 if letters >= 14 else -1.5
        item.score += 1.0 if alike[item.signature] >= REPEATED else 0.0
        if url_patterns.site_of(item.address) != site and not (item.headed or alike[item.signature] >= 5):
            item.score -= 1.5
        if any(
            link.get("rel") in ("tag", "nofollow sponsored", "sponsored", "author", "next", "prev")
            for link in item.links
        ):
            item.score -= 3.0
        if _is_aside(item.links[0]):
            item.score -= 1.0
        if above[url_patterns.key(item.address)] >= 2:  # a section, whose stories stand below its address
            item.score -= 3.0


def _is_aside(link: Element) -> bool:
    return any(above.tag in ("aside", "header") for above in link.iterancestors() if above.tag != "body") and not any(
        above.tag == "article" for above in link.iterancestors()
    )


def _of_data(page: WebPage) -> Iterator[Story]:
    """The stories of an ItemList, or single ones with addresses of their own."""
    for node in page.data.nodes:
        kinds = json_ld.types(node)
        if "listitem" in kinds and isinstance(node.get("item"), dict):
            continue
        if not (kinds & json_ld.STORIES or "listitem" in kinds) or ("position" in node and "item" in node):
            continue
        address = (
            json_ld.text(node.get("url")) or json_ld.text(node.get("@id")) or json_ld.text(node.get("mainEntityOfPage"))
        )
        title = json_ld.text(node.get("headline")) or json_ld.text(node.get("name"))
        url = joined(page.base, address) if address else None
        if (
            url
            and (title or "listitem" in kinds)
            and url_patterns.key(url) != url_patterns.key(page.url)
            and not url_patterns.is_other_thing(url)
        ):
            yield Story(
                links=(Link(url),),
                title=Text(squeezed(title), "text") if title else None,
                published=json_ld.text(node.get("datePublished")),
                found={"links": "json-ld", "title": "json-ld"},
            )


def _told(page: WebPage, items: Iterable[StoryLink], where: str) -> list[Story]:
    """The stories of some items, each with what stands in its block."""
    items = list(items)
    own = {link: at for at, item in enumerate(items) for link in item.links}
    return [_story(page, item, _block(item, own), where) for item in items]


def _block(item: StoryLink, own: dict[Element, int]) -> Element:
    """The largest element around an item's links that holds no other item's."""
    mine = set(item.links)
    block = next((link for link in item.links if words_of(link)), item.links[0])
    for at, above in enumerate(block.iterancestors()):
        if at >= HIGHEST or above.tag in ("body", "main", "html"):
            break
        if any(link in own and link not in mine for link in above.iter("a")):
            break
        block = above
    return block


def _story(page: WebPage, item: StoryLink, block: Element, where: str) -> Story:
    told = read(block, item.title, page.base)
    found = {"links": where, "title": where} | {
        name: "block" for name in ("published", "image", "summary") if getattr(told, name)
    }
    return replace(
        told, links=(Link(item.address),), title=Text(item.title, "text") if item.title else None, found=found
    )
