"""What holds of listings of our own stories alone: when a story may be published, and which id it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ..model import Kind, Parsed, PublicationWindow, SeenItems, Source, replace
from ..normalize import parse_date

FEW_STORIES = 10  # in a folder with fewer, most may go at once


def is_first_listing(source: Source, seen_items: SeenItems) -> bool:
    """Return whether a folder held too few stories for its last listing to be compared with."""
    return source.kind is Kind.FILES and (seen_items.listing_size or 0) < FEW_STORIES


def publishable(parsed: Parsed, at: datetime, zone: str) -> Parsed:
    """Return a document without the stories whose front matter does not let them be published at `at`.

    A date without a time begins at midnight in `zone`. A word that is no date holds its story back, stands in the
    warnings, and takes nothing back.
    """
    if not parsed.windows:
        return parsed
    stories, warnings, unreadable = [], list(parsed.warnings), list(parsed.unreadable)
    for story in parsed.stories:
        window = parsed.windows.get(story.id or "", PublicationWindow())
        language = story.language or parsed.channel.language
        starts, ends = (
            [(text, _moment(text, at, zone, language)) for text in texts] for texts in (window.starts, window.ends)
        )
        unclear = [text for text, moment in (*starts, *ends) if moment is None]
        if unclear:
            name = story.file or story.id or ""
            warnings.append(f"{name}: its front matter says `{unclear[0]}` where a date belongs, so it is held back")
            unreadable.append(name)
        elif all(moment <= at for _, moment in starts if moment) and all(at < moment for _, moment in ends if moment):
            stories.append(story)
    return replace(parsed, stories=tuple(stories), warnings=tuple(warnings), unreadable=tuple(unreadable))


def _moment(text: str, at: datetime, zone: str, language: str | None) -> datetime | None:
    """Return the instant that a text names, however far away: some write `9999-12-31` for never."""
    moment = parse_date(text, at, zone, language)
    if moment is not None:
        return moment
    try:
        far = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return far if far.tzinfo else far.replace(tzinfo=UTC)


def held_file_ids(parsed: Parsed, ids: Sequence[str], seen_items: SeenItems) -> list[str]:
    """Return the ids of a folder's stories; one that an earlier version stored under another id keeps that."""
    return [
        earlier
        if id not in seen_items and (earlier := parsed.earlier_ids.get(id, "")) in seen_items and earlier not in ids
        else id
        for id in ids
    ]
