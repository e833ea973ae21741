"""What the steps of a feed do to which article, and why, recorded while they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..formatting import format_rfc3339
from ..model import Article, StepContext, field_names

StepFunction = Callable[[Iterator[Article], StepContext], Iterator[Article]]
ArticleMembers = dict[str, object]  # what is shown of an article, as JSON members


@dataclass(slots=True)
class StepReport:
    """What one step did to which article. `dropped` is by article key, newest first."""

    step: str
    dropped: dict[int, ArticleMembers] = field(default_factory=dict)  # with the `reason`, where the step tells it
    changed: list[ArticleMembers] = field(default_factory=list)  # with the changed `fields`, and their `changes`
    merged: list[ArticleMembers] = field(default_factory=list)  # with the published id that each went `into`
    moved: list[ArticleMembers] = field(default_factory=list)  # with the places `from` and `to`, counted from 1

    def members(self) -> dict[str, object]:
        """Return the report as JSON members."""
        lists = {"changed": self.changed, "merged": self.merged, "moved": self.moved}
        return {"step": self.step, "dropped": list(self.dropped.values()), **lists}


@dataclass(frozen=True, slots=True)
class NamedStep:
    """A step as it is shown and run; a selection passes on articles only as they are."""

    name: str
    apply: StepFunction
    is_selection: bool


# ── recording ───────────────────────────────────────────────────────────────────────────────────────────────────────


def record_step(
    report: StepReport, step: NamedStep, articles: Iterator[Article], context: StepContext
) -> Iterator[Article]:
    """Run a step and record what goes in and does not come out, or comes out as another, whichever way it works."""
    originals: dict[int, Article] = {}
    places: dict[int, int] = {}  # article key → place among those that go in
    passed: list[tuple[int, ArticleMembers]] = []

    def record_input() -> Iterator[Article]:
        for article in articles:
            places[article.key] = len(places)
            report.dropped[article.key] = article_members(article)
            if not step.is_selection:
                originals[article.key] = article
            yield article

    def record_merge(article: Article, into: Article) -> None:
        report.dropped.pop(article.key, None)
        report.merged.append({**article_members(article), "into": into.published_id})

    def record_reason(article: Article, reason: str) -> None:
        if article.key in report.dropped:
            report.dropped[article.key]["reason"] = reason

    recorded = record_input()
    for article in step.apply(recorded, replace(context, report_merge=record_merge, explain=record_reason)):
        report.dropped.pop(article.key, None)
        members = article_members(article)
        passed.append((article.key, members))
        if names := _changed_fields(originals.pop(article.key, article), article):
            report.changed.append({**members, "fields": [*names], "changes": names})
        yield article
    for _ in recorded:  # what a step leaves unread is dropped as well
        originals.clear()
    report.moved.extend(_moved(places, passed))


def _changed_fields(before: Article, after: Article) -> dict[str, dict[str, object]]:
    """Return the values before and after, by field."""
    if before is after:
        return {}
    values = {name: (getattr(before, name), getattr(after, name)) for name in field_names(Article)}
    return {name: {"before": _plain(old), "after": _plain(new)} for name, (old, new) in values.items() if old != new}


def _plain(value: object) -> object:
    """Return a value of a field as JSON members."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping) or value is None or isinstance(value, (str, bool, int, float)):
        return value
    if names := field_names(value):
        return {name: _plain(item) for name in names if (item := getattr(value, name)) is not None}
    return str(value)


def _moved(places: Mapping[int, int], passed: Sequence[tuple[int, ArticleMembers]]) -> Iterator[ArticleMembers]:
    """Yield the articles that come out at another place than among the same ones they came in."""
    keys = sorted((key for key, _ in passed if key in places), key=places.__getitem__)
    before = {key: place for place, key in enumerate(keys, 1)}
    for place, (key, members) in enumerate(passed, 1):
        if before.get(key, place) != place:
            yield {**members, "from": before[key], "to": place}


def article_members(article: Article) -> ArticleMembers:
    """Return what is shown of an article."""
    return {
        "id": article.published_id,
        "source": article.source_id,
        "title": article.title,
        "url": article.url,
        "date": format_rfc3339(article.position),
    }
