"""What visits brought, counted over all turns, for metrics: kept in the state file, not in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from ..model import Failure, Harvest, NotModified, Outcome

OUTCOMES: Mapping[type, str] = {Harvest: "harvest", NotModified: "not_modified", Failure: "failure"}
_ARTICLE_CHANGES = ("new", "changed", "removed")


def count_harvest(harvest: Harvest) -> dict[str, int]:
    """Return how many articles, story pages and outlines a harvest has."""
    return {
        "new": len(harvest.articles) - harvest.changed,
        "changed": harvest.changed,
        "removed": len(harvest.removed_ids),
        "pages": len(harvest.story_visits),
        "outlines": len(harvest.outlines),
    }


class VisitCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counts of visits by outcome, of failures by kind, of articles by what happened to them, and sums.

    `bytes` are of decoded bodies, `seconds` that the visits took, `late_seconds` that they began after they were due.
    """

    visits: dict[str, int] = {}
    failures: dict[str, int] = {}
    articles: dict[str, int] = {}
    bytes: int = 0
    seconds: float = 0.0
    late_seconds: float = 0.0


class VisitCounter:
    """Counts visits, in the thread of the turns; `counts` may be read in any."""

    def __init__(self, counts: VisitCounts) -> None:
        self._visits = Counter(counts.visits)
        self._failures = Counter(counts.failures)
        self._articles = Counter(counts.articles)
        self._bytes, self._seconds, self._late_seconds = counts.bytes, counts.seconds, counts.late_seconds

    @property
    def counts(self) -> VisitCounts:
        """Return what was counted so far."""
        visits, failures, articles = map(dict, (self._visits, self._failures, self._articles))
        return VisitCounts(
            visits, failures, articles, self._bytes, round(self._seconds, 3), round(self._late_seconds, 3)
        )

    def add(self, outcome: Outcome) -> None:
        """Count one visit."""
        result = outcome.result
        self._visits[OUTCOMES[type(result)]] += 1
        self._bytes += outcome.size
        self._seconds += outcome.seconds
        late = (outcome.at - outcome.visit.due_at).total_seconds() - outcome.seconds
        self._late_seconds += max(0.0, late)
        if isinstance(result, Failure):
            self._failures[str(result.kind)] += 1
        elif isinstance(result, Harvest):
            counts = count_harvest(result)
            self._articles.update({name: counts[name] for name in _ARTICLE_CHANGES if counts[name]})
