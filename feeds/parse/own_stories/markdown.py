"""The reader of a story in Markdown: CommonMark with tables; the headline is its first heading.

Before the headline may stand what is no prose: comments, badges, rules, a byline. It stays in the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from ...model import Story, Text
from .html import has_words, is_prose, split_heading

# HTML inside is kept: it is cleaned later, as that of feeds is.
MARKDOWN = MarkdownIt("commonmark").enable(["table"])
RENDERER = RendererHTML()


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of the document: its tokens, its text outside of links and heading, and the heading that it is or has."""

    tokens: Sequence[Token]
    text: str
    title: Text | None = None
    level: int = 0  # of the heading
    rest: str = ""  # HTML beside the heading


def read(text: str) -> Story:
    """Return the story of a Markdown text."""
    blocks = list(_blocks(MARKDOWN.parse(text)))
    headline = _find_headline(blocks)
    parts = (block.rest if block is headline else _render(block.tokens) for block in blocks)
    content = "".join(parts).strip()
    return Story(
        title=headline.title if headline else None,
        content=(Text(content, "html"),) if content else (),
        found={"title": "heading"} if headline else {},
    )


def _find_headline(blocks: Sequence[_Block]) -> _Block | None:
    """Return the first heading of the highest level before any prose, or else the only first-level heading."""
    headings: list[_Block] = []
    for block in blocks:
        if block.title:
            headings.append(block)
        if is_prose(block.text):
            break
    top_level = [block for block in blocks if block.level == 1]
    return min(headings, key=lambda block: block.level, default=top_level[0] if len(top_level) == 1 else None)


def _blocks(tokens: Sequence[Token]) -> Iterator[_Block]:
    start = depth = 0
    for end, token in enumerate(tokens, 1):
        depth += token.nesting
        if depth == 0:
            yield _make_block(tokens[start:end])
            start = end


def _make_block(tokens: Sequence[Token]) -> _Block:
    first = tokens[0]
    if first.type == "html_block":
        title, level, text, rest = split_heading(first.content)
        return _Block(tokens, text, Text(title, "text") if title else None, level, rest)
    if first.type == "heading_open" and has_words(_text(tokens, with_links=True)):
        title = RENDERER.renderInline(tokens[1].children or (), MARKDOWN.options, {}).strip()
        return _Block(tokens, "", Text(title, "html"), int(first.tag[1:]))
    return _Block(tokens, _text(tokens))


def _text(tokens: Iterable[Token], *, with_links: bool = False) -> str:
    """Return the text of tokens without that of pictures and, unless `with_links`, of links."""
    parts, depth = [], 0
    for token in tokens:
        if token.type == "inline":
            parts.append(_text(token.children or (), with_links=with_links))
        elif token.type in ("link_open", "link_close"):
            depth += token.nesting
        elif token.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif token.type not in ("image", "html_inline") and (with_links or not depth):
            parts.append(token.content)
    return "".join(parts)


def _render(tokens: Sequence[Token]) -> str:
    return RENDERER.render(tokens, MARKDOWN.options, {})
