"""The step `dedupe`: one entry for each story, however many sources have it.

Which articles are twins is known from the store; near-duplicates are found here, by sketches of their texts. The id
that the feed published first stays for ever, whichever source the content comes from, and the entry stays in its place.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from heapq import heappop, heappush, nsmallest
from zlib import crc32

from ..clean_html import strip_tags
from ..model import Article, PublishedTwin, StepContext, Twin, replace

WINDOW = timedelta(hours=48)  # between the positions of twins that the feed has not published yet, and of near ones
_Place = tuple[float, float, str]


@dataclass(frozen=True, slots=True)
class Dedupe:
    """Merge the articles of one story into one entry.

    Its content is that of the first source in `prefer`, which are ids or tags of sources; of the article that was
    published first where none of them has the story. `near` also merges articles of different sources with almost the
    same text.
    """

    prefer: tuple[str, ...] = field(
        default=(),
        metadata={
            "description": "Sources, by id or tag, whose article is shown if they have the story.",
            "example": ["world"],
        },
    )
    near: bool = field(
        default=False,
        metadata={"description": "Whether articles with almost the same text are one story.", "example": True},
    )

    def apply(self, articles: Iterator[Article], context: StepContext) -> Iterator[Article]:
        """Yield the entries in the order of the feed; an entry is ready once its place is reached."""
        waiting: list[tuple[_Place, Article]] = []
        known: set[int] = set()  # keys of the articles whose story came
        for article, near_ones in _with_near_ones(articles) if self.near else ((article, ()) for article in articles):
            while waiting and waiting[0][0] < _sort_key(article):
                yield heappop(waiting)[1]
            if article.key in known:
                continue
            twins = _find_twins(article, near_ones, known, context)
            known.update(twin.key for twin in twins)
            entry = self._merge(twins, context)
            heappush(waiting, (_sort_key(entry), entry))
        while waiting:
            yield heappop(waiting)[1]

    def _merge(self, twins: Sequence[Article], context: StepContext) -> Article:
        """Return the entry of a story: its first published id and dates with the content of the preferred source."""
        if len(twins) == 1 and not twins[0].story_key and not self.near:
            return twins[0]  # as most are
        published = context.find_published(twins)
        if published is None:
            first: Article | None = _find_first(twins)
        else:
            first = next((twin for twin in twins if twin.key == published.key), None)
        content = min(twins, key=lambda twin: (self._rank(twin), twin is not first, twin.key))
        if content is first and len(twins) == 1:
            return content
        also_at = (_describe(twin) for twin in sorted(twins, key=lambda twin: twin.key) if twin is not content)
        entry = replace(content, also_at=tuple(filter(None, also_at)), changed=max(twin.changed for twin in twins))
        if first is not None:
            entry = _with_identity(entry, first)
        elif published is not None:
            entry = _in_place_of(entry, published)
        for twin in twins:
            if twin.key != entry.key:
                context.report_merge(twin, entry)
        return entry

    def _rank(self, article: Article) -> int:
        """Return the place of an article's source among the preferred ones."""
        tags = {tag.casefold() for tag in article.tags}
        names = {article.source_id, article.source_id.partition("/")[0]}
        ranks = (n for n, name in enumerate(self.prefer) if name in names or name.casefold() in tags)
        return next(ranks, len(self.prefer))


def _find_twins(
    article: Article, near_ones: Iterable[Article], known: set[int], context: StepContext
) -> Sequence[Article]:
    """Return the articles of one story: those that the store knows as twins, and with near ones the twins of those."""
    twins = {article.source_id: article}  # one of each source
    for one in (article, *near_ones):
        for twin in (one, *(context.find_twins(one) if one.story_key else ())):
            if twin.key not in known:
                twins.setdefault(twin.source_id, twin)
    return [*twins.values()]


def _find_first(twins: Sequence[Article]) -> Article:
    """Return the article whose id is published: the oldest that is not much older than the newest.

    A much older one may be beyond the limit of the feed, where the story would be missed.
    """
    start = max(twin.position for twin in twins) - WINDOW
    return min(
        (twin for twin in twins if twin.position >= start), key=lambda twin: (twin.position, twin.key), default=twins[0]
    )


def _with_identity(content: Article, first: Article) -> Article:
    """Return an entry with the identity and the dates of the article that was published first (R2, R13)."""
    names = ("key", "published_id", "published", "modified", "first_seen", "is_addition")
    updated = max(content.updated, first.updated)  # never back (R11)
    return replace(content, updated=updated, **{name: getattr(first, name) for name in names})


def _in_place_of(content: Article, published: PublishedTwin) -> Article:
    """Return an entry that stays when the article that was published first is gone, at about the same place."""
    return replace(
        content,
        key=published.key,
        published_id=published.published_id,
        first_seen=min(content.first_seen, published.first_published),
        updated=max(content.updated, published.first_published),
    )


def _describe(twin: Article) -> Twin | None:
    return Twin(twin.source_id, twin.url, twin.origin.title if twin.origin else None) if twin.url else None


def _sort_key(article: Article) -> _Place:
    return -article.position.timestamp(), -article.first_seen.timestamp(), article.published_id


# ── near-duplicates ─────────────────────────────────────────────────────────────────────────────────────────────────

MIN_WORDS = 30  # of a text that is compared
MAX_WORDS = 2_000
SHINGLE_WORDS = 3
SKETCH_SIZE = 64  # the smallest digests of shingles, of which equal texts share all (Broder's bottom-k sketch)
BAND = 12  # the smallest of these: of two texts that are alike, at least one is common
MIN_SHARE = 0.5  # of the shingles of both texts; where every tenth word differs, it is about that much

_WORD = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|[^\\W_]+"
)  # or an unspaced letter

Sketch = tuple[int, ...]


def make_sketch(article: Article) -> Sketch:
    """Return the sketch of an article's title and text; () for a short one."""
    text = f"{article.title} {strip_tags(article.html) or article.summary}".casefold()
    words = [match[0] for _, match in zip(range(MAX_WORDS), _WORD.finditer(text), strict=False)]
    if len(words) < MIN_WORDS:
        return ()
    shingles = {" ".join(words[n : n + SHINGLE_WORDS]) for n in range(len(words) - SHINGLE_WORDS + 1)}
    return tuple(nsmallest(SKETCH_SIZE, {crc32(shingle.encode("utf-8", "replace")) for shingle in shingles}))


def estimate_share(sketch: Sketch, other: Sketch) -> float:
    """Return about which share of all shingles two texts have in common (the Jaccard index)."""
    smallest = set(nsmallest(SKETCH_SIZE, {*sketch, *other}))
    return len(smallest.intersection(sketch).intersection(other)) / len(smallest) if smallest else 0.0


def _with_near_ones(articles: Iterator[Article]) -> Iterator[tuple[Article, Sequence[Article]]]:
    """Yield each article with its near-duplicates among the older ones, reading as far ahead as there can be one."""
    ahead: deque[Article] = deque()
    index = _SketchIndex()
    for article in articles:
        while ahead and ahead[0].position - article.position > WINDOW:
            yield index.take(ahead.popleft())
        ahead.append(article)
        index.add(article)
    while ahead:
        yield index.take(ahead.popleft())


class _SketchIndex:
    """Articles by the smallest digests of their sketches."""

    def __init__(self) -> None:
        self._sketches: dict[int, Sketch] = {}
        self._bands: dict[int, dict[int, Article]] = {}  # digest → articles by key

    def add(self, article: Article) -> None:
        sketch = self._sketches[article.key] = make_sketch(article)
        for digest in sketch[:BAND]:
            self._bands.setdefault(digest, {})[article.key] = article

    def take(self, article: Article) -> tuple[Article, Sequence[Article]]:
        """Remove an article; return it with its near-duplicates, one of each other source."""
        sketch = self._sketches.pop(article.key)
        similar: dict[str, Article] = {}
        for digest in sketch[:BAND]:
            group = self._bands[digest]
            del group[article.key]
            for other in group.values():
                if other.source_id not in (article.source_id, *similar) and self._is_similar(sketch, other):
                    similar[other.source_id] = other
        return article, [*similar.values()]

    def _is_similar(self, sketch: Sketch, other: Article) -> bool:
        return estimate_share(sketch, self._sketches[other.key]) >= MIN_SHARE
