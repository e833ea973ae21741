"""Plain text: legal in XML, entities decoded once, and harmless even where a reader takes it for HTML."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from html import escape, unescape

# R6: what XML 1.0 forbids. `bytes.translate` deletes in C, five times faster than a search with a pattern.
_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32)])
_LINE_LENGTH = 200
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_SCRIPT_START = re.compile(r"<(script|style)\b[^<>]*>", re.IGNORECASE)
_SCRIPT_ENDS = {name: re.compile(rf"</{name}(?:[^<>]*>)?", re.IGNORECASE) for name in ("script", "style")}
# A tag with attributes, and one that is torn behind an attribute; `<me@a.example>` and `a<b then` are text.
_ACTIVE_TAG = re.compile(
    r"<(?!(?!script\b|style\b)[a-z][a-z0-9-]*\s*/?>|/[a-z][a-z0-9-]*\s*>|[a-z0-9][\w.+-]{0,64}@[\w.-]{1,255}>)"
    r"(?:[a-z/!?][^<>]*>|[/!?][^<>]*|(?:script|style)\b[^<>]*|[a-z][^<>=]*+=[^<>]*)",
    re.IGNORECASE,
)
_LABEL_TAG = re.compile(
    r"</?(?:a|abbr|acronym|address|b|bdi|big|blockquote|br|center|cite|code|dd|del|dfn|div|dl|dt|em|figcaption|figure"
    r"|font|h[1-6]|hr|i|img|ins|kbd|li|mark|nobr|ol|p|pre|q|s|samp|section|small|span|strike|strong|sub|sup|table|td"
    r"|th|time|tr|tt|u|ul|var|wbr)(?:\s[^<>]*)?/?>|<(?:a|div|font|img|span)\s[^<>]*$|</[a-z]*$|\A[^<>]*=[\"'][^<>]*>",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
_MAX_ESCAPINGS = 4
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")

LABEL_LIMIT = 2_000
SUMMARY_LIMIT = 500
# An address that a browser runs instead of opening it.
ACTIVE_ADDRESS = re.compile(r"\s*(?:(?:java|vb|live)script\s*:|data:\s*[a-z]+/)", re.IGNORECASE)


def strip_illegal_xml(text: str) -> str:
    """Return the text without the characters that XML 1.0 forbids (R6)."""
    if len(text) < _LINE_LENGTH and text.isprintable():  # so are most lines, and none of these characters
        return text
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return _ILLEGAL.sub("", text)
    if len(raw.translate(None, _CONTROLS)) == len(raw) and "\ufffe" not in text and "\uffff" not in text:
        return text
    return _ILLEGAL.sub("", text)


def collapse_whitespace(text: str) -> str:
    """Return the text as one line with single spaces."""
    return " ".join(text.split())


def to_ascii(text: str) -> str:
    """Return the ASCII letters and signs of a text in lower case, accents removed."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()


def digest(text: str) -> str:
    """Return the SHA-256 of a text as 64 hexadecimal digits; lone surrogates are digested too."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def make_inert(text: str) -> str:
    """Return plain text that runs nothing when a reader takes it for HTML (S8): tags with attributes are removed."""
    if "<" not in text:
        return text
    return collapse_whitespace(_ACTIVE_TAG.sub("", "".join(_split_at_scripts(text))))


def _split_at_scripts(text: str) -> Iterator[str]:
    """Yield what is outside the elements that run; each end is looked for once, however many starts lack one."""
    ends: dict[str, re.Match[str] | None] = {}
    kept_from = position = 0
    while start := _SCRIPT_START.search(text, position):
        position, name = start.end(), start[1].lower()
        end = ends.get(name)
        if name not in ends or (end and end.start() < position):
            end = ends[name] = _SCRIPT_ENDS[name].search(text, position)
        if end and end[0].endswith(">"):
            yield text[kept_from : start.start()]
            kept_from = position = end.end()
    yield text[kept_from:]


def is_inert(text: str) -> bool:
    """Return whether a text is harmless as it is, even to a reader that takes it for HTML or for an address."""
    return make_inert(text) == text and not ACTIVE_ADDRESS.match(text)


def clean_label(text: str | None) -> str:
    """Return a name, category or other short text as one line: legal, inert, at most `LABEL_LIMIT` characters.

    Markup around it is removed, whole or torn; `List<String>` is text.
    """
    if not text:
        return ""
    text = strip_illegal_xml(text[:LABEL_LIMIT])
    if "<" in text:
        text = _LABEL_TAG.sub("", text)
    return make_inert(collapse_whitespace(text))


@lru_cache(maxsize=2048)
def decode_label(text: str | None) -> str:
    """Return a clean label without the escaping that publishers often add: `Rock &amp; Roll` is `Rock & Roll`."""
    return clean_label(decode_references(text[:LABEL_LIMIT])) if text else ""


def decode_references(text: str) -> str:
    """Return plain text without character references, which its publisher escaped once too often or more."""
    for _ in range(_MAX_ESCAPINGS):
        if "&" not in text or not _REFERENCE.search(text):
            break
        text = unescape(text)
    return text


def excerpt(text: str, limit: int = SUMMARY_LIMIT) -> str:
    """Return the beginning of a text, at most `limit` characters, cut between words."""
    if len(text) <= limit:
        return text
    end = text.rfind(" ", limit // 2, limit)
    return text[: end if end > 0 else limit - 1].rstrip(" ,;:–-") + "…"


def wrap_paragraphs(text: str) -> str:
    """Return plain text as HTML: blank lines separate paragraphs, other line ends become `<br>`."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not lines:
        return ""
    blocks = _BLANK_LINES.split(escape(lines, quote=False).replace("\xa0", "&nbsp;"))  # as the cleaner spells it
    return "".join(f"<p>{block.strip().replace(chr(10), '<br>')}</p>" for block in blocks)
