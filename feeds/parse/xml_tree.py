"""From the text of an XML document to its tree, safely: no entities, no network, no instructions, bounded depth.

What is not well formed is repaired: junk cut off, entities of HTML spelled out, bare `&` escaped, and libxml2's own
recovery last. S11: the internal subset of a DOCTYPE never reaches the parser, so no entity is ever defined.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.entities import html5, name2codepoint

from lxml import etree

from .charset import C1


def _parser(recover: bool) -> etree.XMLParser:
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


STRICT = _parser(recover=False)
RECOVERING = _parser(recover=True)

_SUBSET = r"""\[(?:<!--.*?(?:-->|\Z)|"[^"]*+"|'[^']*+'|[^"'\]])*+\]"""
PROLOG = re.compile(r"(?:\s++|<\?.*?\?>|<!--.*?-->)*+(?=<!DOCTYPE)", re.S | re.I)
DOCTYPE_START = re.compile("<!DOCTYPE", re.I)
DOCTYPE = re.compile(rf"<!DOCTYPE(?:\"[^\"]*+\"|'[^']*+'|{_SUBSET}|[^>\"'\[])*+>", re.S | re.I)

ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]{0,40}:)?(?:rss|feed|RDF|channel|opml)(?=[\s>/])", re.I)
DECLARED = re.compile(r"<\?xml[^>]{0,200}\?>")
# §2.2 of XML 1.0: characters that no document may hold, as themselves or by number.
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
NUMBERED = re.compile(r"&#(?:0*(\d{1,7})|[xX]0*([0-9a-fA-F]{1,6}));?")
# C1 controls, as themselves or by number, mean the letters of Windows-1252 (HTML §13.2.5.80).
C1_LETTER = re.compile(rb"\xc2[\x80-\x9f]")
C1_REFERENCE = re.compile(r"&#(?:0{0,5}(1[2-5]\d)|[xX]0{0,5}([89][0-9a-fA-F]));")
# A CDATA section as it is; a `<` that opens nothing; an `&` with what it may refer to. An open section runs to the end:
# looking for its end again at every `<![CDATA[` would be quadratic.
LOOSE = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<(?![A-Za-z_/!?:])|&(?:(#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};)|([A-Za-z][A-Za-z0-9]{1,31});)?",
    re.S,
)
# Elements that hold HTML, up to their end and never past the next of their kind.
HOLDING = re.compile(
    r"(<(description|summary|content(?::encoded)?|title)(?:\s[^<>]*)?(?<!/)>)((?:[^<]++|<(?!/?\2[\s>]))*+)(?=</\2\s*>)"
)
TAG = re.compile(r"""<(/?)([A-Za-z_][\w.:-]*+)(?:\s++[\w.:-]++\s*+=\s*+(?:"[^<"]*+"|'[^<']*+'))*+\s*+(/?)>""")
PREDEFINED = {"amp", "lt", "gt", "quot", "apos"}
SPECIAL = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


@dataclass(frozen=True, slots=True)
class Tree:
    """The root element, and whether the document had to be repaired first."""

    root: etree._Element
    repaired: bool = False


def read(text: str) -> Tree | None:
    """The tree of an XML document, or none where nothing can be made of it."""
    text = _plain_prolog(text)
    try:
        if not PROLOG.match(text):
            return Tree(_parsed(text, STRICT))
    except (etree.XMLSyntaxError, ValueError):
        pass
    return _repaired(text)


def inert(text: str) -> str:
    """The document without its DOCTYPE and with illegal characters gone: safe for any other parser as well."""
    return NUMBERED.sub(_legal, ILLEGAL.sub("", _without_doctype(text)))


def _without_doctype(text: str) -> str:
    """The text without its first DOCTYPE. Looking for the end of each that has none would be quadratic (S15)."""
    start = DOCTYPE_START.search(text)
    found = DOCTYPE.match(text, start.start()) if start else None
    return text[: found.start()] + text[found.end() :] if found else text


def _parsed(text: str, parser: etree.XMLParser) -> etree._Element:
    body = text.encode("utf-8", "replace")
    if C1_LETTER.search(body):
        body = text.translate(C1).encode("utf-8", "replace")
    try:
        return etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        if getattr(error, "code", None) == etree.ErrorTypes.ERR_NO_MEMORY:  # no fault of the document's
            raise MemoryError from error
        raise


def _plain_prolog(text: str) -> str:
    text = text.lstrip("\ufeff")
    prolog = PROLOG.match(text)
    if prolog:
        text = text[: prolog.end()] + _without_doctype(text[prolog.end() :])
    return C1_REFERENCE.sub(_windows, text) if "&#" in text else text


def _windows(match: re.Match[str]) -> str:
    code = int(match[1]) if match[1] else int(match[2], 16)
    return chr(code).translate(C1) if 0x80 <= code <= 0x9F else match[0]


def _repaired(text: str) -> Tree | None:
    text = ILLEGAL.sub("", _from_root(text))
    if PROLOG.match(text):
        return None
    text = LOOSE.sub(_reference, NUMBERED.sub(_legal, text))
    wrapped = HOLDING.sub(_wrapped, text)
    for attempt, parser in ((text, STRICT), (wrapped, STRICT), (wrapped, RECOVERING)):
        try:
            root = _parsed(attempt, parser)
        except (etree.XMLSyntaxError, ValueError):
            continue
        if root is not None:
            return Tree(root, repaired=True)
    return None


def _from_root(text: str) -> str:
    """The text from its root element on: neither what stood before it nor a second declaration stays."""
    root = ROOT.search(text)
    text = text[root.start() :] if root else _without_doctype(text.lstrip())
    return DECLARED.sub("", text)


def _legal(match: re.Match[str]) -> str:
    code = int(match[1]) if match[1] else int(match[2], 16)
    legal = code in {9, 10, 13} or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
    return f"&#{code};" if legal else ""


def _wrapped(match: re.Match[str]) -> str:
    """Markup that was not escaped and does not nest either, made the text that it should have been."""
    inside = match[3]
    if "<" not in inside or "<![CDATA[" in inside or _nests(inside):
        return match[0]
    return f"{match[1]}<![CDATA[{inside.replace(']]>', ']]&gt;')}]]>"


def _nests(inside: str) -> bool:
    """Whether all tags of a piece of markup are well-formed and closed in turn."""
    tags = TAG.findall(inside)
    if len(tags) != inside.count("<"):
        return False
    open_tags: list[str] = []
    for closing, name, empty in tags:
        if not closing and not empty:
            open_tags.append(name)
        elif closing and (not open_tags or open_tags.pop() != name):
            return False
    return not open_tags


def _reference(match: re.Match[str]) -> str:
    found, number, name = match[0], match[1], match[2]
    if found[0] == "<":
        return found if len(found) > 1 else "&lt;"
    if number or name in PREDEFINED:
        return found
    # XHTML 1.0 before HTML 5: the two differ in `lang` and `rang`, and XML is written by the older one.
    letters = chr(name2codepoint[name]) if name in name2codepoint else html5.get(f"{name};")
    if letters is None:
        return "&amp;" + found[1:]
    return "".join(SPECIAL.get(letter, letter) for letter in letters)
