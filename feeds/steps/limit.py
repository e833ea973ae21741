"""The step `limit`: the newest articles, besides them the recent ones, and ceilings that hold in any case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush

from ..model import LATER_FIELD, Article, ArticleFunction, StepContext

AT_MOST = 500  # articles, where a feed does not ask for more than that
ENTRY_SIZE = 500  # bytes of an entry without its texts: names of elements, dates, ids


@dataclass(frozen=True, slots=True)
class Limit:
    """Keep the newest `count`, besides them all first seen in the last `hours` of the candidates, up to the ceilings.

    These are `at_most` articles (None: 500, or `count` where that is more), `per_source` of each source, and `bytes`.
    """

    count: int = 50
    hours: float = 48
    at_most: int | None = field(default=None, metadata=LATER_FIELD)
    per_source: int | None = field(default=None, metadata=LATER_FIELD)
    bytes: int = field(default=5_000_000, metadata=LATER_FIELD)

    def apply(self, articles: Iterator[Article], context: StepContext) -> Iterator[Article]:
        """Return the articles within the limit; little is read beyond them.

        The articles come by falling position, and the newest first-seen can only rise. So where one is refused, all
        that follow are refused, but for additions with an old date. Of a source that is closed, all are refused.
        """
        window, selection = _Window(self), _Selection(self, context)
        for article in articles:
            is_closed = selection.is_closed(article)
            if is_closed and (context.explain or not window.refuses(article)):
                selection.explain(article)
            elif not is_closed and window.admits(article):
                selection.add(article)
            elif context.explain:  # each article gets its reason
                context.explain(article, self._describe_window())
            elif context.skip_to_additions and window.length:
                context.skip_to_additions(window.start)
            else:
                break
        return selection.articles()

    def start(self, context: StepContext) -> ArticleFunction:
        """Return the function that passes on what is within the limit; at a ceiling it refuses all that follows."""
        window, selection = _Window(self), _Selection(self, context)

        def pass_on(article: Article) -> Article | None:
            if selection.is_closed(article):
                selection.explain(article)
                return None
            if window.admits(article):
                return article if selection.add(article) else None
            if context.explain:
                context.explain(article, self._describe_window())
            return None

        return pass_on

    def _describe_window(self) -> str:
        hours = f", and not of the last {self.hours:g} hours" if self.hours else ""
        return f"over count: {self.count}{hours}"


class _Window:
    """Admits one article after the other that is among the newest `count`, or recent.

    Recent is what came within the `hours` before the newest first-seen. An article counts from when it was first seen;
    one that came with the first listing of its source counts by its date, so that a source added today does not flood
    the feed (R5).
    """

    start: datetime  # of the hours, once an article came

    def __init__(self, limit: Limit) -> None:
        self.length = timedelta(hours=limit.hours)
        self._left = limit.count
        self._newest: datetime | None = None

    def admits(self, article: Article) -> bool:
        """Return whether an article is within the window."""
        self._left -= 1
        self._newest = article.first_seen if self._newest is None else max(self._newest, article.first_seen)
        self.start = self._newest - self.length
        return self._left >= 0 or self._is_recent(article)

    def refuses(self, article: Article) -> bool:
        """Return whether an article that does not count is outside the window, and so all that follow."""
        return self._left <= 0 and not self._is_recent(article)

    def _is_recent(self, article: Article) -> bool:
        return (article.first_seen if article.is_addition else article.position) > self.start


class _Selection:
    """The articles kept so far; over a ceiling, the oldest of the source with most of them goes.

    Most is by number or, over the ceiling in bytes, by size. A source that was cut, or has all it may have, is closed:
    what follows of it is older still.
    """

    def __init__(self, limit: Limit, context: StepContext) -> None:
        self._explain = context.explain
        self._skip_source = None if context.explain else context.skip_source
        self._reasons: dict[str, str] = {}  # source id → why it is closed, where reasons are asked for
        self._at_most = max(AT_MOST, limit.count) if limit.at_most is None else limit.at_most
        self._per_source = limit.per_source
        self._max_size = limit.bytes
        self._kept: dict[str, list[tuple[int, int, Article]]] = {}  # source id → order, size, article
        self._sizes: dict[str, int] = {}  # source id → bytes
        self._by_number, self._by_size = _Ranking(), _Ranking()
        self._closed: set[str] = set()
        self._added = self._count = self._size = 0

    def is_closed(self, article: Article) -> bool:
        return article.source_id in self._closed

    def explain(self, article: Article) -> None:
        """Tell why an article of a closed source is not kept."""
        if self._explain:
            self._explain(article, self._reasons[article.source_id])

    def add(self, article: Article) -> bool:
        """Keep an article, and drop others as the ceilings demand; return whether it is kept itself."""
        id, size = article.source_id, _estimate_size(article)
        kept = self._kept.setdefault(id, [])
        kept.append((self._added, size, article))
        self._sizes[id] = self._sizes.get(id, 0) + size
        self._added, self._count, self._size = self._added + 1, self._count + 1, self._size + size
        self._rank(id)
        if len(kept) == self._per_source:
            self._close(id, f"over per_source: {self._per_source}")
        while self._count > self._at_most:
            largest = self._by_number.first()
            self._drop_from(largest, f"over at_most: {self._at_most}, {largest} has most articles")
        while self._size > self._max_size and self._count > 1:
            largest = self._by_size.first()
            self._drop_from(largest, f"over bytes: {self._max_size:,}, {largest} has most bytes")
        return bool(kept) and kept[-1][0] == self._added - 1

    def articles(self) -> Iterator[Article]:
        """Return the kept articles in the order in which they came."""
        return (article for _, _, article in sorted(entry for kept in self._kept.values() for entry in kept))

    def _close(self, id: str, reason: str) -> None:
        self._closed.add(id)
        if self._skip_source:
            self._skip_source(id)
        self._reasons.setdefault(id, reason)

    def _drop_from(self, id: str, reason: str) -> None:
        _, size, article = self._kept[id].pop()
        self._close(id, reason)
        if self._explain:
            self._explain(article, reason)
        self._sizes[id] -= size
        self._count, self._size = self._count - 1, self._size - size
        self._rank(id)
        if not self._kept[id]:
            del self._kept[id]

    def _rank(self, id: str) -> None:
        """Rank a source anew; of several with as much, the one whose last article came last is first."""
        kept = self._kept[id]
        order = kept[-1][0] if kept else -1
        self._by_number.put(id, (len(kept), order))
        self._by_size.put(id, (self._sizes[id] if kept else 0, order))


class _Ranking:
    """The sources by a rank that changes with each article; to look through all of them each time would take long."""

    def __init__(self) -> None:
        self._ranks: dict[str, tuple[int, int]] = {}
        self._heap: list[tuple[int, int, str]] = []  # ranks, negated, of which some are no longer true

    def put(self, id: str, rank: tuple[int, int]) -> None:
        """Give a source its present rank."""
        self._ranks[id] = rank
        heappush(self._heap, (-rank[0], -rank[1], id))

    def first(self) -> str:
        """Return the source with the greatest rank."""
        while True:
            most, order, id = self._heap[0]
            if self._ranks[id] == (-most, -order):
                return id
            heappop(self._heap)


def _estimate_size(article: Article) -> int:
    """Return about the bytes of an entry where they are most: in Atom, which escapes the HTML."""
    texts = "".join((article.title, article.summary, article.html, *article.tags))
    escaped = 3 * (texts.count("<") + texts.count(">")) + 4 * texts.count("&")
    return ENTRY_SIZE + len(texts.encode("utf-8", "replace")) + escaped
