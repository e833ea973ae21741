"""What the steps of a feed do to which article, and why: recorded while they run, and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..model import Article, StepContext, field_names
from .common import style
from .formatting import format_count, format_rfc3339, sanitize_line

StepFunction = Callable[[Iterator[Article], StepContext], Iterator[Article]]
ArticleMembers = dict[str, object]  # what is shown of an article, as JSON members

MAX_ARTICLE_LINES = 20  # of those that one step drops, changes, merges or moves; --json prints all
MAX_CHANGE_LENGTH = 60  # of the text before and after; --json prints all
CONTEXT_LENGTH = 15  # letters around what was changed


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


# ── lines for a terminal ────────────────────────────────────────────────────────────────────────────────────────────


def report_lines(report: StepReport) -> Iterator[str]:
    """Yield what one step did; one that did nothing drops 0 articles."""
    step = style(sanitize_line(report.step), bold=True)
    others = {"changes": report.changed, "merges": report.merged, "moves": report.moved}
    if report.dropped or not any(others.values()):
        yield from _list_lines(f"{step} drops", list(report.dropped.values()))
    for verb, articles in others.items():
        if articles:
            yield from _list_lines(f"{step} {verb}", articles)


def _list_lines(heading: str, articles: list[ArticleMembers]) -> Iterator[str]:
    yield ""
    yield f"{heading} {format_count(len(articles), 'article')}"
    for article in articles[:MAX_ARTICLE_LINES]:
        yield article_line(article)
        yield from _change_lines(article)
    if len(articles) > MAX_ARTICLE_LINES:
        yield f"  and {len(articles) - MAX_ARTICLE_LINES} more"


def article_line(article: ArticleMembers) -> str:
    """Return one article on one line, with what a step did to it."""
    date = str(article["date"])[:16].replace("T", " ")
    line = f"  {date}  {sanitize_line(str(article['title']))} ({article['source']})"
    match article:
        case {"reason": reason}:
            return f"{line}: {sanitize_line(str(reason))}"
        case {"into": published_id}:
            return f"{line} into {sanitize_line(str(published_id))}"
        case {"from": before, "to": after}:
            return f"{line} from {before} to {after}"
    return line


def _change_lines(article: ArticleMembers) -> Iterator[str]:
    changes = article.get("changes")
    for name, change in changes.items() if isinstance(changes, dict) else ():
        before, after = _difference(_words(change["before"]), _words(change["after"]))
        yield f"    {name}: {sanitize_line(before)} → {sanitize_line(after)}"


def _words(value: object) -> str:
    """Return a value of a field on one line: of people and categories the names."""
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    if isinstance(value, dict):
        return str(value.get("name") or value.get("label") or value.get("term") or value)
    return "" if value is None else str(value)


def _difference(before: str, after: str) -> tuple[str, str]:
    """Return the parts of two texts in which they differ, with some letters around; `nothing` for an empty text."""
    start = _count_equal(before, after)
    end = _count_equal(before[start:][::-1], after[start:][::-1])
    return _excerpt(before, start, len(before) - end), _excerpt(after, start, len(after) - end)


def _count_equal(one: str, other: str) -> int:
    """Return how many letters are equal at the beginning of two texts."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((count for count, (left, right) in pairs if left != right), min(len(one), len(other)))


def _excerpt(text: str, start: int, end: int) -> str:
    if not text:
        return "nothing"
    first = max(start - CONTEXT_LENGTH, 0) if len(text) > MAX_CHANGE_LENGTH else 0
    last = min(end + CONTEXT_LENGTH, first + MAX_CHANGE_LENGTH, len(text))
    last = len(text) if len(text) <= MAX_CHANGE_LENGTH else last
    return f"“{'…' if first else ''}{text[first:last]}{'…' if last < len(text) else ''}”"
