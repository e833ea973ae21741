"""issue(feed): articles → steps → compose → render → publish → ledger and outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ..compose import Change, compose, difference, plan
from ..model import Article, Document, Event, Feed, Issue, Ledger, Site
from ..render import jsonfeed, render
from ..steps import apply


@dataclass(frozen=True, slots=True)
class IssueEdges:
    """What issuing needs of the outside: the store's articles, ledger and retractions, the disk, and two facts.

    `since` is when the store began (the age of an empty feed), `changed` the newest change among the feed's sources.
    """

    articles: Callable[[Feed], Iterator[Article]]
    ledger: Callable[[str], Ledger]
    retracted: Callable[[str], Mapping[int, str]]
    publish: Callable[[Iterable[Document]], list[str]]
    issued: Callable[[Issue], None]
    since: datetime
    changed: int


def issue(feed: Feed, site: Site, edges: IssueEdges) -> list[str]:
    """Regenerate one feed; return the paths that differ from what was on disk.

    The files are replaced before the ledger and the outbox are written, so a crash in between repeats the issue (R12).
    """
    ledger = edges.ledger(feed.id)
    chosen = apply(plan(feed), edges.articles(feed))
    edition = compose(feed, site, chosen, ledger, edges.since)
    documents = render(edition)
    paths = edges.publish(documents)
    shown, changes = difference(edition, ledger, retracted=edges.retracted(feed.id))
    events = tuple(_event(feed, change) for change in changes)
    files = tuple(document.path for document in documents)
    edges.issued(Issue(replace(edition, changed=edges.changed), shown, files, events))
    return paths


def _event(feed: Feed, change: Change) -> Event:
    item = jsonfeed.line(jsonfeed.item(change.article)) if change.article else None
    return Event(change.kind, feed.id, change.key, change.published_id, item)
