"""What a user's selectors match: CSS, with `::text` and `::attr(name)`, or XPath."""

from __future__ import annotations

import re

from lxml import etree

from ...errors import ParseError
from .html_tree import Element

XPATH = re.compile(
    r"\s*(?:\.{0,2}/|\(|(?:string|normalize-space|concat|id|descendant|ancestor|following|child)\b.*[(:])"
)


def select(root: Element, selector: str, name: str) -> list[Element | str]:
    """Elements, or texts where the selector asks for texts; ParseError when it is neither CSS nor XPath.

    `name` is the setting it comes from.
    """
    from parsel import csstranslator  # only for sources that have selectors

    try:
        path = selector if XPATH.match(selector) else csstranslator.css2xpath(selector)
        found = root.xpath(path)
    except (SyntaxError, RuntimeError, etree.XPathError, ValueError) as error:  # cssselect's errors are of these kinds
        raise ParseError(
            f"`{name}: {selector}` is neither a CSS selector nor an XPath that can be followed: {error}.",
            kind="selector",
        ) from error
    matches = found if isinstance(found, list) else [str(found)]
    return [one if isinstance(one, Element) else str(one) for one in matches]
