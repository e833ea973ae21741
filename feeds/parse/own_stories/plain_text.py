"""The reader of a story in plain text: headline, byline, paragraphs, and the date stamps of a newspaper's archive.

A saved page keeps boilerplate: a call to action, the date of its last update, a byline. It is recognised by its form,
and removed only where it stands: before the first and after the last paragraph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape

from ...model import Person, Story, Text
from ..fact_lines import split_date_stamp as split_date_stamp

BYLINE = re.compile(r"(?:By|Von|Par|Por|Di|Da|Door)\s+(?P<name>[^\W\d_][^,:;!?|]{2,78})", re.U)
# A call to action: what to do, and what for.
ACTION = re.compile(
    r"\W*(?:get|sign\s+up|subscribe|follow|join|register|log\s*in|read|see|watch|download|click|tap|receive|stay|keep|try"
    r"|enable|turn\s+on|share|print|e-?mail|skip|go|jump|back|return|support|send|visit)\b",
    re.I,
)
ACTION_OBJECT = re.compile(
    r"\b(?:latest|updates?|news(?:letter|letters|paper)?|alerts?|notifications?|browser|in-?box|e-?mail|app|free|today\W*$"
    r"|twitter|facebook|telegram|whatsapp|instagram|youtube|subscri\w+|breaking|headlines|home\s?page|main\s+page|menu"
    r"|content|navigation|front\s+page|this\s+(?:page|article|story)|archives?|us)\b",
    re.I,
)
# Boilerplate in any case.
BOILERPLATE = re.compile(
    r"\W*(?:advertisement|sponsored(?:\s+content)?|share|print|menu|home|comments?|search)\W*"
    r"|\s*(?:©|\(c\)|copyright\b|all\s+rights\s+reserved).*",
    re.I,
)
# A place in capitals, maybe a country or an agency, and a dash: how newspapers begin a story.
DATELINE = re.compile(r"[A-Z][A-Z.'’ -]{1,40}(?:,\s[\w.'’ -]{2,40})?(?:\s\([\w/ ]{2,30}\))?\s?(?:--|—|–|-)\s\S")
SENTENCE_END = re.compile(r"[.!?…:;][\"'”’)]*$")
# Date stamps are looked for in so many blocks.
LEADING_BLOCKS = 8
TRAILING_BLOCKS = 3
MAX_HEADLINE_LENGTH = 200


@dataclass(slots=True)
class PlainTextPage:
    """The blocks of a page, and what was taken out of them."""

    blocks: list[str]
    dates: dict[str, str] = field(default_factory=dict)  # `published` and `updated`
    byline: str | None = None
    blocks_before_stamp: int = 0


def read(text: str) -> Story:
    """Return the story of a plain text."""
    blocks = map(_strip_lines, re.split(r"\n[ \t\f\v\r]*\n", text.replace("\r\n", "\n")))
    page = PlainTextPage([block for block in blocks if block])
    _take_date_stamps(page)
    _remove_calls_to_action(page)
    title = _take_headline(page)
    _take_byline(page)
    found = dict.fromkeys(page.dates, "stamp")
    if title:
        found["title"] = "first line"
    if page.byline:
        found["people"] = "byline"
    return Story(
        title=Text(title, "text") if title else None,
        content=(Text(_format_paragraphs(page.blocks), "html"),) if page.blocks else (),
        published=page.dates.get("published"),
        updated=page.dates.get("updated"),
        people=(Person(page.byline),) if page.byline else (),
        found=found,
    )


def is_call_to_action(line: str) -> bool:
    """Return whether a line asks its reader to do something, or is other boilerplate."""
    if len(line) > MAX_HEADLINE_LENGTH:
        return False
    return bool(BOILERPLATE.fullmatch(line) or (ACTION.match(line) and ACTION_OBJECT.search(line)))


def _strip_lines(block: str) -> str:
    return "\n".join(line.strip() for line in block.strip().splitlines() if line.strip())


def _take_date_stamps(page: PlainTextPage) -> None:
    """Take date stamps out of the first and last blocks; the first one of each kind counts."""
    blocks: list[str] = []
    blocks_before_stamp: int | None = None
    for index, block in enumerate(page.blocks):
        is_leading = index < LEADING_BLOCKS
        near_edge = is_leading or index >= len(page.blocks) - TRAILING_BLOCKS
        lines = []
        for line in block.splitlines():
            parts = split_date_stamp(line) if near_edge else None
            if parts is None:
                lines.append(line)
                continue
            rest, dates = parts
            for kind, date in dates.items():
                page.dates.setdefault(kind, date)
            if blocks_before_stamp is None and is_leading:
                blocks_before_stamp = len(blocks) + bool(lines or rest)
            if rest:
                lines.append(rest)
        if lines:
            blocks.append("\n".join(lines))
    page.blocks = blocks
    page.blocks_before_stamp = blocks_before_stamp or 0


def _remove_calls_to_action(page: PlainTextPage) -> None:
    """Remove calls to action at both ends; before a date stamp also what is no headline, which then follows it."""
    blocks, before = page.blocks, page.blocks_before_stamp
    while len(blocks) > 1 and is_call_to_action(blocks[-1]):
        blocks.pop()
    while len(blocks) > 1 and is_call_to_action(blocks[0]) and (before > 0 or not _is_first_paragraph(blocks[1])):
        blocks.pop(0)
        before -= 1
    if 0 < before < len(blocks) - 1 and _is_headline(blocks[before]) and DATELINE.match(blocks[before + 1]):
        del blocks[:before]


def _is_first_paragraph(block: str) -> bool:
    """Return whether a block begins a story, so that the one before it is the headline."""
    return bool(DATELINE.match(block)) or len(block) > MAX_HEADLINE_LENGTH or bool(SENTENCE_END.search(block))


def _is_headline(block: str) -> bool:
    return "\n" not in block and len(block) <= MAX_HEADLINE_LENGTH and not block.endswith((".", ",", ";"))


def _take_headline(page: PlainTextPage) -> str | None:
    """Take the first line as the headline, unless it is a paragraph."""
    if not page.blocks:
        return None
    line, _, rest = page.blocks[0].partition("\n")
    if len(line) > MAX_HEADLINE_LENGTH or (DATELINE.match(line) and SENTENCE_END.search(line)):
        return None
    page.blocks[:1] = [rest] if rest else []
    return line


def _take_byline(page: PlainTextPage) -> None:
    if len(page.blocks) < 2:
        return
    line, _, rest = page.blocks[0].partition("\n")
    match = BYLINE.fullmatch(line)
    if match and not SENTENCE_END.search(line):
        page.byline = match["name"].strip()
        page.blocks[:1] = [rest] if rest else []


def _format_paragraphs(blocks: list[str]) -> str:
    return "\n".join(f"<p>{escape(block, quote=False)}</p>" for block in blocks)
