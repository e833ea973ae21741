"""The text of an element: a plain string, or a `Text` with its type, base and language (RFC 4287 §3.1)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape, unescape
from typing import Literal
from urllib.parse import urljoin

from lxml import etree

from ...model import Text
from . import namespaces

TextType = Literal["text", "html"]

# S15: longer values are cut off, in characters.
MAX_STRING_LENGTH = 2_000
MAX_TITLE_LENGTH = 20_000
MAX_TEXT_LENGTH = 10_000_000
MAX_BASE_LENGTH = 2_000

VOID_ELEMENTS = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
ELEMENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
NAMESPACE_DECLARATION = re.compile(r""" xmlns(?::[\w.-]+)?="[^"]*\"""")
# Certainly markup: a closing tag, a reference, or a tag that needs no closing. `1 < 2` and `the <blink> tag` are not.
MARKUP = re.compile(
    r"</[A-Za-z][A-Za-z0-9]*\s*>|&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]+);|<(?:br|hr|img|wbr)\b", re.I
)
# The same without references, and start tags that hardly any plain text holds.
TAGS = re.compile(
    r"</[A-Za-z][A-Za-z0-9]*\s*>|<(?:br|hr|img|wbr)\b[^<>]*>|<(?:p|ul|ol|li|div)(?:\s[^<>]*)?>|<a\s[^<>]*href", re.I
)
BLOCKS = re.compile(r"</?(?:p|br|div|ul|ol|li|h[1-6]|table|blockquote)\b", re.I)
ESCAPED_CDATA = re.compile(r"(?:&(?:amp;)*(?:lt|#0*60|#x0*3c);|<)!\[CDATA\[", re.I)
CDATA_MARK = re.compile(r"<!\[CDATA\[|\]\]>")
CDATA_STARTS = ("<", "&")
MAX_ESCAPINGS = 4
CONTROL_CHARACTER = re.compile("[\x00-\x08\x0e-\x1f]")
TAG = re.compile(r"</?[A-Za-z][^<>]*>")
WEB_SCHEMES = ("http://", "https://")
HTML_TYPES = ("html", "text/html", "text/x-html", "application/html")
PLAIN_TYPES = ("text", "plain", "text/plain")


@dataclass(frozen=True, slots=True)
class Scope:
    """The xml:base and xml:lang in force."""

    base: str | None = None
    language: str | None = None

    def within(self, element: etree._Element) -> Scope:
        """Return the scope inside an element."""
        base, language = element.get(namespaces.XML_BASE), element.get(namespaces.XML_LANG)
        if base is None and language is None:
            return self
        return Scope(
            resolve_url(self.base, base) if base else self.base,
            language.strip() or None if language is not None else self.language,
        )


def resolve_url(base: str | None, reference: str) -> str | None:
    """Return the absolute form of a reference, or the base where the reference is no address."""
    if len(reference) > MAX_BASE_LENGTH:  # it would be copied into every link of the document (S15)
        return base
    try:
        return urljoin(base or "", reference.strip()) or None
    except ValueError:
        return base


def get_attributes(element: etree._Element) -> Mapping[str, str]:
    """Return the attributes by local name in lower case: some publishers write `HREF`, or `atom:href` in Atom."""
    return {
        namespaces.split_tag(str(name))[1].rpartition(":")[2].lower(): str(value) for name, value in element.items()
    }


def get_string(element: etree._Element, limit: int = MAX_STRING_LENGTH) -> str:
    """Return all text inside an element without tags, cut off after `limit` characters."""
    text = "".join(map(str, element.itertext())) if len(element) else element.text
    if not text:
        return ""
    text = text.strip()
    if text[:1] in CDATA_STARTS:
        text = unwrap_cdata(text)
    return text if len(text) <= limit else text[:limit]


def get_markup(element: etree._Element) -> str:
    """Return the text of an element without children as it is, else its content serialized as HTML."""
    return _serialize_content(element) if len(element) else get_value(element)


def get_value(element: etree._Element) -> str:
    """Return the text of an element without children, however long it is."""
    value = (element.text or "").strip()
    return unwrap_cdata(value) if value[:1] in CDATA_STARTS and "[" in value[:40] else value


def unwrap_cdata(value: str) -> str:
    """Return what a CDATA section holds that became the text of a value, because a publisher escaped it once more."""
    if not ESCAPED_CDATA.match(value):
        return value
    for _ in range(MAX_ESCAPINGS):
        value = CDATA_MARK.sub("", value) if value[0] == "<" else unescape(value)
        if not ESCAPED_CDATA.match(value):
            break
    return value.strip()


def guess_type(value: str) -> TextType:
    """Return `html` for a value that certainly holds markup, else `text`."""
    return "html" if ("<" in value or "&" in value) and MARKUP.search(value) else "text"


def parse_rss_text(element: etree._Element, scope: Scope) -> Text | None:
    """Return a description or content of RSS: HTML, escaped or not."""
    return _make_text(get_markup(element), "html", scope)


def parse_plain_text(element: etree._Element, scope: Scope, limit: int) -> Text | None:
    """Return a text that its format defines as plain; HTML where it says so, or certainly holds tags of HTML."""
    value, kind = get_markup(element)[:limit], (element.get("type") or "").strip().lower()
    if len(element) or kind in HTML_TYPES:
        return _make_text(value, "html", scope)
    if kind in PLAIN_TYPES or "<" not in value or not TAGS.search(value):
        return _make_text(value, "text", scope)
    # Links in a text whose layout are its lines.
    return _make_text(value if BLOCKS.search(value) else value.replace("\n", "<br>\n"), "html", scope)


def parse_rss_title(element: etree._Element, scope: Scope) -> Text | None:
    """Return a title of RSS, whose type the format leaves open: HTML where it holds markup, else text."""
    value = get_markup(element)[:MAX_TITLE_LENGTH]
    return _make_text(value, "html" if len(element) else guess_type(value), scope)


def parse_atom_text(element: etree._Element, scope: Scope) -> Text | None:
    """Return a text construct or content of Atom (RFC 4287 §3.1, §4.1.3; Atom 0.3 with its `mode`)."""
    kind = element.get("type")
    if kind is None:
        kind = get_attributes(element).get("type", "") if element.keys() else ""
    kind = kind.strip().lower().partition(";")[0].rstrip()
    mode = element.get("mode")
    if mode is not None:
        return _parse_atom03_text(element, scope, kind, mode.strip().lower())
    if len(element):
        return _parse_inline_markup(element, scope)
    value = get_value(element)
    html = kind in HTML_TYPES or _is_xml_type(kind)
    if kind and kind not in PLAIN_TYPES and not html:
        return _parse_base64(value, kind, scope)
    return _make_text(value, "html" if html else "text", scope)


def to_plain_string(text: Text | None) -> str:
    """Return a text construct as plain text without tags, empty for None."""
    if text is None or text.type == "text":
        return text.value if text else ""
    return " ".join(unescape(TAG.sub("", text.value)).split())


def _is_xml_type(kind: str) -> bool:
    return kind == "xhtml" or kind.endswith(("+xml", "/xml"))


def _parse_atom03_text(element: etree._Element, scope: Scope, kind: str, mode: str) -> Text | None:
    html = kind in HTML_TYPES or _is_xml_type(kind)
    if mode == "base64":
        return _parse_base64(get_string(element, MAX_TEXT_LENGTH), kind or "text/plain", scope)
    if mode == "escaped":
        return _make_text(get_string(element, MAX_TEXT_LENGTH), "html" if html else "text", scope)
    if len(element):
        return _parse_inline_markup(element, scope)
    # Mode `xml`: a `<` that was escaped is a character, not a tag.
    return _make_text(get_value(element), "text", scope)


def _parse_inline_markup(element: etree._Element, scope: Scope) -> Text | None:
    """Return markup that is part of the document; the div of XHTML is not part of it (RFC 4287 §3.1.1.3)."""
    div = element[0]
    alone = len(element) == 1 and not (element.text or "").strip() and not (div.tail or "").strip()
    attributes = set(div.attrib) - {namespaces.XML_BASE, namespaces.XML_LANG}
    if alone and namespaces.local_name(div) == "div" and not attributes:
        scope, element = scope.within(div), div
        if not len(element):
            return _make_text(escape((element.text or "").strip(), quote=False), "html", scope)
    return _make_text(_serialize_content(element), "html", scope)


def _parse_base64(value: str, kind: str, scope: Scope) -> Text | None:
    """Return base64 that decodes to text, or None for pictures and other binary data (RFC 4287 §4.1.3.3)."""
    if kind.startswith(("image/", "audio/", "video/", "font/", "multipart/")):
        return None
    try:
        decoded = base64.b64decode("".join(value.split()), validate=True).decode("utf-8").strip()
    except (binascii.Error, ValueError):
        decoded = value
    if CONTROL_CHARACTER.search(decoded):
        return None
    html = kind in HTML_TYPES or _is_xml_type(kind) or (not kind.startswith("text/") and guess_type(decoded) == "html")
    return _make_text(decoded, "html" if html else "text", scope)


def _make_text(value: str, kind: TextType, scope: Scope) -> Text | None:
    return Text(value[:MAX_TEXT_LENGTH], kind, scope.base, scope.language) if value else None


def _serialize_content(element: etree._Element) -> str:
    """Return the content of an element as HTML: no namespaces, and only void elements without a closing tag."""
    parts = [escape(element.text or "", quote=False)]
    for child in element:
        for inner in child.iter(etree.Element):
            tag = namespaces.split_tag(str(inner.tag))[1].rpartition(":")[2]
            if tag != inner.tag and ELEMENT_NAME.fullmatch(tag):
                inner.tag = tag
            if inner.text is None and not len(inner) and tag.lower() not in VOID_ELEMENTS:
                inner.text = ""
        parts.append(etree.tostring(child, encoding="unicode"))
    return NAMESPACE_DECLARATION.sub("", "".join(parts)).strip()
