"""One feed at one moment, and how it differs from what was published before. No clock, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Literal

from .model import Article, Edition, EntryState, Feed, Ledger, LedgerEntry, Limit, Site, Step

_NONE: Mapping[int, str] = {}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that subscribers are told: an article that is new or changed, or (without `article`) a retraction."""

    kind: Literal["article", "retract"]
    key: int
    published_id: str
    article: Article | None = None


def selected(feed: Feed, sources: Iterable[str]) -> list[str]:
    """Give the ids of the sources that a feed takes from; the id of a list means all its outlines (`friends/ann`)."""
    return [
        name for name in sources if not feed.sources or name in feed.sources or name.partition("/")[0] in feed.sources
    ]


def plan(feed: Feed) -> tuple[Step, ...]:
    """Give the steps to apply: the feed's own, and the default limit when they name none."""
    if any(isinstance(step, Limit) for step in feed.steps):
        return feed.steps
    return (*feed.steps, Limit())


def compose(feed: Feed, site: Site, articles: Sequence[Article], ledger: Ledger, since: datetime) -> Edition:
    """Make an edition of the articles that the steps let through; `since` dates a feed that never held anything."""
    times = [article.updated for article in articles]
    if ledger.updated is not None:
        times.append(ledger.updated)
    return Edition(
        feed=feed,
        site=site,
        articles=tuple(articles),
        updated=max(times, default=since),
        changed=max((article.changed for article in articles), default=ledger.changed),
        digest=_digest(articles),
    )


def _digest(articles: Iterable[Article]) -> str:
    """Change numbers are given once, and anew for whatever a reader can see."""
    told = repr([(article.key, article.changed) for article in articles])
    return blake2b(told.encode(), digest_size=16).hexdigest()


def is_on_show(edition: Edition, ledger: Ledger) -> bool:
    """Tell whether the files that a ledger names hold this very edition: most changes of a source miss most feeds."""
    return (ledger.fingerprint, ledger.edition) == (edition.feed.fingerprint, edition.digest)


def difference(
    edition: Edition, ledger: Ledger, at: datetime | None = None, retracted: Mapping[int, str] = _NONE
) -> tuple[Mapping[int, LedgerEntry], tuple[Change, ...]]:
    """Give what the ledger and the subscribers are told: ledger entries to write, and changes, oldest first.

    An article that left by age or limit stays in the ledger and is no change; only the `retracted` (article key →
    published id) are taken back, once. `at` is when the edition goes live, by default the edition's own time.
    """
    before, at = ledger.entries, at or edition.updated
    shown: dict[int, LedgerEntry] = {}
    changes: list[Change] = []
    for key, published_id in retracted.items():
        if (known := before.get(key)) and known.state is not EntryState.RETRACTED:
            shown[key] = LedgerEntry("", known.first_published, known.archive, EntryState.RETRACTED)
            changes.append(Change("retract", key, published_id))
    for article in reversed(edition.articles):
        known = before.get(article.key)
        if known is None or known.digest != article.story_digest:
            first, archive = (known.first_published, known.archive) if known else (at, None)
            shown[article.key] = LedgerEntry(article.story_digest, first, archive)
            changes.append(Change("article", article.key, article.published_id, article))
    return shown, tuple(changes)
