"""The charset of a document, decided from byte order mark, HTTP header, XML declaration and bytes.

F29: a label that the bytes contradict is not believed; UTF-7 is never used; the same bytes give the same result.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cchardet

# UTF-32-LE comes before UTF-16-LE, with whose mark its own begins.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# How a document without a mark begins: with `<`, `{` or white space.
WIDE_PATTERNS = (
    (re.compile(rb"[<{\s]\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0[<{\s]"), "utf-32-be"),
    (re.compile(rb"[<{\s]\0[^\0]\0"), "utf-16-le"),
    (re.compile(rb"\0[<{\s]\0[^\0]"), "utf-16-be"),
)

# A label stands for the larger charset that publishers mean by it (WHATWG Encoding §4.2).
LARGER_CHARSETS = {
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
UNSAFE_CODECS = {"utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
# A document with valid UTF-8 sequences is not in one of these, whatever its label says.
SINGLE_BYTE = re.compile(r"windows-1252|cp125\d|cp874|iso8859-\d+|koi8-\w|mac\w*|cp(?:437|850|85\d|866)|hp-roman8")
WIDE_PREFIXES = ("utf-16", "utf-32")

DECLARATION = re.compile(rb"""\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']\s*([A-Za-z0-9._:-]{1,40})\s*["']""")
UTF8_PAGE = re.compile(rb"<meta\b[^<>]{0,200}?\bcharset\s*=\s*[\"']?\s*utf-?8\b", re.I)
MAX_PAGE_HEAD = 4_096
DETECTION_BYTES = 100_000
# Text of another charset passes for UTF-8 with a few characters, hardly with so many.
MIN_UTF8_CHARACTERS = 10
# Fewer letters outside ASCII than these tell no charset from another.
MIN_DETECTED_LETTERS = 25
# Charsets that detectors see in short texts, and that hardly anybody writes any more.
OLD_CHARSETS = re.compile(r"cp\d{3}|mac\w*|hp-roman8")
# What texts in Windows-1252 do not hold: three letters outside ASCII in a row, a word of two of them, a capital behind
# a small letter, a sign inside a word, and signs that hardly anybody writes.
_ASCII, _LETTERS, _CAPITALS = "A-Za-z", "À-ÖØ-öø-ÿŠšŒœŽžŸ", "À-ÖØ-ÞŠŒŽŸ"
NOT_WINDOWS_1252 = re.compile(
    rf"[{_LETTERS}]{{3}}|(?<![{_ASCII}{_LETTERS}])[{_LETTERS}]{{2}}(?![{_ASCII}{_LETTERS}])"
    rf"|[a-zà-öø-ÿšœž][{_CAPITALS}]|[\x80-\x9f¤¦¬¯³¸¹ƒˆ˜†‡‰]|[¢£¥µ€ªº][{_ASCII}{_LETTERS}]"
    rf"|[{_ASCII}{_LETTERS}](?![’‘·\xad])[^\x00-\x7f{_LETTERS}]++(?=[{_ASCII}{_LETTERS}])"
)
# Only Japanese text holds so much Hiragana, which detectors overlook in short texts.
JAPANESE, HIRAGANA, MAX_LETTERS_PER_HIRAGANA = ("cp932", "euc_jp"), re.compile("[ぁ-ゖ]"), 5
# C1 control characters of ISO-8859-1 → Windows-1252, which leaves five of them undefined.
C1 = {byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)}
# Surrogate escapes of single bytes → Windows-1252.
SURROGATES = {0xDC00 + byte: C1.get(byte, chr(byte)) for byte in range(0x80, 0x100)}


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text of a document, its charset, a warning where a label was wrong, and the bytes where they are UTF-8."""

    text: str
    encoding: str
    warning: str | None = None
    utf8: bytes | None = None


def decode(body: bytes, header: str | None) -> DecodedText:
    """Return the text of `body`; `header` is the charset of Content-Type, if any."""
    for mark, name in BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return _decode_marked(body[len(mark) :], name)
    labels = _find_labels(body, header)
    if body.isascii() and b"\x1b" not in body and b"\0" not in body:
        name = next((name for _, name in labels if not name.startswith(WIDE_PREFIXES)), "utf-8")
        return DecodedText(body.decode("ascii"), name, utf8=body)
    return _decode_unmarked(body, labels)


@lru_cache(maxsize=256)
def normalize_label(label: str | None) -> str | None:
    """Return the charset that a label means, or None where it is not a charset of documents."""
    if not label:
        return None
    try:
        name = codecs.lookup(label.strip().strip("\"'").removeprefix("x-").removeprefix("X-")).name
        b"a".decode(name)  # raises LookupError for codecs from bytes to bytes
    except UnicodeError:
        pass  # half a character of a wide charset
    except (LookupError, ValueError):
        return None
    return None if name in UNSAFE_CODECS else LARGER_CHARSETS.get(name, name)


def _decode_marked(body: bytes, name: str) -> DecodedText:
    try:
        return DecodedText(body.decode(name), name)
    except UnicodeDecodeError:
        text = _decode_mixed_utf8(body) if name == "utf-8" else body.decode(name, "replace")
        return DecodedText(text, name, f"some bytes are not {name}")


def _find_labels(body: bytes, header: str | None) -> list[tuple[str, str]]:
    """Return the labels as (where it stands, charset), the most reliable first.

    ISO-8859-1 in a header is mostly the server's default, so the document's own label comes first then.
    """
    match = DECLARATION.match(body)
    declared = normalize_label(match[1].decode("ascii")) if match else None
    outer, inner = ("the HTTP header", normalize_label(header)), ("the XML declaration", declared)
    labels = (inner, outer) if outer[1] == "windows-1252" and declared else (outer, inner)
    return [(place, name) for place, name in labels if name]


def _decode_unmarked(body: bytes, labels: list[tuple[str, str]]) -> DecodedText:
    wrong_label: str | None = None
    for place, name in _candidate_charsets(body, labels):
        text = _decode_strictly(body, name)
        if text is not None:
            if not wrong_label and labels and labels[0][1] != name:
                wrong_label = labels[0][0]
            warning = f"{wrong_label} names another charset than {name}, which the bytes are" if wrong_label else None
            return DecodedText(text, name, warning, body if name == "utf-8" else None)
        wrong_label = wrong_label or place
    if _is_mostly_utf8(body):
        return DecodedText(_decode_mixed_utf8(body), "utf-8", "some bytes are not utf-8")
    return _decode_detected(body, wrong_label)


def _candidate_charsets(body: bytes, labels: list[tuple[str, str]]) -> Iterator[tuple[str | None, str]]:
    """Yield what to try, in order: wide charsets seen in the bytes, UTF-8 before a label that it disproves, labels."""
    yield from ((None, name) for pattern, name in WIDE_PATTERNS if pattern.match(body))
    first = labels[0][1] if labels else "utf-8"
    if first != "utf-8" and (SINGLE_BYTE.fullmatch(first) or _is_certainly_utf8(body, labels)):
        yield None, "utf-8"
    is_said = any(name == "utf-8" for _, name in labels)
    for place, name in labels:
        is_doubtful = SINGLE_BYTE.fullmatch(name) or (is_said and name != "utf-8")
        if not name.startswith(WIDE_PREFIXES) and not (is_doubtful and _is_mostly_utf8(body)):
            yield place, name
    if not labels:
        yield None, "utf-8"


def _is_certainly_utf8(body: bytes, labels: list[tuple[str, str]]) -> bool:
    """Return whether a multi-byte label is wrong: the bytes are UTF-8, and the document says so or is long enough."""
    text = _decode_strictly(body, "utf-8")
    if text is None:
        return False
    is_said = any(name == "utf-8" for _, name in labels) or body.lstrip().startswith(b"{")  # RFC 8259 §8.1
    is_said = is_said or UTF8_PAGE.search(body, 0, MAX_PAGE_HEAD) is not None
    return is_said or len(text) - len(text.encode("ascii", "ignore")) >= MIN_UTF8_CHARACTERS


def _decode_strictly(body: bytes, name: str) -> str | None:
    if name == "windows-1252":
        return body.decode("latin-1").translate(C1)
    try:
        return body.decode(name)
    except (UnicodeError, ValueError):
        return None


def _is_mostly_utf8(body: bytes) -> bool:
    """Return whether multi-byte characters outnumber invalid bytes: UTF-8 with a few bytes of another charset."""
    text = body.decode("utf-8", "ignore")
    invalid = len(body) - len(text.encode("utf-8"))
    return len(text) - len(text.encode("ascii", "ignore")) >= invalid


def _decode_mixed_utf8(body: bytes) -> str:
    """Decode UTF-8, and each byte that is invalid there as Windows-1252."""
    return body.decode("utf-8", "surrogateescape").translate(SURROGATES)


def _decode_detected(body: bytes, wrong_label: str | None) -> DecodedText:
    """Decode by the charset detected from the letters; tags are left out, as they dilute them and cost time."""
    sample = re.sub(rb"<[^<>]{1,500}>", b" ", body[:DETECTION_BYTES])
    name = _detect_charset(sample)
    text = _decode_strictly(body, name)
    if text is None:
        text = body.decode(name, "replace")
    reason = f"{wrong_label} names another charset" if wrong_label else "no charset is named"
    return DecodedText(text, name, f"{reason}; the letters look like {name}")


def _detect_charset(sample: bytes) -> str:
    """Return the charset that the letters look like: Windows-1252 where they are few or look like an old charset."""
    text = sample.decode("latin-1").translate(C1)
    is_readable = NOT_WINDOWS_1252.search(text) is None
    if is_readable and len(sample) - len(sample.decode("ascii", "ignore")) < MIN_DETECTED_LETTERS:
        return "windows-1252"
    for charset in JAPANESE:
        japanese = _decode_strictly(sample, charset) or ""
        letters = len(japanese) - len(japanese.encode("ascii", "ignore"))
        if letters and len(HIRAGANA.findall(japanese)) * MAX_LETTERS_PER_HIRAGANA >= letters:
            return charset
    name = normalize_label(cchardet.detect(sample)["encoding"])
    return "windows-1252" if name in (None, "utf-8") or (is_readable and OLD_CHARSETS.fullmatch(name)) else name
