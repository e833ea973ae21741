"""Keeps the search index as the published stories are, in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import blake2b
from itertools import islice

from ..clean_html import opening_text
from ..model import Article, Config, NumberedEvent, Site
from ..push.store_errors import StoreErrorLog
from ..render.formatting import source_name
from ..rows.values import EPOCH
from ..store import SearchableStory, SearchIndex
from .published_stories import PublishedStories

log = logging.getLogger("feeds.server")

MAX_HTML_LENGTH = 60_000  # characters of a story that are searched
STORIES_AT_ONCE = 50  # in one transaction
KEYS_AT_ONCE = 2_000  # that are compared with what the feeds hold
COMPARE_SECONDS = 3_600.0  # between two comparisons of the whole index
IDLE_SECONDS = 10.0  # between two looks at which feeds there are
RETRY_SECONDS = 30.0  # after a failure
STOP_CHECK_SECONDS = 1.0  # between two looks whether to stop
REST = 2.0  # of the time that a piece of work took: the server has other work


class SearchFiller:
    """Indexes a story after each event, and compares all of them at the start, after a reload and now and then.

    The first comparison fills an empty index, newest stories first, and goes on where one before was ended.
    """

    def __init__(self, current_config: Callable[[], Config], stories: PublishedStories, index: SearchIndex) -> None:
        self._current_config = current_config
        self._stories = stories
        self._index = index
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._changed: dict[int, None] = {}  # keys of the events, in order
        self._stale: deque[int] = deque()  # keys that a comparison found
        self._end = 0  # of the keys that are still to be compared
        self._compared: tuple[Config, Collection[str]] | None = None  # the feeds of the last comparison
        self._compare_at = 0.0
        self._store_errors = StoreErrorLog("the search does not know what is published")

    @property
    def is_filling(self) -> bool:
        """Return whether stories are known to be missing."""
        return bool(self._stale)

    def publish(self, events: Sequence[NumberedEvent], position: int) -> None:
        """Take note of events; without any, some are gone, and all stories are compared."""
        with self._lock:
            self._changed.update(dict.fromkeys(event.article_key for _, event in events))
            if not events:
                self._compare_at = 0.0
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        while not stop.is_set():
            began, pause = time.monotonic(), RETRY_SECONDS
            with self._store_errors.caught():
                pause = REST * (time.monotonic() - began) if self.work() else IDLE_SECONDS
            self._wait(pause, stop)

    def _wait(self, seconds: float, stop: threading.Event) -> None:
        end = time.monotonic() + seconds
        while not stop.is_set() and (rest := end - time.monotonic()) > 0:
            if self._wake.wait(min(rest, STOP_CHECK_SECONDS)):
                break
        self._wake.clear()

    def work(self) -> bool:
        """Do a piece of what is to be done; return whether there was any."""
        with self._lock:
            changed = list(islice(self._changed, STORIES_AT_ONCE))
        if changed:
            self._update(changed, self._marks(changed))
            with self._lock:
                for key in changed:
                    self._changed.pop(key, None)
        elif self._stale:
            keys = list(islice(self._stale, STORIES_AT_ONCE))
            self._update(keys, self._stories.marks(range(min(keys), max(keys) + 1)))
            for _ in keys:
                self._stale.popleft()
        elif self._end:
            self._compare(range(max(0, self._end - KEYS_AT_ONCE), self._end))
        else:
            return self._begin_comparison()
        return True

    def _marks(self, keys: Collection[int]) -> Mapping[int, int]:
        return {key: mark for key in keys for mark in self._stories.marks(range(key, key + 1)).values()}

    def _update(self, keys: Collection[int], marks: Mapping[int, int]) -> None:
        """Index these stories; `marks` are those of the ones that a feed holds, read before the stories are."""
        held = [key for key in keys if key in marks]
        shown, site = self._stories.read(held), self._current_config().site
        stories = [make_searchable(key, marks[key], shown.get(key), site) for key in held]
        self._index.update(stories, [key for key in keys if key not in marks])

    def _compare(self, keys: range) -> None:
        """Find out which stories with a key in a range are to be indexed."""
        marks, indexed = self._stories.marks(keys), self._index.marks(keys)
        different = {key for key in (*marks, *indexed) if marks.get(key) != indexed.get(key)}
        self._stale.extend(sorted(different, reverse=True))
        self._end = keys.start

    def _begin_comparison(self) -> bool:
        """Begin a comparison if it is time for one, or if there are other feeds; return whether it is."""
        feeds = self._current_config(), frozenset(self._stories.feed_ids())
        is_same = self._compared is not None and self._compared[0] is feeds[0] and self._compared[1] == feeds[1]
        newest = self._stories.newest_key()
        if (is_same and time.monotonic() < self._compare_at) or newest is None:
            return False
        self._compared, self._compare_at = feeds, time.monotonic() + COMPARE_SECONDS
        self._end = max(newest, self._index.newest()) + 1
        return True


def make_searchable(key: int, mark: int, article: Article | None, site: Site) -> SearchableStory:
    """Return what is searched of a story; nothing where the steps of its feeds let none through any more."""
    if article is None:
        return SearchableStory(key, mark, EPOCH, key, "", "", "")
    # Of a story that has twins, the key is the published id of the oldest, which may not have known of them yet.
    name = (article.story_key or article.published_id).encode("utf-8", "replace")
    story = int.from_bytes(blake2b(name, digest_size=8).digest(), "big", signed=True)
    facts = (source_name(article, site), *(author.name for author in article.authors), *article.tags)
    text = f"{article.summary}\n{opening_text(article.html, MAX_HTML_LENGTH)}"
    return SearchableStory(key, mark, article.position, story, article.title, "\n".join(facts), text)
