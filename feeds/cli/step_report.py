"""What the steps of a feed do to which article, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from ..app.step_report import ArticleMembers, StepReport
from ..formatting import format_count, sanitize_line
from .common import style

MAX_ARTICLE_LINES = 20  # of those that one step drops, changes, merges or moves; --json prints all
MAX_CHANGE_LENGTH = 60  # of the text before and after; --json prints all
CONTEXT_LENGTH = 15  # letters around what was changed


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
