"""One web page, opened once and shared by all who read something in it: its tree, what its head says, its JSON-LD."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin, urlsplit

from lxml import etree

from ...errors import ParseError
from ...model import Fetched
from ..charset import decode
from ..own_stories import html
from . import json_ld

Element = etree._Element

# A page that is shown to people is smaller; what is larger costs more than it can tell.
LARGEST = 6_000_000
SPACE = re.compile(r"\s+")
MAX_META = 500
LONGEST_ADDRESS = 4_000
HIDDEN = frozenset(("script", "style", "template", "noscript", "svg"))
BLOCKS = frozenset(
    ("br", "p", "div", "li", "h1", "h2", "h3", "h4", "td", "tr", "figcaption", "section", "header", "ul")
)
APART = tuple(HIDDEN | BLOCKS)  # what must not be read, or not without a blank


@dataclass(frozen=True)
class WebPage:
    """A page: `url` is where it came from, `root` its tree, `warning` what was wrong with its charset."""

    url: str
    root: Element
    warning: str | None = None

    @cached_property
    def base(self) -> str:
        """What relative addresses are relative to: the first `base` with an address (HTML §4.2.3)."""
        for element in self.root.iter("base"):
            if href := (element.get("href") or "").strip():
                return joined(self.url, href) or self.url
        return self.url

    @cached_property
    def meta(self) -> Mapping[str, tuple[str, ...]]:
        """What the head says by name, property or itemprop, all in lower case; empty words left out."""
        found: dict[str, list[str]] = {}
        for count, element in enumerate(self.root.iter("meta")):
            value = squeezed(element.get("content") or "")
            if not value or count > MAX_META:
                continue
            for attribute in ("property", "name", "itemprop"):
                name = (element.get(attribute) or "").strip().lower()
                if name and value not in found.setdefault(name, []):
                    found[name].append(value)
        return {name: tuple(values) for name, values in found.items()}

    @cached_property
    def data(self) -> json_ld.JsonLd:
        """All that is said in JSON-LD."""
        scripts = (element.text or "" for element in self.root.iter("script") if _is_json(element))
        return json_ld.read(scripts)

    @cached_property
    def canonical(self) -> str | None:
        """The address that the page calls its own."""
        for element in self.root.iter("link"):
            if "canonical" in (element.get("rel") or "").lower().split() and element.get("href"):
                return joined(self.base, element.get("href") or "")
        return joined(self.base, self.says("og:url") or "") if self.says("og:url") else None

    @cached_property
    def site(self) -> str | None:
        """The site's name as the head gives it."""
        return self.says("og:site_name", "application-name", "apple-mobile-web-app-title")

    @cached_property
    def language(self) -> str | None:
        """The language of the document."""
        told = self.root.get("lang") or self.root.get("{http://www.w3.org/XML/1998/namespace}lang")
        return (told or self.says("content-language", "language", "og:locale") or "").strip().replace("_", "-") or None

    @cached_property
    def headings(self) -> tuple[Element, ...]:
        """The headings of the first rank that have words."""
        return tuple(element for element in self.root.iter("h1") if words_of(element))

    def says(self, *names: str) -> str | None:
        """The first word of the head under one of these names, the names in order of trust."""
        return next((self.meta[name][0] for name in names if name in self.meta), None)


def opened(fetched: Fetched) -> WebPage:
    """The page of an answer; ParseError where it is none."""
    decoded = decode(fetched.body[:LARGEST], fetched.charset or html.find_charset(fetched.body[:4096]))
    root = html.parse_html(decoded.text.replace("\0", " "))
    if root is None:
        raise ParseError("The answer is empty where a web page was expected.", kind="empty")
    return WebPage(fetched.url, root, decoded.warning)


def joined(base: str | None, reference: str) -> str | None:
    """A web address made absolute; none for what is no web address."""
    if len(reference) > LONGEST_ADDRESS:
        return None
    try:
        address = urljoin(base or "", reference.strip())
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.hostname else None


def squeezed(text: str) -> str:
    """A text in one line."""
    return SPACE.sub(" ", text).strip()


def words_of(element: Element) -> str:
    """The words inside an element in one line, those of scripts and styles left out."""
    if not len(element):
        return squeezed(element.text or "") if element.tag not in HIDDEN else ""
    if element.tag not in HIDDEN and next(element.iterdescendants(*APART), None) is None:
        return squeezed("".join(map(str, element.itertext())))
    return squeezed("".join(_pieces(element)))


def _pieces(element: Element) -> Iterator[str]:
    """The pieces of text inside an element, in one pass; blocks are set apart by a blank."""
    for event, inner in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            if inner.text and inner.tag not in HIDDEN:
                yield inner.text
        else:
            if inner.tag in BLOCKS:
                yield " "
            if inner.tail and inner is not element and not _inside_hidden(inner):
                yield inner.tail


def _inside_hidden(element: Element) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag in HIDDEN


def _is_json(element: Element) -> bool:
    return "ld+json" in (element.get("type") or "").lower()
