"""Entries of RSS and Atom as feedgen makes them, with places for their texts.

To build an entry and to spell its tree as text takes feedgen and lxml ten times as long as to put texts into one. So
feedgen makes one entry for all articles that have the same fields, with the names of these in braces.
"""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

_NO_NAMESPACES: Mapping[str, str] = {}


def place(name: str) -> str:
    """Return the place of a text, for feedgen; `str.format_map` puts in the text with that name, escaped."""
    return f"{{{name}}}"


def spell_entry(entry: etree._Element, namespaces: Mapping[str, str] = _NO_NAMESPACES) -> str:
    """Return an entry as it stands in a document that declares these namespaces, without its end tag."""
    root = etree.Element("root", nsmap=dict(namespaces))
    root.append(entry)
    text = etree.tostring(root, encoding="unicode")
    return text[text.index(">") + 1 : text.rindex(f"</{entry.tag}>")]
