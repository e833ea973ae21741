"""Merging of a story from its listing with the same story from its own page."""

from __future__ import annotations

from ..model import Channel, Origin, Parsed, Story, Text, replace
from . import html
from .links import web_url
from .people import resolve_bylines


def detach_story(story: Story, parsed: Parsed, *, private: bool = False) -> Story:
    """Return a story of a listing with all that it takes from the listing, for the visit to its own page.

    Of a private listing only the title is kept as the origin.
    """
    channel, base, story = parsed.channel, parsed.base, resolve_bylines(story)
    return replace(
        story,
        links=tuple(replace(link, base=link.base or base) for link in story.links),
        summary=_with_base(story.summary, base),
        content=tuple(replace(text, base=text.base or base) for text in story.content),
        people=story.people or channel.people,
        language=story.language or channel.language,
        origin=story.origin or _origin(channel, base, private=private),
    )


def merge_stories(listed: Story, page: Story, *, prefer_listed: bool) -> Story:
    """Return the story that listing and page give together: the identity of the listing, and the longer text.

    Prefer the listed story when a feed gave it, because a feed is written on purpose; the headline of a listing page
    may be cut, and its date lack the time.
    """
    listed, page = resolve_bylines(listed), resolve_bylines(page)
    first, second = (listed, page) if prefer_listed else (page, listed)
    return replace(
        listed,
        title=first.title or second.title,
        summary=first.summary or second.summary,
        published=first.published or second.published,
        updated=first.updated or second.updated,
        people=first.people or second.people,
        language=first.language or second.language,
        rights=first.rights or second.rights,
        content=max(listed.content, page.content, key=_text_length),
        links=tuple(dict.fromkeys((*listed.links, *page.links))),
        categories=tuple(dict.fromkeys((*listed.categories, *page.categories))),
        media=tuple(dict.fromkeys((*listed.media, *page.media))),
        image=page.image or listed.image,
        comments=listed.comments or page.comments,
        podcast=listed.podcast or page.podcast,
        extra={**page.extra, **listed.extra},
        found={**second.found, **first.found},
    )


def _text_length(texts: tuple[Text, ...]) -> int:
    return max((len(html.strip_tags(text.value)) for text in texts), default=0)


def _with_base(text: Text | None, base: str | None) -> Text | None:
    return replace(text, base=text.base or base) if text else None


def _origin(channel: Channel, base: str | None, *, private: bool) -> Origin:
    """Return the listing as the origin of a story that names none."""
    if private:
        return Origin(title=html.to_plain_text(channel.title) or None)
    addresses = {link.rel: web_url(link.href, link.base, base) for link in reversed(channel.links)}
    return Origin(
        id=channel.id,
        title=html.to_plain_text(channel.title) or None,
        url=addresses.get("alternate"),
        feed=addresses.get("self"),
        updated=channel.updated,
    )
