"""XML as text: elements of escaped texts, spelled as lxml spells them. Entries are written so, as it takes a tenth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

_NOT_IN_ATTRIBUTES = re.compile('[&<>"\t\n\r]')
# Control characters, which XML 1.0 cannot hold, are what is left without these bytes of UTF-8.
_LEGAL_BYTES = bytes(byte for byte in range(256) if byte >= 0x20 or byte in b"\t\n\r")


def escape_text(text: str) -> str:
    """Return a text as an element holds it."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    text = text.replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;") if "\r" in text else text


@lru_cache(maxsize=4)
def escape_html(html: str) -> str:
    """Return HTML as an element holds it; remembered, as one format after the other asks for it."""
    return escape_text(html)


def escape_attribute(text: str) -> str:
    """Return a text as the value of an attribute holds it."""
    if _NOT_IN_ATTRIBUTES.search(text):
        text = escape_text(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return text


def element(name: str, text: str | None, **attributes: str | None) -> str:
    """Return an element with a text and those of the attributes that have a value; "" where it has no text."""
    if not text:
        return ""
    return f"<{name}{_spell_attributes(attributes) if attributes else ''}>{escape_text(text)}</{name}>"


def empty_element(name: str, **attributes: str | None) -> str:
    """Return an element without content, with those of the attributes that have a value."""
    return f"<{name}{_spell_attributes(attributes)}/>"


def parent_element(name: str, content: str, **attributes: str | None) -> str:
    """Return an element with elements, if any, and those of the attributes that have a value."""
    start = f"<{name}{_spell_attributes(attributes)}"
    return f"{start}>{content}</{name}>" if content else f"{start}/>"


def _spell_attributes(attributes: Mapping[str, str | None]) -> str:
    text = ""
    for name, value in attributes.items():
        if value is not None:
            text += f' {name}="{escape_attribute(value)}"'
    return text


def encode_xml(text: str) -> bytes:
    """Return XML in UTF-8; raise ValueError where it contains a character that XML 1.0 cannot hold, as lxml does."""
    body = text.encode()
    if body.translate(None, _LEGAL_BYTES) or "\ufffe" in text or "\uffff" in text:
        raise ValueError("a text contains a character that XML cannot hold")
    return body
