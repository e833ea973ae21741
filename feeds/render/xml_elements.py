"""XML elements with and without a namespace, written the shortest way."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

XmlElement = etree._Element

# Every document declares all of them, whatever it holds, so that an article never changes the first line.
NAMESPACES: Mapping[str, str] = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "wfw": "http://wellformedweb.org/CommentAPI/",
}
ATOM_LINK = "{http://www.w3.org/2005/Atom}link"
ATOM_UPDATED = "{http://www.w3.org/2005/Atom}updated"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def tag(prefix: str, name: str) -> str:
    """Give the name of a namespaced element as lxml takes it."""
    return f"{{{NAMESPACES[prefix]}}}{name}"


def leaf(parent: XmlElement, name: str, value: str | None) -> None:
    """Append an element that holds a text; nothing when there is none."""
    if value:
        etree.SubElement(parent, name).text = value


def element(parent: XmlElement, name: str, **attributes: str | None) -> XmlElement:
    """Append an element with those of the attributes that have a value."""
    child = etree.SubElement(parent, name)
    for key, value in attributes.items():  # one by one: lxml takes a whole mapping more slowly
        if value is not None:
            child.set(key, value)
    return child


def rewrite(parent: XmlElement, name: str, value: str | None) -> None:
    """Give the element of that name another text."""
    for found in parent.findall(name):
        found.text = value


def drop(parent: XmlElement, name: str) -> None:
    """Take the element of that name away."""
    for found in parent.findall(name):
        parent.remove(found)
