"""The reader of a story of our own written as an HTML page: headline, body and the `meta` elements of its head."""

from __future__ import annotations

import re
from itertools import takewhile

from lxml import etree, html
from w3lib.encoding import html_body_declared_encoding

from ...model import Category, Link, Person, Story, Text
from ..feed.text_constructs import MAX_TITLE_LENGTH, get_markup, get_string
from . import plain_text

# What `meta` elements describe → their names, the best first.
META_NAMES = {
    "published": ("article:published_time", "date", "dc.date", "dcterms.issued"),
    "updated": ("article:modified_time", "og:updated_time", "dcterms.modified"),
    "author": ("author", "dc.creator"),
    "summary": ("description", "og:description"),
    "keywords": ("keywords",),
    "image": ("og:image",),
}
STORY_FIELDS = {"author": "people", "keywords": "categories"}  # where they differ from the keys of META_NAMES
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# What is shorter and ends no sentence may stand above a headline: a byline, a date, a kicker.
MAX_LINE_LENGTH = 100
_SENTENCE_END = re.compile(r"[.!?…。！？｡؟۔।։።][\"'”’»」』)\]]{0,2}$", re.M)
BLOCKS = ("p", "div", "section", "header", "footer", "aside", "address", "center")
OTHER_BLOCKS = (*HEADINGS, "ul", "ol", "dl", "table", "figure", "img", "picture", "video", "audio", "pre", "blockquote")
_TEXT = "text()[not(ancestor::a or ancestor::script or ancestor::style or ancestor::title)]"
REMOVED_ELEMENTS = ("script", "style", "nav", "template", "noscript")


def find_charset(body: bytes) -> str | None:
    """Return the charset that a `meta` element of the page names."""
    name = html_body_declared_encoding(body)
    return str(name) if name else None


def parse_html(text: str) -> etree._Element | None:
    """Return the tree of a page or a fragment, or None where it is empty."""
    text = re.sub(r"^\s*<\?xml[^>]{0,200}\?>", "", text)
    if not text.strip():
        return None
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=False)
    try:
        return html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None


def read(text: str) -> Story:
    """Return the story of a page."""
    root = parse_html(text)
    if root is None:
        return Story()
    body = _find_body(root)
    for element in [element for name in REMOVED_ELEMENTS for element in body.iter(name)]:
        element.drop_tree()  # type: ignore[attr-defined]
    headline = _find_headline(root)
    stamps = _take_boilerplate(body, headline)
    if headline is None and stamps:  # the first line below the stamp of a saved page
        headline = next((block for block in _find_blocks(body)[:1] if not is_prose(get_string(block))), None)
    title = get_string(headline, MAX_TITLE_LENGTH) if headline is not None else ""
    _remove_headline(body, headline, title)
    meta = stamps | _read_meta(root)
    content = get_markup(body)
    found = {"title": str(headline.tag)} if headline is not None else {}
    found |= {STORY_FIELDS.get(name, name): "stamp" if name in stamps else "meta" for name in meta}
    return Story(
        title=Text(title, "text") if title else None,
        content=(Text(content, "html"),) if content else (),
        summary=Text(meta["summary"], "text") if "summary" in meta else None,
        published=meta.get("published"),
        updated=meta.get("updated"),
        people=(Person(meta["author"]),) if "author" in meta else (),
        categories=tuple(Category(term.strip()) for term in meta.get("keywords", "").split(",") if term.strip()),
        image=Link(meta["image"], "image") if "image" in meta else None,
        language=root.get("lang"),
        found=found,
    )


def _find_body(root: etree._Element) -> etree._Element:
    for name in ("article", "main", "body"):
        elements = list(root.iter(name))
        if len(elements) == 1:
            return elements[0]
    return root


def _find_headline(root: etree._Element) -> etree._Element | None:
    """Return the only `h1`, else the `title` of the page, else its first heading."""
    headings = [heading for heading in root.iter(*HEADINGS) if has_words(get_string(heading))]
    top_level = [heading for heading in headings if heading.tag == "h1"]
    title = next(root.iter("title"), None)
    if len(top_level) != 1 and title is not None:
        return title
    return next(iter(top_level or [heading for heading in headings[:1] if not is_prose(_text_before(heading))]), None)


def _remove_headline(body: etree._Element, headline: etree._Element | None, title: str) -> None:
    """Remove the headline from the text, also a first line that repeats the title of the page."""
    repeated = [block for block in _find_blocks(body)[:1] if title and get_string(block) == title]
    for element in repeated if headline is None or headline.tag == "title" else [headline]:
        if body in element.iterancestors():
            element.drop_tree()  # type: ignore[attr-defined]


def _take_boilerplate(body: etree._Element, headline: etree._Element | None) -> dict[str, str]:
    """Remove what a saved page has around its story, as from a plain text; return the dates of its stamps by field.

    These are stamps, and before the headline (where there is none, before the first stamp) and at the end calls to
    action.
    """
    blocks = _find_blocks(body)
    leading, trailing = blocks[: plain_text.LEADING_BLOCKS], blocks[1:][-plain_text.TRAILING_BLOCKS :]
    lines = {block: " ".join(get_string(block).split()) for block in (*leading, *trailing)}
    stamps = {block: stamp for block, line in lines.items() if (stamp := plain_text.split_date_stamp(line))}
    places = {element: place for place, element in enumerate(body.iter())}
    start = next((places[element] for element in (headline, *stamps) if element in places), 0)
    outside = [block for block in leading if places[block] < start and _is_boilerplate(lines[block], stamps.get(block))]
    outside += takewhile(lambda block: _is_boilerplate(lines[block], stamps.get(block)), reversed(trailing))
    for block in {*outside, *(block for block, (rest, _) in stamps.items() if not rest)}:
        block.drop_tree()  # type: ignore[attr-defined]
    return {field: date for _, dates in reversed(stamps.values()) for field, date in dates.items()}


def _is_boilerplate(line: str, stamp: object) -> bool:
    """Return whether a line at the edge of a saved page is no part of its story."""
    return bool(stamp) or plain_text.is_call_to_action(line)


def _find_blocks(body: etree._Element) -> list[etree._Element]:
    """Return the elements that hold text and no other block."""
    return [
        block
        for block in body.iter(*BLOCKS)
        if (not len(block) or all(inner is block for inner in block.iter(*BLOCKS, *OTHER_BLOCKS)))
        and has_words(get_string(block))
    ]


def _text_before(heading: etree._Element) -> str:
    return "".join(map(str, heading.xpath(f"preceding::{_TEXT}")))  # type: ignore[arg-type]


def split_heading(text: str) -> tuple[str, int, str, str]:
    """Return the first heading of a piece of HTML, its level, the text outside of it and of links, and the other HTML.

    The heading is empty, its level 0, where there is none.
    """
    root = parse_html(text)
    if root is None:
        return "", 0, "", ""
    heading = next((heading for heading in root.iter(*HEADINGS) if has_words(get_string(heading))), None)
    if heading is not None:
        heading.drop_tree()  # type: ignore[attr-defined]
    outside = "".join(map(str, root.xpath(f".//{_TEXT}")))  # type: ignore[arg-type]
    if heading is None:
        return "", 0, outside, ""
    return get_string(heading, MAX_TITLE_LENGTH), int(str(heading.tag)[1]), outside, get_markup(_find_body(root))


def has_words(text: str) -> bool:
    """Return whether a text holds letters or digits."""
    return any(map(str.isalnum, text))


def is_prose(text: str) -> bool:
    """Return whether a text is long or holds a sentence."""
    text = text.strip()
    return has_words(text) and (len(text) > MAX_LINE_LENGTH or _SENTENCE_END.search(text) is not None)


def _read_meta(root: etree._Element) -> dict[str, str]:
    """Return the values of `meta` elements by key of META_NAMES."""
    values: dict[str, str] = {}
    for element in root.iter("meta"):
        name = (element.get("name") or element.get("property") or "").strip().lower()
        values.setdefault(name, (element.get("content") or "").strip())
    meta = {key: next((values[name] for name in names if values.get(name)), "") for key, names in META_NAMES.items()}
    return {key: value for key, value in meta.items() if value}
