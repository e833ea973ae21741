"""The reader of a story of our own written as an HTML page: headline, body and what its head says of it."""

from __future__ import annotations

import re

from lxml import etree, html
from w3lib.encoding import html_body_declared_encoding

from ...model import Category, Link, Person, Story, Text
from ..feed import text_constructs

META = {
    "published": ("article:published_time", "date", "dc.date", "dcterms.issued"),
    "updated": ("article:modified_time", "og:updated_time", "dcterms.modified"),
    "author": ("author", "dc.creator"),
    "summary": ("description", "og:description"),
    "keywords": ("keywords",),
    "image": ("og:image",),
}
FOUND = {"author": "people", "keywords": "categories"}
FURNITURE = ("script", "style", "nav", "template", "noscript")


def find_charset(body: bytes) -> str | None:
    """The charset that a page's own `meta` names."""
    name = html_body_declared_encoding(body)
    return str(name) if name else None


def parse_html(text: str) -> etree._Element | None:
    """The tree of a page or of a piece of one."""
    text = re.sub(r"^\s*<\?xml[^>]{0,200}\?>", "", text)
    if not text.strip():
        return None
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=False)
    try:
        return html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None


def read(text: str) -> Story:
    """The story of a page."""
    root = parse_html(text)
    if root is None:
        return Story()
    body = _body(root)
    headline = _headline(root, body)
    said = _said(root)
    for element in [element for name in FURNITURE for element in body.iter(name)]:
        element.drop_tree()  # type: ignore[attr-defined]
    value = text_constructs.markup(body)
    found = {"title": headline.tag if headline is not None else ""} | {
        FOUND.get(field, field): "meta" for field in said
    }
    title = text_constructs.plain(headline, text_constructs.TITLE) if headline is not None else ""
    return Story(
        title=Text(title, "text") if title else None,
        content=(Text(value, "html"),) if value else (),
        summary=Text(said["summary"], "text") if "summary" in said else None,
        published=said.get("published"),
        updated=said.get("updated"),
        people=(Person(said["author"]),) if "author" in said else (),
        categories=tuple(Category(term.strip()) for term in said.get("keywords", "").split(",") if term.strip()),
        image=Link(said["image"], "image") if "image" in said else None,
        language=root.get("lang"),
        found={name: str(where) for name, where in found.items() if where},
    )


def _body(root: etree._Element) -> etree._Element:
    for name in ("article", "main", "body"):
        found = list(root.iter(name))
        if len(found) == 1:
            return found[0]
    return root


def _headline(root: etree._Element, body: etree._Element) -> etree._Element | None:
    """The only h1, which then is not part of the text, else the title of the page."""
    headings = list(root.iter("h1"))
    if len(headings) == 1:
        heading = headings[0]
        if heading in body.iter("h1"):
            heading.drop_tree()  # type: ignore[attr-defined]
        return heading
    return next(root.iter("title"), None)


def _said(root: etree._Element) -> dict[str, str]:
    given: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = (meta.get("name") or meta.get("property") or "").strip().lower()
        given.setdefault(name, (meta.get("content") or "").strip())
    told = {field: next((given[name] for name in names if given.get(name)), "") for field, names in META.items()}
    return {field: value for field, value in told.items() if value}
