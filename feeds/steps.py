"""Which articles a feed lets through: one entry of `STEPS` for each kind of step, run lazily in the order of the YAML.

Articles come as the store gives them: by position, newest first (R7). A step never changes that order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import takewhile

from .model import Article, Condition, Drop, Keep, Limit, Source, Step

Test = Callable[[Article], bool]


def apply(steps: Sequence[Step], articles: Iterator[Article]) -> Iterator[Article]:
    """Give the articles that pass all steps, reading no further than the steps need."""
    for step in steps:
        stage = STEPS[type(step)]
        articles = stage.run(stage.test(step), articles)
    return articles


def apply_per_source(sources: Mapping[str, Source], articles: Iterator[Article]) -> Iterator[Article]:
    """Give the articles that pass the steps of their own source; a source's `limit` counts its articles alone."""
    tests = {
        id: [STEPS[type(step)].test(step) for step in source.steps] for id, source in sources.items() if source.steps
    }
    if not tests:
        return articles
    # `all` ends at the first refusal, so a limit counts only what the steps before it let through.
    return (article for article in articles if all(test(article) for test in tests.get(article.source_id, ())))


# ── text of an article, as conditions see it ────────────────────────────────────────────────────────────────────────

_QUOTED = r"""[^<>"']*(?:(?:"[^"]*"|'[^']*')[^<>"']*)*>"""  # to the end of a tag; `>` may stand in an attribute
_BREAK = re.compile(
    r"</?(?:address|article|aside|blockquote|br|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|img|li|main|nav"
    rf"|ol|p|pre|section|table|tbody|td|tfoot|th|thead|tr|ul|video|audio)\b{_QUOTED}",
    re.IGNORECASE,
)
_TAG = re.compile(rf"</?[a-zA-Z]{_QUOTED}")


def _plain(html: str) -> str:
    """Give the text of clean HTML: blocks keep their words apart, inline markup does not split a word."""
    return " ".join(unescape(_TAG.sub("", _BREAK.sub(" ", html))).split())


def _anywhere(article: Article) -> Iterator[str]:
    yield article.title
    yield article.summary
    yield _plain(article.html)


# What is absent is searched as the empty text, so that `author: "^$"` finds the articles without one.
FIELDS: Mapping[str, Callable[[Article], Iterable[str]]] = {
    "title": lambda article: (article.title,),
    "summary": lambda article: (article.summary,),
    "text": lambda article: (_plain(article.html),),
    "url": lambda article: (article.url or "",),
    "author": lambda article: [author.name for author in article.authors] or ("",),
    "tag": lambda article: article.tags or ("",),
    "language": lambda article: (article.language or "",),
    "source": lambda article: (article.source_id,),
    "any": _anywhere,
}


def _holds(condition: Condition, article: Article) -> bool:
    search = condition.pattern.search
    return any(search(text) for text in FIELDS[condition.field](article))


# ── the steps ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _keeps(step: Keep) -> Test:
    return lambda article: all(_holds(condition, article) for condition in step.conditions)


def _drops(step: Drop) -> Test:
    return lambda article: not all(_holds(condition, article) for condition in step.conditions)


def _limits(step: Limit) -> Test:
    """Refuse once `count` have passed and the position is more than `hours` older than the newest first-seen.

    The window is measured on the position, which is never later than the first-seen. Two things follow. The backlog of
    a source added today was first seen today but is dated long ago: it does not flood the feed. And the articles come
    by falling position while the newest first-seen can only rise, so a refusal holds for all that follow: reading ends
    there, however many articles the store holds.
    """
    window = step.hours * 3600
    passed, newest = 0, None

    def test(article: Article) -> bool:
        nonlocal passed, newest
        newest = article.first_seen if newest is None else max(newest, article.first_seen)
        passed += 1
        return passed <= step.count or (newest - article.position).total_seconds() < window

    return test


@dataclass(frozen=True, slots=True)
class StepKind:
    """A kind of step: `test` begins one run of it, `run` draws articles through that test."""

    test: Callable[..., Test]
    run: Callable[[Test, Iterator[Article]], Iterator[Article]]


STEPS: Mapping[type[Step], StepKind] = {
    Keep: StepKind(_keeps, filter),
    Drop: StepKind(_drops, filter),
    Limit: StepKind(_limits, takewhile),
}
