"""The reader of a story of our own written as an HTML page: headline, body and the `meta` elements of its head."""

from __future__ import annotations

import re

from lxml import etree, html
from w3lib.encoding import html_body_declared_encoding

from ...model import Category, Link, Person, Story, Text
from ..feed.text_constructs import MAX_TITLE_LENGTH, get_markup, get_string

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
    headline = _take_headline(root, body)
    meta = _read_meta(root)
    for element in [element for name in REMOVED_ELEMENTS for element in body.iter(name)]:
        element.drop_tree()  # type: ignore[attr-defined]
    content = get_markup(body)
    found = {"title": str(headline.tag)} if headline is not None else {}
    found |= {STORY_FIELDS.get(name, name): "meta" for name in meta}
    title = get_string(headline, MAX_TITLE_LENGTH) if headline is not None else ""
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


def _take_headline(root: etree._Element, body: etree._Element) -> etree._Element | None:
    """Return the only `h1` and remove it from the body, else the `title` of the page."""
    headings = list(root.iter("h1"))
    if len(headings) == 1:
        heading = headings[0]
        if heading in body.iter("h1"):
            heading.drop_tree()  # type: ignore[attr-defined]
        return heading
    return next(root.iter("title"), None)


def _read_meta(root: etree._Element) -> dict[str, str]:
    """Return the values of `meta` elements by key of META_NAMES."""
    values: dict[str, str] = {}
    for element in root.iter("meta"):
        name = (element.get("name") or element.get("property") or "").strip().lower()
        values.setdefault(name, (element.get("content") or "").strip())
    meta = {key: next((values[name] for name in names if values.get(name)), "") for key, names in META_NAMES.items()}
    return {key: value for key, value in meta.items() if value}
