"""The reader of a story in Markdown: CommonMark with tables; a first-level heading at its start is its title."""

from __future__ import annotations

from markdown_it import MarkdownIt

from ...model import Story, Text

# HTML inside is kept: it is cleaned later, as that of feeds is.
MARKDOWN = MarkdownIt("commonmark").enable(["table"])


def read(text: str) -> Story:
    """Return the story of a Markdown text."""
    tokens = MARKDOWN.parse(text)
    title = None
    if len(tokens) > 2 and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        title = Text(MARKDOWN.renderInline(tokens[1].content).strip(), "html")
        tokens = tokens[3:]
    html = MARKDOWN.renderer.render(tokens, MARKDOWN.options, {}).strip()
    found = {"title": "heading"} if title else {}
    return Story(title=title, content=(Text(html, "html"),) if html else (), found=found)
