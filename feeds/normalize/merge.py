"""One story told twice: by its listing, and by its own page."""

from __future__ import annotations

from dataclasses import fields, replace

from ..model import Story

# A feed says these on purpose; the headline of a listing page may be cut, and its date a bare day.
FEEDS_WORD = frozenset({"title", "published", "updated", "people", "summary", "language", "rights"})
BOTH = ("links", "categories", "media")


def merged(told: Story, page: Story, *, by_feed: bool) -> Story:
    """The whole story; its identity stays the listing's. What one of the two does not say, the other one does."""
    values: dict[str, object] = {}
    for spec in fields(Story):
        first, second = getattr(page, spec.name), getattr(told, spec.name)
        if by_feed and spec.name in FEEDS_WORD:
            first, second = second, first
        values[spec.name] = first or second
    for name in BOTH:
        values[name] = tuple(dict.fromkeys((*getattr(told, name), *getattr(page, name))))
    content = max(told.content, page.content, key=lambda texts: sum(len(text.value) for text in texts))
    return replace(
        told,
        **{
            **values,
            "id": told.id,
            "id_is_permalink": told.id_is_permalink,
            "content": content,
            "found": {**told.found, **page.found} if not by_feed else {**page.found, **told.found},
        },  # type: ignore[arg-type]
    )
