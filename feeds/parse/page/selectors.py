"""Evaluation of a user's selectors: CSS, with `::text` and `::attr(name)`, or XPath."""

from __future__ import annotations

import re

from lxml import etree

from ...errors import FailureKind, ParseError
from .html_tree import Element

XPATH = re.compile(
    r"\s*(?:\.{0,2}/|\(|(?:string|normalize-space|concat|id|descendant|ancestor|following|child)\b.*[(:])"
)
_SMALL_PAGE = etree.XML("<html><body><article><h2><a href='/'>A story</a></h2><p/></article></body></html>")


def compile_selector(selector: str) -> etree.XPath:
    """Return a selector as a compiled XPath. Raises ValueError when it is neither CSS nor XPath."""
    from parsel import csstranslator  # only for sources that have selectors

    try:
        xpath = etree.XPath(selector if XPATH.match(selector) else csstranslator.css2xpath(selector))
        xpath(_SMALL_PAGE)  # functions and prefixes are looked up only now
    except (SyntaxError, RuntimeError, etree.XPathError, ValueError) as error:  # cssselect's errors are of these kinds
        raise ValueError(str(error)) from error
    return xpath


def select(root: Element, selector: str, name: str) -> list[Element | str]:
    """Return the elements that a selector matches, or texts where it selects texts.

    `name` is the setting it comes from. Raises ParseError when it is neither CSS nor XPath.
    """
    try:
        result = compile_selector(selector)(root)
    except (etree.XPathError, ValueError) as error:
        raise ParseError(
            f"`{name}: {selector}` is neither a CSS selector nor an XPath that can be followed: {error}.",
            kind=FailureKind.SELECTOR,
        ) from error
    matches = result if isinstance(result, list) else [str(result)]
    return [match if isinstance(match, Element) else str(match) for match in matches]
