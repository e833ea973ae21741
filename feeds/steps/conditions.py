"""Conditions: patterns that are searched for in fields of an article, and bounds of its age."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from ..clean_html import strip_tags
from ..model import Article, Pattern, StepContext

ArticleTest = Callable[[Article], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One test on one field of an article; `pattern` is searched for. Field `any` means title, summary and text."""

    field: str
    pattern: Pattern

    def start(self, context: StepContext) -> ArticleTest:
        """Return the test."""
        texts, search = FIELD_TEXTS[self.field], self.pattern.search
        return lambda article: any(search(text) for text in texts(article))

    def describe(self, article: Article, context: StepContext) -> str:
        """Return what the test finds in an article."""
        for text in FIELD_TEXTS[self.field](article):
            if occurrence := self.pattern.search(text):
                found = occurrence.group()
                words = found.decode("utf-8", "replace") if isinstance(found, bytes) else found
                return f"{self.field} has “{words.strip()}”" if words.strip() else f"{self.field} matches “{text}”"
        return f"{self.field} does not match"


@dataclass(frozen=True, slots=True)
class Age:
    """A test on the age of an article: the time from its position to the newest first-seen of the feed's candidates.

    Without a `sign` it stands for the age up to which articles pass: `keep` keeps the younger, other steps take the
    older ones. Where no newest article is known, nothing has an age.
    """

    seconds: float
    sign: Literal["", "<", ">"] = ""

    def start(self, context: StepContext) -> ArticleTest:
        """Return the test."""
        newest, is_younger = context.newest(), self.sign == "<"
        if newest is None:
            return lambda article: False
        oldest = newest - timedelta(seconds=self.seconds)
        return lambda article: (article.position >= oldest) is is_younger

    def describe(self, article: Article, context: StepContext) -> str:
        """Return the age of an article."""
        newest = context.newest() or article.position
        hours = (newest - article.position).total_seconds() / 3600
        return f"{hours / 24:.0f} days old" if hours >= 48 else f"{hours:.0f} hours old"


Conditions = tuple[Condition | Age, ...]
# Of the field `when` of a step.
WHEN: Mapping[str, Any] = {
    "description": "Only articles for which all these conditions hold.",
    "example": {"title": ["rain", "snow"]},
}


def start_conditions(conditions: Iterable[Condition | Age], context: StepContext) -> ArticleTest:
    """Return the test whether all conditions hold."""
    tests = [condition.start(context) for condition in conditions]
    return lambda article: all(test(article) for test in tests)


def describe_conditions(conditions: Sequence[Condition | Age], article: Article, context: StepContext) -> str:
    """Return what the first condition that does not hold finds in an article, or what all find, which hold."""
    failed = [condition for condition in conditions if not condition.start(context)(article)][:1]
    return ", ".join(condition.describe(article, context) for condition in failed or conditions)


def sign_ages(conditions: Iterable[Condition | Age], sign: Literal["<", ">"]) -> Conditions:
    """Return the conditions with a sign for each age that has none."""
    return tuple(
        replace(condition, sign=sign) if isinstance(condition, Age) and not condition.sign else condition
        for condition in conditions
    )


# ── text of an article that conditions search ───────────────────────────────────────────────────────────────────────


def _all_texts(article: Article) -> Iterator[str]:
    yield article.title
    yield article.summary
    yield strip_tags(article.html)


# What is absent is searched as the empty text, so that `author: "^$"` finds the articles without one.
FIELD_TEXTS: Mapping[str, Callable[[Article], Iterable[str]]] = {
    "title": lambda article: (article.title,),
    "summary": lambda article: (article.summary,),
    "text": lambda article: (strip_tags(article.html),),
    "url": lambda article: (article.url or "",),
    "author": lambda article: [author.name for author in article.authors] or ("",),
    "tag": lambda article: article.tags or ("",),
    "language": lambda article: (article.language or "",),
    "source": lambda article: (article.source_id,),
    "any": _all_texts,
}
