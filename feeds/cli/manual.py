"""A page of the manual as blocks, and how it is written: for man(1) in the language of man(7), or as plain text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .. import __version__

WIDTH = 96  # of plain text, at most
INDENT = 4


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `level` 2 is below 1."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, in which what stands between backquotes is to be typed as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A name, what it means, and an example."""

    name: str
    text: str
    example: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines of a program, a file or a terminal, as they are."""

    text: str


ManualBlock = Heading | Paragraph | Definition | Listing


@dataclass(frozen=True, slots=True)
class ManualPage:
    """A page: its name, the section of the manual that it belongs to, one line on it, and the rest."""

    name: str
    section: int
    summary: str
    blocks: tuple[ManualBlock, ...]


def paragraphs(text: str) -> Iterator[ManualBlock]:
    """Yield the paragraphs of a text, such as a docstring."""
    for paragraph in textwrap.dedent(text).strip().split("\n\n"):
        yield Paragraph(" ".join(paragraph.split()))


# ── man(7) ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def render_man(page: ManualPage) -> str:
    """Return a page in the language of man(7)."""
    title = f'.TH {page.name.upper()} {page.section} "" "feeds {__version__}"'
    lines = [title, ".SH NAME", f"{_escape(page.name)} \\- {_escape(page.summary)}"]
    return "".join(f"{line}\n" for line in [*lines, *(line for block in page.blocks for line in _man_lines(block))])


def _man_lines(block: ManualBlock) -> Iterable[str]:
    match block:
        case Heading(text, level):
            return [f'.S{"HS"[level - 1]} "{_escape(text)}"' if level > 1 else f".SH {_escape(text)}"]
        case Paragraph(text):
            return [".PP", _escape(text)]
        case Definition(name, text, example):
            shown = [".br", _escape(f"Example: `{example}`")] if example else []
            return [".TP", _escape(f"`{name}`"), _escape(text), *shown]
        case Listing(text):
            return [".PP", ".RS 4", ".EX", *map(_escape_line, text.rstrip("\n").split("\n")), ".EE", ".RE"]


def _escape(text: str) -> str:
    """Return a text on one line that is shown as it is, what stands between backquotes in bold."""
    line = _escape_line(" ".join(text.split()))
    return re.sub(r"`([^`]+)`", r"\\fB\1\\fR", line)


def _escape_line(line: str) -> str:
    line = line.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{line}" if line.startswith((".", "'")) else line


# ── plain text ──────────────────────────────────────────────────────────────────────────────────────────────────────


def render_text(page: ManualPage, width: int = WIDTH) -> str:
    """Return a page as plain text of so many columns, listings apart, whose lines are not broken."""
    lines = ["NAME", *_wrap(f"{page.name} - {page.summary}", INDENT, width)]
    for block in page.blocks:
        block_lines = [*_text_lines(block, min(width, WIDTH))]
        lines += block_lines if block_lines[0] or lines[-1] else block_lines[1:]  # one empty line between two blocks
    return "\n".join(lines) + "\n"


def _text_lines(block: ManualBlock, width: int) -> Iterable[str]:
    match block:
        case Heading(text, level):
            return ["", " " * (INDENT // 2) * (level - 1) + text.replace("`", "")]
        case Paragraph(text):
            return [*_wrap(text, INDENT, width), ""]
        case Definition(name, text, example):
            shown = [" " * 2 * INDENT + f"Example:  {example}"] if example else []
            return [" " * INDENT + name, *_wrap(text, 2 * INDENT, width), *shown]
        case Listing(text):
            return ["", *(f"{' ' * 2 * INDENT}{line}".rstrip() for line in text.rstrip("\n").split("\n")), ""]


def _wrap(text: str, indent: int, width: int) -> list[str]:
    lines = textwrap.wrap(text, max(width - indent, 20), break_long_words=False, break_on_hyphens=False)
    return [" " * indent + line for line in lines]
