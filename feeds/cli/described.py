"""A JSON Feed as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .common import styled
from .words import count, line, size

Members = Mapping[str, Any]  # JSON
INDENT = " " * 18


def described(place: str, seen: Members, *, found: bool = False) -> Iterator[str]:
    """The feed's title, reader and warnings, then each article; with `found` also where each field was found."""
    if "error" in seen:
        yield f"{place}: {styled(line(seen['error']), fg='red')}"
        return
    told = seen.get("_feeds", {})
    title = line(seen["title"]) or place
    yield f"{styled(title, bold=True)} ({told.get('reader', 'unknown')}, {count(len(seen['items']), 'article')})"
    yield from (line(seen[name]) for name in ("home_page_url", "description") if name in seen)
    yield from (styled(f"warning: {line(warning)}", fg="yellow") for warning in told.get("warnings", ()))
    for item in seen["items"]:
        yield from article(item, found=found)


def article(item: Members, *, found: bool = False) -> Iterator[str]:
    """Date, title, authors, address and attachments of one article."""
    date = item.get("date_published") or item.get("date_modified") or ""
    title = styled(line(item.get("title") or "(no title)"), bold=True)
    yield f"{_date(date):16}  {title}{_by(item.get('authors', ()))}"
    if "url" in item:
        yield f"{INDENT}{line(item['url'])}"
    for attachment in item.get("attachments", ()):
        yield f"{INDENT}+ {_attachment(attachment)}"
    if found:
        yield from (f"{INDENT}{name}: {line(where)}" for name, where in item.get("_feeds", {}).get("found", {}).items())


def _date(text: str) -> str:
    return text[:16].replace("T", " ") or "no date"


def _by(authors: Sequence[Members]) -> str:
    names = ", ".join(line(author["name"]) for author in authors if "name" in author)
    return f" — {names}" if names else ""


def _attachment(attachment: Members) -> str:
    facts = [attachment["mime_type"]]
    if octets := attachment.get("size_in_bytes"):
        facts.append(size(octets))
    return f"{line(attachment['url'])} ({line(', '.join(facts))})"
