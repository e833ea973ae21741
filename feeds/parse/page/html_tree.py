"""A parsed web page: its tree, its meta elements, its JSON-LD, and the text of its elements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from lxml import etree

from ...errors import FailureKind, ParseError
from ...model import Fetched
from ..charset import decode
from ..document import resolve_http_url
from ..own_stories import html
from .json_ld import PART_KEYS, JsonLd, parse_json_ld

Element = etree._Element

MAX_PAGE_BYTES = 6_000_000  # pages shown to people are smaller; larger ones cost more than they can contain
MAX_META_ELEMENTS = 500
WHITESPACE = re.compile(r"\s+")
HEADING_TAGS = ("h1", "h2", "h3", "h4", "h5", "h6")
HIDDEN_TAGS = frozenset(("script", "style", "template", "noscript", "svg"))
BLOCK_TAGS = frozenset(
    ("br", "p", "div", "li", "h1", "h2", "h3", "h4", "td", "tr", "figcaption", "section", "header", "ul")
)
# Letters of scripts that write a syllable or a word with one sign.
DENSE_LETTERS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+")
DENSITY = 3  # Latin letters that such a sign stands for
SENTENCE_END = re.compile(r"[.!?…:;。．！？：؟۔।॥։።།។၊။؛;·][\"'”’»“«)\]）」』】\s]*$")
SPECIAL_TAGS = tuple(HIDDEN_TAGS | BLOCK_TAGS)  # left out of the text, or followed by a space there


@dataclass(frozen=True)
class WebPage:
    """A parsed page: `url` is where it came from, `root` its tree, `warning` what was wrong with its charset."""

    url: str
    root: Element
    warning: str | None = None

    @cached_property
    def base_url(self) -> str:
        """The URL that relative references resolve against: the first `base` with a URL (HTML §4.2.3)."""
        for element in self.root.iter("base"):
            if href := (element.get("href") or "").strip():
                return resolve_http_url(self.url, href) or self.url
        return self.url

    @cached_property
    def meta(self) -> Mapping[str, tuple[str, ...]]:
        """The non-empty contents of the meta elements by name, property or itemprop in lower case."""
        contents: dict[str, list[str]] = {}
        for count, element in enumerate(self.root.iter("meta")):
            content = collapse_spaces(element.get("content") or "")
            if not content or count > MAX_META_ELEMENTS:
                continue
            for attribute in ("property", "name", "itemprop"):
                name = (element.get(attribute) or "").strip().lower()
                if attribute == "itemprop" and name and _is_of_part(element):
                    continue
                if name and content not in contents.setdefault(name, []):
                    contents[name].append(content)
        return {name: tuple(values) for name, values in contents.items()}

    @cached_property
    def json_ld(self) -> JsonLd:
        """The nodes of all JSON-LD scripts."""
        scripts = (element for element in self.root.iter("script") if "ld+json" in (element.get("type") or "").lower())
        return parse_json_ld(script.text or "" for script in scripts)

    @cached_property
    def canonical_url(self) -> str | None:
        """The URL that the page calls its own."""
        for element in self.root.iter("link"):
            if "canonical" in (element.get("rel") or "").lower().split() and (href := element.get("href")):
                return resolve_http_url(self.base_url, href)
        url = self.meta_value("og:url")
        return resolve_http_url(self.base_url, url) if url else None

    @cached_property
    def site_name(self) -> str | None:
        """The name of the site in the meta elements."""
        return self.meta_value("og:site_name", "application-name", "apple-mobile-web-app-title")

    @cached_property
    def language(self) -> str | None:
        """The language tag of the document."""
        tag = self.root.get("lang") or self.root.get("{http://www.w3.org/XML/1998/namespace}lang")
        return (tag or self.meta_value("content-language", "language", "og:locale") or "").strip().replace(
            "_", "-"
        ) or None

    @cached_property
    def headings(self) -> tuple[Element, ...]:
        """The `h1` elements that have text."""
        return tuple(element for element in self.root.iter("h1") if get_text(element))

    def meta_value(self, *names: str) -> str | None:
        """Return the first content of a meta element with one of these names, the names in order of preference."""
        return next((self.meta[name][0] for name in names if name in self.meta), None)


def parse_page(fetched: Fetched) -> WebPage:
    """Parse the page in a response; raises ParseError where the response is empty."""
    decoded = decode(fetched.body[:MAX_PAGE_BYTES], fetched.charset or html.find_charset(fetched.body[:4096]))
    root = html.parse_html(decoded.text.replace("\0", " "))
    if root is None:
        raise ParseError("The response is empty where a web page was expected.", kind=FailureKind.EMPTY)
    return WebPage(fetched.url, root, decoded.warning)


def get_path(url: str, default: str = "") -> str:
    """Return the path of a URL, or the default where the URL is malformed."""
    try:
        return urlsplit(url).path
    except ValueError:
        return default


def collapse_spaces(text: str) -> str:
    """Return a text in one line."""
    return WHITESPACE.sub(" ", text).strip()


def count_letters(text: str) -> int:
    """Return the length of a text in Latin letters: a sign of a dense script counts for several."""
    if text.isascii():
        return len(text)
    return len(text) + (DENSITY - 1) * sum(map(len, DENSE_LETTERS.findall(text)))


def ends_sentence(text: str) -> bool:
    """Return whether a text ends as a sentence does, in any script that marks it."""
    return SENTENCE_END.search(text[-40:]) is not None


def get_text(element: Element) -> str:
    """Return the text inside an element in one line, without scripts and styles."""
    if not len(element):
        return collapse_spaces(element.text or "") if element.tag not in HIDDEN_TAGS else ""
    if element.tag not in HIDDEN_TAGS and next(element.iterdescendants(*SPECIAL_TAGS), None) is None:
        return collapse_spaces("".join(map(str, element.itertext())))
    return collapse_spaces("".join(_iter_text(element)))


def get_link_length(element: Element) -> int:
    """Return how many letters of an element's text stand in links."""
    return sum(len(get_text(anchor)) for anchor in element.iter("a"))


def contains_tag(element: Element, *tags: str) -> bool:
    """Return whether an element, or one inside it, has one of these tags."""
    return next(element.iter(*tags), None) is not None


def _iter_text(element: Element) -> Iterator[str]:
    """Yield the pieces of text inside an element, in one pass; a block ends with a space."""
    for event, inner in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            if inner.text and inner.tag not in HIDDEN_TAGS:
                yield inner.text
        else:
            if inner.tag in BLOCK_TAGS:
                yield " "
            if inner.tail and inner is not element and not _is_in_hidden_tag(inner):
                yield inner.tail


def _is_of_part(element: Element) -> bool:
    """Return whether microdata describe something else than the page's story: a citation, a comment."""
    return any(ancestor.get("itemprop") in PART_KEYS for ancestor in element.iterancestors())


def _is_in_hidden_tag(element: Element) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag in HIDDEN_TAGS
