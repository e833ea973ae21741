"""The log lines of a daemon about each turn, as `feeds run` prints them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ..app.operations import RunReport, count_articles
from ..formatting import format_count, sanitize_line

log = logging.getLogger("feeds.daemon")

MAX_NAMED_SOURCES = 5


def log_turn(report: RunReport) -> None:
    """Log what changed for the worse or the better; nothing when nothing changed."""
    for failure in report.worse:
        fields = {"source": failure.source, "sentence": failure.sentence}
        log.warning("%s: %s", failure.source, sanitize_line(failure.sentence), extra=fields)
    for source_id in report.better:
        log.info("%s: works again", source_id, extra={"source": source_id})
    totals = []
    if report.articles:
        totals.append(f"{count_articles(report.articles)} ({_name_sources(report.changes)})")
    if report.files:
        totals.append(f"{format_count(len(report.files), 'file')} written")
    if totals:
        counts = {"articles": report.articles, "changes": report.changes, "files": len(report.files)}
        log.info(", ".join(totals), extra=counts)


def _name_sources(changes: Mapping[str, int]) -> str:
    """Return `bbc 3, metro 1`, those with most articles first."""
    most = sorted(((number, id) for id, number in changes.items() if number), key=lambda pair: (-pair[0], pair[1]))
    names = [f"{id} {number}" for number, id in most[:MAX_NAMED_SOURCES]]
    return ", ".join([*names, *([f"{len(most) - len(names)} more sources"] if len(most) > len(names) else [])])
