"""The tags of clean HTML, and the text between them."""

from __future__ import annotations

import re
from html import unescape

REST_OF_TAG = r"""[^<>"']*(?:(?:"[^"]*"|'[^']*')[^<>"']*)*>"""  # to the end of a tag; `>` may stand in an attribute
TAG = re.compile(rf"</?[a-zA-Z]{REST_OF_TAG}")
_BLOCK_TAG = re.compile(
    r"</?(?:address|article|aside|blockquote|br|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|img|li|main|nav"
    rf"|ol|p|pre|section|table|tbody|td|tfoot|th|thead|tr|ul|video|audio)\b{REST_OF_TAG}",
    re.IGNORECASE,
)
_TORN_END = re.compile(r"<[^<>]*\Z|&#?\w*\Z")


def strip_tags(html: str) -> str:
    """Return the text on one line: blocks keep their words apart, inline markup does not split a word."""
    return " ".join(unescape(TAG.sub("", _BLOCK_TAG.sub(" ", html))).split())


def opening_text(html: str, length: int) -> str:
    """Return the text of the first `length` characters of HTML; a tag or an entity that is cut there is left out."""
    return strip_tags(html if len(html) <= length else _TORN_END.sub("", html[:length]))
