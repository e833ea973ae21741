"""The log line of each visit, whose facts are fields of its log record too."""

from __future__ import annotations

import logging

from ..model import Failure, Harvest, NotModified, Outcome, Result
from .visit_counts import OUTCOMES, count_harvest

log = logging.getLogger("feeds.visit")

# What a harvest counts: the field of the log record, and its words for one and for several.
COUNTS = {
    "new": ("new article", "new articles"),
    "changed": ("changed", "changed"),
    "removed": ("taken back", "taken back"),
    "pages": ("story page to visit", "story pages to visit"),
    "outlines": ("outline", "outlines"),
}


def log_visit(outcome: Outcome) -> None:
    """Log a visit at level INFO.

    The fields are `source`, `page` (the address of a story's page), `outcome`, `status` (of HTTP), `bytes`, `ms`; of a
    harvest those of COUNTS, of a failure `kind` and `sentence`.
    """
    if not log.isEnabledFor(logging.INFO):
        return
    visit, result = outcome.visit, outcome.result
    page = visit.url if visit.story is not None and not visit.source.private else None
    milliseconds = round(outcome.seconds * 1000)
    log.info(
        "%s: %s (%s%d bytes, %d ms)%s",
        visit.source.id,
        _result_text(result),
        f"{outcome.status}, " if outcome.status else "",
        outcome.size,
        milliseconds,
        f": {page}" if page else "",
        extra={
            "source": visit.source.id,
            "page": page,
            "outcome": OUTCOMES[type(result)],
            "status": outcome.status,
            "bytes": outcome.size,
            "ms": milliseconds,
            **_result_fields(result),
        },
    )


def _result_fields(result: Result) -> dict[str, object]:
    if isinstance(result, Failure):
        return {"kind": str(result.kind), "sentence": result.sentence}
    return dict(count_harvest(result)) if isinstance(result, Harvest) else {}


def _result_text(result: Result) -> str:
    if isinstance(result, Failure):
        return result.sentence
    if isinstance(result, NotModified):
        return "not modified"
    counts = (f"{count} {COUNTS[name][count != 1]}" for name, count in count_harvest(result).items() if count)
    return ", ".join(counts) or "nothing new"
