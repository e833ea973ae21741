"""The reader of a story in plain text: headline, paragraphs, and what a newspaper's archive leaves around them.

A saved page keeps its furniture: a banner that calls for something, the stamp of its last update, a byline. They are
told from the story by what they are, and only where they stand: before the first and after the last paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from ...model import Person, Story, Text

DATE = (
    r"(?P<date>(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}\.?\s+(?:de\s+)?[^\W\d]{3,10}\.?,?\s+(?:de\s+)?\d{4}"
    r"|(?:[^\W\d]{3,9}\.?,\s+)?[^\W\d]{3,10}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4})"
    r"(?:[T,\s]+(?:at\s+|um\s+|à\s+)?\d{1,2}[:.h]\d{2}(?::\d{2})?(?:\s*[ap]\.?m\.?)?(?:\s*(?:[A-Z]{2,5}|Z|[+-]\d{2}:?\d{2}))?)?)"
)
UPDATED = (
    r"(?:(?:last|page|story|this\s+(?:page|story|article)(?:\s+was)?)\s+)*(?:last\s+)?(?:updated?|modified|revised|changed)"
    r"|zuletzt\s+(?:aktualisiert|geändert)|aktualisiert|stand|mis\s+à\s+jour|dernière\s+(?:mise\s+à\s+jour|modification)"
    r"|(?:última\s+)?actualización|actualizado|ultimo\s+aggiornamento|aggiornato|(?:última\s+)?atualização|atualizado"
    r"|laatst\s+(?:bijgewerkt|gewijzigd)|обновлено"
)
PUBLISHED = r"(?:first\s+)?(?:published|posted)|veröffentlicht|publié|publicado|pubblicato|gepubliceerd|опубликовано"
JOIN = r"\s*(?:on|at|am|le|el|il|em|op)?\s*[:–—-]?\s*(?:on\s+|am\s+|le\s+)?"
STAMP = re.compile(rf"(?P<before>.*?)\b(?:(?P<updated>{UPDATED})|(?P<published>{PUBLISHED})){JOIN}{DATE}\W*", re.I)
BYLINE = re.compile(r"(?:By|Von|Par|Por|Di|Da|Door)\s+(?P<name>[^\W\d_][^,:;!?|]{2,78})", re.U)
# A call to the reader: what to do, and what for.
CALL = re.compile(
    r"\W*(?:get|sign\s+up|subscribe|follow|join|register|log\s*in|read|see|watch|download|click|tap|receive|stay|keep|try"
    r"|enable|turn\s+on|share|print|e-?mail|skip|go|jump|back|return|support|send|visit)\b",
    re.I,
)
WHAT_FOR = re.compile(
    r"\b(?:latest|updates?|news(?:letter|letters|paper)?|alerts?|notifications?|browser|in-?box|e-?mail|app|free|today"
    r"|twitter|facebook|telegram|whatsapp|instagram|youtube|subscri\w+|breaking|headlines|home\s?page|main\s+page|menu"
    r"|content|navigation|front\s+page|this\s+(?:page|article|story)|archives?|us)\b",
    re.I,
)
# Furniture for certain, whatever it wants.
ALONE = re.compile(
    r"\W*(?:advertisement|sponsored(?:\s+content)?|share|print|menu|home|comments?|search)\W*"
    r"|\s*(?:©|\(c\)|copyright\b|all\s+rights\s+reserved).*",
    re.I,
)
# A place in capitals, maybe a country or an agency, and a dash, as newspapers open their stories.
DATELINE = re.compile(r"[A-Z][A-Z.'’ -]{1,40}(?:,\s[\w.'’ -]{2,40})?(?:\s\([\w/ ]{2,30}\))?\s?(?:--|—|–|-)\s\S")
ENDS = re.compile(r"[.!?…:;][\"'”’)]*$")
FURTHEST = 8
HEADLINE = 200


@dataclass(slots=True)
class PlainTextPage:
    """The blocks of a page, and what its furniture said."""

    blocks: list[str]
    said: dict[str, str] = field(default_factory=dict)
    byline: str | None = None
    stamp_at: int | None = None  # how many blocks stood before the first stamp


def read(text: str) -> Story:
    """The story of a plain text."""
    page = PlainTextPage(
        [block for block in map(_tidy, re.split(r"\n[ \t\f\v\r]*\n", text.replace("\r\n", "\n"))) if block]
    )
    _take_stamps(page)
    _take_banners(page)
    title = _take_headline(page)
    _take_byline(page)
    found = dict.fromkeys(page.said, "stamp")
    if title:
        found["title"] = "first line"
    if page.byline:
        found["people"] = "byline"
    return Story(
        title=Text(title, "text") if title else None,
        content=(Text(_paragraphs(page.blocks), "html"),) if page.blocks else (),
        published=page.said.get("published"),
        updated=page.said.get("updated"),
        people=(Person(page.byline),) if page.byline else (),
        found=found,
    )


def split_date_stamp(line: str) -> tuple[str, Mapping[str, str]] | None:
    """What is left of a line without its stamp, and the date of the stamp; none where the line has no stamp."""
    if len(line) > HEADLINE:
        return None
    match = STAMP.fullmatch(line)
    if not match:
        return None
    kind = "updated" if match["updated"] else "published"
    return match["before"].strip(" \t.|·•-–—"), {kind: match["date"].strip()}


def is_call_to_action(line: str) -> bool:
    """Whether a line wants something of its reader rather than telling a story."""
    if len(line) > HEADLINE:
        return False
    return bool(ALONE.fullmatch(line) or (CALL.match(line) and WHAT_FOR.search(line)))


def _tidy(block: str) -> str:
    return "\n".join(line.strip() for line in block.strip().splitlines() if line.strip())


def _take_stamps(page: PlainTextPage) -> None:
    """Take stamps out of the first and last blocks; the first of each kind counts."""
    blocks: list[str] = []
    last = len(page.blocks)
    for at, block in enumerate(page.blocks):
        near_edge = at < FURTHEST or at >= last - 3
        lines = []
        for line in block.splitlines():
            taken = split_date_stamp(line) if near_edge else None
            if taken is None:
                lines.append(line)
                continue
            rest, said = taken
            for kind, date in said.items():
                page.said.setdefault(kind, date)
            if page.stamp_at is None and at < FURTHEST:
                page.stamp_at = len(blocks) + bool(lines or rest)
            if rest:
                lines.append(rest)
        if lines:
            blocks.append("\n".join(lines))
    page.blocks = blocks


def _take_banners(page: PlainTextPage) -> None:
    """Take calls off both ends; before a stamp also what is no headline, because that one follows the stamp."""
    blocks = page.blocks
    while len(blocks) > 1 and is_call_to_action(blocks[-1]):
        blocks.pop()
    before = page.stamp_at or 0
    while len(blocks) > 1 and is_call_to_action(blocks[0]) and (before > 0 or not _opens(blocks[1])):
        blocks.pop(0)
        before -= 1
    if 0 < before < len(blocks) - 1 and _is_headline(blocks[before]) and DATELINE.match(blocks[before + 1]):
        del blocks[:before]


def _opens(block: str) -> bool:
    """Whether a block is the first paragraph of a story, so that the one before it is the headline."""
    return bool(DATELINE.match(block)) or len(block) > HEADLINE or bool(ENDS.search(block))


def _is_headline(block: str) -> bool:
    return "\n" not in block and len(block) <= HEADLINE and not block.endswith((".", ",", ";"))


def _take_headline(page: PlainTextPage) -> str | None:
    """The first line is the headline, unless it is a paragraph of its own."""
    if not page.blocks:
        return None
    first, _, rest = page.blocks[0].partition("\n")
    if len(first) > HEADLINE or (DATELINE.match(first) and ENDS.search(first)):
        return None
    page.blocks[:1] = [rest] if rest else []
    return first


def _take_byline(page: PlainTextPage) -> None:
    if len(page.blocks) < 2:
        return
    first, _, rest = page.blocks[0].partition("\n")
    match = BYLINE.fullmatch(first)
    if match and not ENDS.search(first):
        page.byline = match["name"].strip()
        page.blocks[:1] = [rest] if rest else []


def _paragraphs(blocks: list[str]) -> str:
    return "\n".join(f"<p>{escape(block, quote=False)}</p>" for block in blocks)
