"""The steps that select the articles of a feed: one entry of `STEPS` a kind, run lazily in the order of the YAML.

Articles come as the store gives them: by position, newest first (R7). A step never changes that order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import takewhile

from .model import Article, Condition, Drop, Keep, Limit, Source, Step

Predicate = Callable[[Article], bool]


def apply_steps(steps: Sequence[Step], articles: Iterator[Article]) -> Iterator[Article]:
    """Return the articles that pass all steps, reading no further than the steps need."""
    for step in steps:
        kind = STEPS[type(step)]
        articles = kind.select(kind.create_predicate(step), articles)
    return articles


def apply_source_steps(sources: Mapping[str, Source], articles: Iterator[Article]) -> Iterator[Article]:
    """Return the articles that pass the steps of their own source; a source's `limit` counts its articles alone."""
    predicates = {
        id: [STEPS[type(step)].create_predicate(step) for step in source.steps]
        for id, source in sources.items()
        if source.steps
    }
    if not predicates:
        return articles
    # `all` ends at the first refusal, so a limit counts only what the steps before it let through.
    return (article for article in articles if all(passes(article) for passes in predicates.get(article.source_id, ())))


# ── text of an article that conditions search ───────────────────────────────────────────────────────────────────────

_REST_OF_TAG = r"""[^<>"']*(?:(?:"[^"]*"|'[^']*')[^<>"']*)*>"""  # to the end of a tag; `>` may stand in an attribute
_BLOCK_TAG = re.compile(
    r"</?(?:address|article|aside|blockquote|br|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|img|li|main|nav"
    rf"|ol|p|pre|section|table|tbody|td|tfoot|th|thead|tr|ul|video|audio)\b{_REST_OF_TAG}",
    re.IGNORECASE,
)
_TAG = re.compile(rf"</?[a-zA-Z]{_REST_OF_TAG}")


def _strip_tags(html: str) -> str:
    """Return the text of clean HTML: blocks keep their words apart, inline markup does not split a word."""
    return " ".join(unescape(_TAG.sub("", _BLOCK_TAG.sub(" ", html))).split())


def _all_texts(article: Article) -> Iterator[str]:
    yield article.title
    yield article.summary
    yield _strip_tags(article.html)


# What is absent is searched as the empty text, so that `author: "^$"` finds the articles without one.
FIELD_TEXTS: Mapping[str, Callable[[Article], Iterable[str]]] = {
    "title": lambda article: (article.title,),
    "summary": lambda article: (article.summary,),
    "text": lambda article: (_strip_tags(article.html),),
    "url": lambda article: (article.url or "",),
    "author": lambda article: [author.name for author in article.authors] or ("",),
    "tag": lambda article: article.tags or ("",),
    "language": lambda article: (article.language or "",),
    "source": lambda article: (article.source_id,),
    "any": _all_texts,
}


def _matches(condition: Condition, article: Article) -> bool:
    search = condition.pattern.search
    return any(search(text) for text in FIELD_TEXTS[condition.field](article))


# ── the steps ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _create_keep(step: Keep) -> Predicate:
    return lambda article: all(_matches(condition, article) for condition in step.conditions)


def _create_drop(step: Drop) -> Predicate:
    return lambda article: not all(_matches(condition, article) for condition in step.conditions)


def _create_limit(step: Limit) -> Predicate:
    """Return a predicate that refuses what is beyond `count` and over `hours` older than the newest first-seen.

    The window is measured on the position, which is never later than the first-seen. Two things follow. The backlog of
    a source added today was first seen today but is dated long ago: it does not flood the feed. And the articles come
    by falling position while the newest first-seen can only rise, so a refusal holds for all that follow: reading ends
    there, however many articles the store holds.
    """
    window = step.hours * 3600
    number, newest = 0, None

    def is_within_limit(article: Article) -> bool:
        nonlocal number, newest
        newest = article.first_seen if newest is None else max(newest, article.first_seen)
        number += 1
        return number <= step.count or (newest - article.position).total_seconds() < window

    return is_within_limit


@dataclass(frozen=True, slots=True)
class StepKind:
    """A kind of step: `create_predicate` starts a run of it, `select` yields the articles that the predicate passes."""

    create_predicate: Callable[..., Predicate]
    select: Callable[[Predicate, Iterator[Article]], Iterator[Article]]


STEPS: Mapping[type[Step], StepKind] = {
    Keep: StepKind(_create_keep, filter),
    Drop: StepKind(_create_drop, filter),
    Limit: StepKind(_create_limit, takewhile),  # what follows a refused article is refused too
}
