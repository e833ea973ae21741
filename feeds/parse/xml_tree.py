"""Parsing XML safely: no entities, no network, no processing instructions, bounded depth; with repair.

What is not well-formed is repaired: text before the root cut off, HTML entities resolved, bare `&` escaped, and last
libxml2's own recovery. S11: the internal subset of a DOCTYPE never reaches the parser, so no entity is ever defined.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.entities import html5, name2codepoint

from lxml import etree

from .charset import C1


def _make_parser(recover: bool) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )


STRICT_PARSER = _make_parser(recover=False)
RECOVERING_PARSER = _make_parser(recover=True)

_SUBSET = r"""\[(?>(?:<!--.*?(?:-->|\Z)|"[^"]*+"|'[^']*+'|[^"'\]])*)\]"""
PROLOG = re.compile(r"(?>(?:\s++|<\?.*?\?>|<!--.*?-->)*)(?=<!DOCTYPE)", re.S | re.I)
DOCTYPE_START = re.compile("<!DOCTYPE", re.I)
DOCTYPE = re.compile(rf"<!DOCTYPE(?>(?:\"[^\"]*+\"|'[^']*+'|{_SUBSET}|[^>\"'\[])*)>", re.S | re.I)

ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]{0,40}:)?(?:rss|feed|RDF|channel|opml)(?=[\s>/])", re.I)
# An entry may be the whole document (RFC 4287 §2).
ENTRY_ROOT = re.compile(
    r"\ufeff?(?>(?:\s++|<\?.*?\?>|<!--.*?-->)*)<(?:[A-Za-z_][\w.-]{0,40}:)?(?:entry|item)(?=[\s>/])", re.S | re.I
)
XML_DECLARATION = re.compile(r"<\?xml[^>]{0,200}\?>")
# XML 1.0 §2.2: characters that no document may hold, literally or as a reference.
ILLEGAL_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
NUMERIC_REFERENCE = re.compile(r"&#(?:0*(\d{1,7})|[xX]0*([0-9a-fA-F]{1,6}));?")
# C1 controls, literally or as references, mean characters of Windows-1252 (HTML §13.2.5.80).
C1_CHARACTER = re.compile(rb"\xc2[\x80-\x9f]")
C1_REFERENCE = re.compile(r"&#(?:0{0,5}(1[2-5]\d)|[xX]0{0,5}([89][0-9a-fA-F]));")
# An emoji as two references to surrogates (CESU-8, JSON), however often they were escaped.
SURROGATES = re.compile(
    r"&(?:amp;){0,3}#(?:(5[56]\d{3})|x(d[89ab][0-9a-f]{2}));&(?:amp;){0,3}#(?:(5[67]\d{3})|x(d[c-f][0-9a-f]{2}));", re.I
)
MAYBE_SURROGATE = re.compile(r"#(?:5[56]\d{3}|[xX][dD][89abAB])")
# A start tag that has an attribute without quotes, and such an attribute.
UNQUOTED_TAG = re.compile(r"""<[A-Za-z_][\w:.-]*+(?=\s)(?>[^<>"']++|"[^"<]*+"|'[^'<]*+')*>""")
UNQUOTED = re.compile(r"""("[^"]*+"|'[^']*+')|(?<=\s)([\w:.-]{1,60}\s?=\s?)([^\s"'<>]{1,2000}?)(?=[\s>]|/>)""")
# A CDATA section; a `<` that opens no tag; an `&` with the reference it may begin. A CDATA section that is not closed
# ends with the document: a search for its end at every `<![CDATA[` would take quadratic time.
UNESCAPED = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<(?![A-Za-z_/!?:])|&(?:(#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};)|([A-Za-z][A-Za-z0-9]{1,31});)?",
    re.S,
)
# Elements that hold HTML, up to their end tag and never past the next element of the same name.
HTML_ELEMENT = re.compile(
    r"(<(description|summary|content(?::encoded)?|title)(?:\s[^<>]*)?(?<!/)>)((?>(?:[^<]++|<(?!/?\2[\s>]))*))(?=</\2\s*>)"
)
TAG = re.compile(r"""<(/?)([A-Za-z_][\w.:-]*+)(?>(?:\s++[\w.:-]++\s*+=\s*+(?:"[^<"]*+"|'[^<']*+'))*)\s*+(/?)>""")
NESTED_CDATA = "<![CDATA[<![CDATA["
PREDEFINED_ENTITIES = {"amp", "lt", "gt", "quot", "apos"}
ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


@dataclass(frozen=True, slots=True)
class XmlTree:
    """The root element, and whether the document had to be repaired."""

    root: etree._Element
    repaired: bool = False


def parse(text: str, utf8: bytes | None = None) -> XmlTree | None:
    """Return the tree of an XML document, or None where even repair makes none; `utf8` is the text in that encoding."""
    cleaned = _clean_prolog(text)
    try:
        if not PROLOG.match(cleaned):
            body = utf8 if cleaned is text else None
            return XmlTree(_parse_with(cleaned, STRICT_PARSER, body))
    except (etree.XMLSyntaxError, ValueError):
        pass
    return _repair(cleaned)


def sanitize(text: str) -> str:
    """Return the document without DOCTYPE and illegal characters: safe for any other parser as well."""
    return NUMERIC_REFERENCE.sub(_drop_illegal_reference, ILLEGAL_CHARACTER.sub("", _remove_doctype(text)))


def _remove_doctype(text: str) -> str:
    """Return the text without its first DOCTYPE. To look for the end of each one would take quadratic time (S15)."""
    start = DOCTYPE_START.search(text)
    doctype = DOCTYPE.match(text, start.start()) if start else None
    return text[: doctype.start()] + text[doctype.end() :] if doctype else text


def _parse_with(text: str, parser: etree.XMLParser, utf8: bytes | None = None) -> etree._Element:
    body = text.encode("utf-8", "replace") if utf8 is None else utf8
    if b"\xc2" in body and C1_CHARACTER.search(body):
        body = text.translate(C1).encode("utf-8", "replace")
    try:
        return etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        if getattr(error, "code", None) == etree.ErrorTypes.ERR_NO_MEMORY:  # not the document's fault
            raise MemoryError from error
        raise


def _clean_prolog(text: str) -> str:
    text = text.lstrip("\ufeff")
    prolog = PROLOG.match(text)
    if prolog:
        text = text[: prolog.end()] + _remove_doctype(text[prolog.end() :])
    has_references = "&#" in text
    # In few documents; the whole pattern is tried at each `&`.
    if (has_references or ";#" in text) and MAYBE_SURROGATE.search(text):
        text = SURROGATES.sub(_join_surrogates, text)
    return C1_REFERENCE.sub(_resolve_c1_reference, text) if has_references else text


def _join_surrogates(match: re.Match[str]) -> str:
    high, low = (int(match[i]) if match[i] else int(match[i + 1], 16) for i in (1, 3))
    if not (0xD800 <= high < 0xDC00 <= low < 0xE000):
        return match[0]
    return chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)


def _code_point(match: re.Match[str]) -> int:
    return int(match[1]) if match[1] else int(match[2], 16)


def _resolve_c1_reference(match: re.Match[str]) -> str:
    code = _code_point(match)
    return chr(code).translate(C1) if 0x80 <= code <= 0x9F else match[0]


def _repair(text: str) -> XmlTree | None:
    text = ILLEGAL_CHARACTER.sub("", _cut_to_root(text))
    if PROLOG.match(text):
        return None
    if NESTED_CDATA in text:
        text = text.replace(NESTED_CDATA, "<![CDATA[").replace("]]>]]>", "]]>")
    text = UNESCAPED.sub(_escape, NUMERIC_REFERENCE.sub(_drop_illegal_reference, text))
    text = UNQUOTED_TAG.sub(_quote_attributes, text)
    wrapped = HTML_ELEMENT.sub(_wrap_in_cdata, text)
    for candidate, parser in ((text, STRICT_PARSER), (wrapped, STRICT_PARSER), (wrapped, RECOVERING_PARSER)):
        try:
            root = _parse_with(candidate, parser)
        except (etree.XMLSyntaxError, ValueError):
            continue
        if root is not None:
            return XmlTree(root, repaired=True)
    return None


def _cut_to_root(text: str) -> str:
    """Return the text from its root element on, without XML declarations."""
    root = ROOT.search(text)
    text = text[root.start() :] if root else _remove_doctype(text.lstrip())
    return XML_DECLARATION.sub("", text)


def _drop_illegal_reference(match: re.Match[str]) -> str:
    code = _code_point(match)
    legal = code in {9, 10, 13} or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
    return f"&#{code};" if legal else ""


def _quote_attributes(tag: re.Match[str]) -> str:
    return UNQUOTED.sub(lambda match: match[0] if match[1] else f'{match[2]}"{match[3]}"', tag[0])


def _wrap_in_cdata(match: re.Match[str]) -> str:
    """Make HTML that was not escaped and is not well-formed the text that it should have been."""
    html = match[3]
    if "<" not in html or "<![CDATA[" in html or _is_well_formed(html):
        return match[0]
    return f"{match[1]}<![CDATA[{html.replace(']]>', ']]&gt;')}]]>"


def _is_well_formed(html: str) -> bool:
    """Return whether all tags of a piece of markup are well-formed and closed in order."""
    tags = TAG.findall(html)
    if len(tags) != html.count("<"):
        return False
    open_tags: list[str] = []
    for closing, name, empty in tags:
        if not closing and not empty:
            open_tags.append(name)
        elif closing and (not open_tags or open_tags.pop() != name):
            return False
    return not open_tags


def _escape(match: re.Match[str]) -> str:
    text, number, name = match[0], match[1], match[2]
    if text[0] == "<":
        return text if len(text) > 1 else "&lt;"
    if number or name in PREDEFINED_ENTITIES:
        return text
    # XHTML 1.0 before HTML 5: the two differ in `lang` and `rang`, and feeds are written with the older one.
    characters = chr(name2codepoint[name]) if name in name2codepoint else html5.get(f"{name};")
    if characters is None:
        return "&amp;" + text[1:]
    return "".join(ESCAPES.get(character, character) for character in characters)
