"""Issuing beside the visits: feeds that take long to write keep no visit waiting."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ..compose import selected
from ..config.fingerprint import fingerprint_pages
from ..model import Config, Feed, Kind, Source

REST = 4.0  # times as long as issuing took: it takes a fifth of the time, however much changes
GRACE = 1.0  # seconds that the feed which is being written is waited for in the end


class BackgroundPublisher:
    """Calls `issue` in a thread each time it is told that something changed, as soon as it has rested.

    One for the life of an `App`. What `issue` returns, the files it has written, comes back when it is told again.
    """

    def __init__(self, issue: Callable[[], list[str]]) -> None:
        self._issue = issue
        self._issuing = threading.Lock()
        self._told = threading.Event()
        self._left = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._files: deque[str] = deque()

    def tell(self) -> list[str]:
        """Say that something changed; the files written since the last call come back, or what went wrong is raised."""
        files = self._taken()
        self._told.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="issuing", daemon=True)
            self._thread.start()
        return files

    def now(self) -> list[str]:
        """Issue at once, rested or not; the files written since the last call come back."""
        self._once()
        return self._taken()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Issue nothing while inside."""
        with self._issuing:
            yield

    def leave(self) -> None:
        """Issue nothing more."""
        self._left.set()
        self._told.set()
        if self._thread is not None:
            self._thread.join(GRACE)

    def _run(self) -> None:
        while self._told.wait() and not self._left.is_set():
            began = time.monotonic()
            try:
                self._once()
            except BaseException as error:  # noqa: BLE001 - raised where the turn is made
                self._error = error
            self._left.wait((time.monotonic() - began) * REST)

    def _once(self) -> None:
        with self._issuing:
            self._told.clear()
            self._files.extend(self._issue())

    def _taken(self) -> list[str]:
        error, self._error = self._error, None
        if error is not None:
            raise error
        return [self._files.popleft() for _ in range(len(self._files))]


# ── Shelves: the pages of our own stories are issued as a feed is, each source's from a ledger of its own ─────────────


PREFIX = "stories/"  # no feed can be called so


def shelves(config: Config) -> dict[str, Feed]:
    """What stands for the pages of each source of files that goes into at least one feed, by its id."""
    ours = (source for source in config.sources.values() if source.kind is Kind.FILES)
    made = (_shelf(source, feeds, config) for source in ours if (feeds := feeds_of(source, config)))
    return {shelf.id: shelf for shelf in made}


def feeds_of(source: Source, config: Config) -> tuple[Feed, ...]:
    """The feeds that take from a source."""
    return tuple(feed for feed in config.feeds.values() if selected(feed, [source.id]))


def with_shelves(feed_ids: Collection[str], config: Config) -> set[str]:
    """These feeds, and the shelves whose stories they may show."""
    named = {name for feed_id in feed_ids for name in selected(config.feeds[feed_id], config.sources)}
    return {*feed_ids, *(shelf.id for shelf in shelves(config).values() if not named.isdisjoint(shelf.sources))}


def _shelf(source: Source, feeds: Collection[Feed], config: Config) -> Feed:
    blank = Feed(PREFIX + source.id, source.id, sources=(source.id,))
    return replace(blank, fingerprint=fingerprint_pages(source, config.site, feeds, config.searched_secrets))
