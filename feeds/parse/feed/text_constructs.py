"""From an element to what it says: a plain string, or a text construct with its type, base and language."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from html import unescape
from typing import Literal
from urllib.parse import urljoin

from lxml import etree

from ...model import Text
from . import namespaces

Type = Literal["text", "html"]

# S15: nothing a person wrote is longer; what is longer was made to hurt whoever reads it.
SHORT = 2_000
TITLE = 20_000
LONG = 10_000_000

XHTML = "{http://www.w3.org/1999/xhtml}"
VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
NAMESPACE_DECLARATION = re.compile(r""" xmlns(?::[\w.-]+)?="[^"]*\"""")
# Markup for certain: a closing tag, a reference, or a tag that needs no closing. `1 < 2` and `the <blink> tag` are not.
MARKUP = re.compile(
    r"</[A-Za-z][A-Za-z0-9]*\s*>|&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]+);|<(?:br|hr|img|wbr)\b", re.I
)
BINARY = re.compile("[\x00-\x08\x0e-\x1f]")
ANY_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
HTML_TYPES = ("html", "text/html", "text/x-html", "application/html")
PLAIN_TYPES = ("text", "plain", "text/plain")


LONGEST_BASE = 2_000


@dataclass(frozen=True, slots=True)
class Scope:
    """The xml:base and xml:lang in force."""

    base: str | None = None
    language: str | None = None

    def within(self, element: etree._Element) -> Scope:
        """What is in force inside an element."""
        base, language = element.get(namespaces.XML_BASE), element.get(namespaces.XML_LANG)
        if base is None and language is None:
            return self
        return Scope(
            joined(self.base, base) if base else self.base,
            language.strip() or None if language is not None else self.language,
        )


def joined(base: str | None, reference: str) -> str | None:
    """A reference made absolute, or the base itself where the reference is no address."""
    if len(reference) > LONGEST_BASE:  # it would be copied into every link of the document (S15)
        return base
    try:
        return urljoin(base or "", reference.strip()) or None
    except ValueError:
        return base


def plain(element: etree._Element, limit: int = SHORT) -> str:
    """All text inside an element."""
    text = "".join(map(str, element.itertext())) if len(element) else element.text
    if not text:
        return ""
    text = text.strip()
    return text if len(text) <= limit else text[:limit]


def markup(element: etree._Element) -> str:
    """What stands inside an element: its text where it holds nothing else, else its children spelled out as HTML."""
    if not len(element):
        return (element.text or "").strip()
    return _spelled(element)


def guessed(value: str) -> Type:
    """How to read a text whose format does not say: as HTML where it surely holds markup."""
    return "html" if ("<" in value or "&" in value) and MARKUP.search(value) else "text"


def rss(element: etree._Element, scope: Scope) -> Text | None:
    """A description or content of RSS: HTML, escaped or not."""
    value = markup(element)
    return Text(value[:LONG], "html", scope.base, scope.language) if value else None


def rss_title(element: etree._Element, scope: Scope) -> Text | None:
    """A title of RSS, which the format leaves open: text, or HTML where it holds markup."""
    value = markup(element)[:TITLE]
    if not value:
        return None
    return Text(value, "html" if len(element) else guessed(value), scope.base, scope.language)


def atom(element: etree._Element, scope: Scope) -> Text | None:
    """A text construct or content of Atom (RFC 4287 §3.1, §4.1.3; Atom 0.3 with its `mode`)."""
    kind = (element.get("type") or "").strip().lower().partition(";")[0].rstrip()
    mode = element.get("mode")
    if mode is not None:
        return _old_atom(element, scope, (kind, mode.strip().lower()))
    if len(element):
        return _inline(element, scope)
    value = (element.text or "").strip()
    if kind and kind not in PLAIN_TYPES and kind not in HTML_TYPES and not _is_markup(kind):
        return _encoded(value, kind, scope)
    html = kind in HTML_TYPES or _is_markup(kind)
    return _text(value, "html" if html else "text", scope)


def flat(text: Text | None) -> str:
    """A text construct as a plain string, for fields that are no more."""
    if text is None or text.type == "text":
        return text.value if text else ""
    return " ".join(unescape(ANY_TAG.sub("", text.value)).split())


def _is_markup(kind: str) -> bool:
    return kind == "xhtml" or kind.endswith(("+xml", "/xml"))


def _old_atom(element: etree._Element, scope: Scope, how: tuple[str, str]) -> Text | None:
    kind, mode = how
    html = kind in HTML_TYPES or _is_markup(kind)
    if mode == "base64":
        return _encoded(plain(element, LONG), kind or "text/plain", scope)
    if mode == "escaped":
        return _text(plain(element, LONG), "html" if html else "text", scope)
    if len(element):
        return _inline(element, scope)
    # Mode `xml`: a `<` that was escaped is a letter, not a tag.
    return _text((element.text or "").strip(), "text", scope)


def _inline(element: etree._Element, scope: Scope) -> Text | None:
    """Markup that is part of the document: the div of XHTML is only its wrapping (RFC 4287 §3.1.1.3)."""
    div = element[0]
    alone = len(element) == 1 and not (element.text or "").strip() and not (div.tail or "").strip()
    if alone and namespaces.local(div) == "div" and not (set(div.attrib) - {namespaces.XML_BASE, namespaces.XML_LANG}):
        scope, element = scope.within(div), div
        if not len(element):
            return _text(_escaped((element.text or "").strip()), "html", scope)
    return _text(_spelled(element), "html", scope)


def _encoded(value: str, kind: str, scope: Scope) -> Text | None:
    """Base64 of what turns out to be a text; pictures and the like are no text of ours (RFC 4287 §4.1.3.3)."""
    if kind.startswith(("image/", "audio/", "video/", "font/", "multipart/")):
        return None
    try:
        decoded = base64.b64decode("".join(value.split()), validate=True).decode("utf-8").strip()
    except (binascii.Error, ValueError):
        decoded = value
    if BINARY.search(decoded):
        return None
    html = kind in HTML_TYPES or _is_markup(kind) or (not kind.startswith("text/") and guessed(decoded) == "html")
    return _text(decoded, "html" if html else "text", scope)


def _text(value: str, kind: Type, scope: Scope) -> Text | None:
    return Text(value[:LONG], kind, scope.base, scope.language) if value else None


def _spelled(element: etree._Element) -> str:
    """The children of an element as HTML: no namespaces, and only void elements without a closing tag."""
    parts = [_escaped(element.text or "")]
    for child in element:
        for inner in child.iter(etree.Element):
            tag = namespaces.split(str(inner.tag))[1].rpartition(":")[2]
            if tag != inner.tag and NAME.fullmatch(tag):
                inner.tag = tag
            if inner.text is None and not len(inner) and tag.lower() not in VOID:
                inner.text = ""
        parts.append(etree.tostring(child, encoding="unicode"))
    return NAMESPACE_DECLARATION.sub("", "".join(parts)).strip()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
