"""What a document says about itself, cleaned, for the source's record and for `feeds.read`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from ..model import Author, Category, Parsed, Podcast, replace
from ..podcast_categories import select_categories
from . import html
from .language import first_language
from .links import web_url
from .people import select_authors
from .text import ACTIVE_ADDRESS, clean_label, decode_label

_FACTS = ("id", "generator", "ttl")
_ITUNES_SCHEME = "http://www.itunes.com/"
_EXPLICIT = ("yes", "true", "explicit", "1")
_SHOW_TYPES = ("episodic", "serial")


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """The facts of a channel, as plain texts and absolute addresses."""

    title: str
    description: str | None = None
    home: str | None = None
    feed: str | None = None
    hubs: tuple[str, ...] = ()
    image: str | None = None
    icon: str | None = None
    language: str | None = None
    authors: tuple[Author, ...] = ()
    people: tuple[tuple[str, Author], ...] = ()  # role and person
    categories: tuple[Category, ...] = ()
    updated: str | None = None  # dates as found
    published: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)  # id, rights, generator, ttl


def describe_channel(parsed: Parsed) -> ChannelFacts:
    """Return what a document says about itself."""
    channel, base = parsed.channel, parsed.base

    def links(*rels: str) -> tuple[str, ...]:
        matching = (link for link in channel.links if link.rel in rels)
        return tuple(dict.fromkeys(url for link in matching if (url := web_url(link.href, link.base, base))))

    home, feed = links("alternate"), links("self")
    facts = {
        "rights": html.to_plain_text(channel.rights),
        **{name: clean_label(getattr(channel, name)) for name in _FACTS},
    }
    return ChannelFacts(
        title=html.to_plain_text(channel.title),
        description=html.to_plain_text(channel.description) or None,
        home=home[0] if home else None,
        feed=feed[0] if feed else None,
        hubs=links("hub"),
        image=web_url(channel.image.href, channel.image.base, base) if channel.image else None,
        icon=web_url(channel.icon.href, channel.icon.base, base) if channel.icon else None,
        language=first_language(channel.language),
        authors=select_authors(channel.people, *home[:1], base),
        people=tuple(
            (person.role, author)
            for person in channel.people
            for author in select_authors((replace(person, role="author"),), *home[:1], base)
        ),
        categories=tuple(item for item in map(clean_category, channel.categories) if item.term or item.label),
        updated=channel.updated,
        published=channel.published,
        facts={name: value for name, value in facts.items() if value},
    )


def find_hub_links(url: str, links: Iterable[tuple[str, Mapping[str, str]]]) -> Mapping[str, str]:
    """Return the addresses of the first `hub` and the first `self` among the links of a document's headers."""
    named: dict[str, str] = {}
    for reference, parameters in links:
        for rel in parameters.get("rel", "").lower().split():
            if rel in ("hub", "self") and (address := web_url(reference, url)):
                named.setdefault(rel, address)
    return named


@lru_cache(maxsize=2048)
def clean_category(category: Category) -> Category:
    """Return a category with clean labels, without a scheme that would run when taken for an address (S7)."""
    scheme = clean_label(category.scheme)
    is_active = not scheme or ACTIVE_ADDRESS.match(scheme)
    return Category(decode_label(category.term), None if is_active else scheme, decode_label(category.label) or None)


def describe_show(parsed: Parsed) -> Podcast | None:
    """Return what a podcast says about itself; None for a document that names neither a category nor an owner."""
    channel = parsed.channel
    owner = next((person for person in channel.people if person.role == "owner"), None)
    terms = [category.term for category in channel.categories if category.scheme == _ITUNES_SCHEME]
    if owner is None and not terms:
        return None
    facts = {name: clean_label(value).lower() for name, value in channel.podcast.items()}
    authors = select_authors(channel.people, parsed.base)
    return Podcast(
        category=select_categories(terms),
        explicit=facts.get("explicit") in _EXPLICIT,
        owner=clean_label(owner.email) or None if owner else None,
        author=authors[0].name if authors else clean_label(owner.name) or None if owner else None,
        type=facts.get("type") if facts.get("type") in _SHOW_TYPES else None,
        image=web_url(channel.image.href, channel.image.base, parsed.base) if channel.image else None,
    )
