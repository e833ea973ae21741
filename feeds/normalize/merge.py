"""One story told twice: by its listing, and by its own page."""

from __future__ import annotations

from dataclasses import replace

from ..model import Channel, Origin, Parsed, Story, Text
from . import html
from .links import web_url


def carried(story: Story, parsed: Parsed, *, private: bool = False) -> Story:
    """The story as the visit to its page carries it: nothing of it leans on its listing any more.

    Of a private listing only the name is told.
    """
    channel, base = parsed.channel, parsed.base
    return replace(
        story,
        links=tuple(replace(link, base=link.base or base) for link in story.links),
        summary=_anchored(story.summary, base),
        content=tuple(replace(text, base=text.base or base) for text in story.content),
        people=story.people or channel.people,
        language=story.language or channel.language,
        origin=story.origin or _origin(channel, base, private=private),
    )


def merged(told: Story, page: Story, *, by_feed: bool) -> Story:
    """The whole story; its identity is the listing's, its text the longer one.

    A feed says what it says on purpose, so its word goes before the page's; the headline of a listing page may be cut,
    and its date a bare day.
    """
    first, second = (told, page) if by_feed else (page, told)
    return replace(
        told,
        title=first.title or second.title,
        summary=first.summary or second.summary,
        published=first.published or second.published,
        updated=first.updated or second.updated,
        people=first.people or second.people,
        language=first.language or second.language,
        rights=first.rights or second.rights,
        content=max(told.content, page.content, key=_length),
        links=tuple(dict.fromkeys((*told.links, *page.links))),
        categories=tuple(dict.fromkeys((*told.categories, *page.categories))),
        media=tuple(dict.fromkeys((*told.media, *page.media))),
        image=page.image or told.image,
        comments=told.comments or page.comments,
        podcast=told.podcast or page.podcast,
        extra={**page.extra, **told.extra},
        found={**second.found, **first.found},
    )


def _length(texts: tuple[Text, ...]) -> int:
    return max((len(html.stripped(text.value)) for text in texts), default=0)


def _anchored(text: Text | None, base: str | None) -> Text | None:
    return replace(text, base=text.base or base) if text else None


def _origin(channel: Channel, base: str | None, *, private: bool) -> Origin:
    """The listing, where the item names no other origin."""
    if private:
        return Origin(title=html.plain(channel.title) or None)
    addresses = {link.rel: web_url(link.href, link.base, base) for link in reversed(channel.links)}
    return Origin(
        id=channel.id,
        title=html.plain(channel.title) or None,
        url=addresses.get("alternate"),
        feed=addresses.get("self"),
        updated=channel.updated,
    )
