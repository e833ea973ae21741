"""In which charset a document is written: decided once, from byte order mark, header, declaration and bytes.

F29: a label that the bytes contradict is not believed; UTF-7 is never an answer; the same bytes get the same answer.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cchardet

# Longest first: the mark of UTF-32-LE begins with that of UTF-16-LE.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# What a document looks like that begins with `<` or `{` (or white space) and has no mark.
UNMARKED = (
    (re.compile(rb"[<{\s]\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0[<{\s]"), "utf-32-be"),
    (re.compile(rb"[<{\s]\0[^\0]\0"), "utf-16-le"),
    (re.compile(rb"\0[<{\s]\0[^\0]"), "utf-16-be"),
)

# Labels stand for the larger set that publishers mean by them (WHATWG Encoding §4.2).
MEANT = {
    "ascii": "windows-1252",
    "iso8859-1": "windows-1252",
    "cp1252": "windows-1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "johab": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "utf-8-sig": "utf-8",
}
NEVER = {"utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
# Whoever writes UTF-8 with several bytes to a letter did not write one of these.
DOUBTFUL = re.compile(r"windows-1252|cp125\d|cp874|iso8859-\d+|koi8-\w|mac\w*|cp(?:437|850|85\d|866)|hp-roman8")
WIDE = ("utf-16", "utf-32")

DECLARATION = re.compile(rb"""\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']\s*([A-Za-z0-9._:-]{1,40})\s*["']""")
SAMPLE = 100_000
# Bytes that Windows-1252 gives a letter where ISO-8859-1 has a control character; five of them it leaves undefined.
C1 = {byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)}
STRAY = {0xDC00 + byte: C1.get(byte, chr(byte)) for byte in range(0x80, 0x100)}


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a document, in which charset it was, and a sentence when a label turned out to be wrong."""

    text: str
    encoding: str
    warning: str | None = None


def decode(body: bytes, header: str | None) -> Decoded:
    """The text of `body`; `header` is the charset of the Content-Type, if any."""
    marked = next(((mark, name) for mark, name in MARKS if body.startswith(mark)), None)
    if marked:
        mark, name = marked
        return _marked(body[len(mark) :], name)
    labels = _labels(body, header)
    if body.isascii() and b"\x1b" not in body and b"\0" not in body:
        return Decoded(body.decode("ascii"), next((name for _, name in labels if not name.startswith(WIDE)), "utf-8"))
    return _unmarked(body, labels)


@lru_cache(maxsize=256)
def known(label: str | None) -> str | None:
    """The charset a label means, or none for what is no charset of documents."""
    if not label:
        return None
    try:
        name = codecs.lookup(label.strip().strip("\"'").removeprefix("x-").removeprefix("X-")).name
        b"a".decode(name)  # refuses codecs from bytes to bytes
    except UnicodeError:
        pass  # half a letter of a wide charset
    except (LookupError, ValueError):
        return None
    return None if name in NEVER else MEANT.get(name, name)


def _marked(rest: bytes, name: str) -> Decoded:
    try:
        return Decoded(rest.decode(name), name)
    except UnicodeDecodeError:
        text = _patched(rest) if name == "utf-8" else rest.decode(name, "replace")
        return Decoded(text, name, f"some bytes are not {name}")


def _labels(body: bytes, header: str | None) -> list[tuple[str, str]]:
    """What is said about the charset, best word first, as (who says it, charset).

    ISO-8859-1 in a header is mostly the server's default, so that the document's own word counts more.
    """
    outer, inner = ("the HTTP header", known(header)), ("the XML declaration", known(_declared(body)))
    said = (inner, outer) if outer[1] == "windows-1252" and inner[1] else (outer, inner)
    return [(who, name) for who, name in said if name]


def _declared(body: bytes) -> str | None:
    match = DECLARATION.match(body)
    return match[1].decode("ascii") if match else None


def _unmarked(body: bytes, labels: list[tuple[str, str]]) -> Decoded:
    refused: str | None = None
    for who, name in _candidates(body, labels):
        text = _strict(body, name)
        if text is not None:
            lied = refused or _doubted(labels, name)
            return Decoded(
                text, name, f"{lied} names another charset than {name}, which the bytes are" if lied else None
            )
        refused = refused or who
    if _mostly_utf8(body):
        return Decoded(_patched(body), "utf-8", "some bytes are not utf-8")
    return _guessed(body, refused)


def _candidates(body: bytes, labels: list[tuple[str, str]]) -> Iterator[tuple[str | None, str]]:
    """What to try, in order: wide forms seen in the bytes, UTF-8 before single-byte labels, labels, UTF-8."""
    yield from ((None, name) for pattern, name in UNMARKED if pattern.match(body))
    if labels and DOUBTFUL.fullmatch(labels[0][1]):
        yield None, "utf-8"
    for who, name in labels:
        if not name.startswith(WIDE) and not (DOUBTFUL.fullmatch(name) and _mostly_utf8(body)):
            yield who, name
    if not labels:
        yield None, "utf-8"


def _doubted(labels: list[tuple[str, str]], name: str) -> str | None:
    return labels[0][0] if labels and labels[0][1] != name else None


def _strict(body: bytes, name: str) -> str | None:
    if name == "windows-1252":
        return body.decode("latin-1").translate(C1)
    try:
        return body.decode(name)
    except (UnicodeError, ValueError):
        return None


def _mostly_utf8(body: bytes) -> bool:
    """Whether letters of several bytes outnumber the stray ones: UTF-8 with a few foreign bytes in it."""
    letters = body.decode("utf-8", "ignore")
    stray = len(body) - len(letters.encode("utf-8"))
    return len(letters) - len(letters.encode("ascii", "ignore")) >= stray


def _patched(body: bytes) -> str:
    """UTF-8 in which each foreign byte is read as Windows-1252."""
    return body.decode("utf-8", "surrogateescape").translate(STRAY)


def _guessed(body: bytes, refused: str | None) -> Decoded:
    """What the letters look like. Tags would only dilute them, and cost time."""
    answer = cchardet.detect(re.sub(rb"<[^<>]{1,500}>", b" ", body[:SAMPLE]))
    name = known(answer["encoding"]) or "windows-1252"
    text = _strict(body, name)
    if text is None:
        text = body.decode(name, "replace")
    said = f"{refused} names another charset" if refused else "no charset is named"
    return Decoded(text, name, f"{said}; the letters look like {name}")
