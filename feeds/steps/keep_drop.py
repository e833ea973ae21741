"""The steps `keep` and `drop`: they select articles by conditions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ..model import Article, ArticleFunction, StepContext
from .conditions import Age, Condition, Conditions, describe_conditions, sign_ages, start_conditions


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep an article when all conditions hold; one on an age that is not known does."""

    conditions: tuple[Condition | Age, ...]

    def start(self, context: StepContext) -> ArticleFunction:
        """Return the function that passes on what is kept."""
        signed = sign_ages(self.conditions, "<")
        conditions = tuple(entry for entry in signed if not isinstance(entry, Age) or context.newest())
        _skip_older(conditions, "<", context)
        return _select(conditions, context, keeps=True)


@dataclass(frozen=True, slots=True)
class Drop:
    """Drop an article when all conditions hold."""

    conditions: tuple[Condition | Age, ...]

    def start(self, context: StepContext) -> ArticleFunction:
        """Return the function that passes on what is not dropped."""
        conditions = sign_ages(self.conditions, ">")
        _skip_older(conditions if len(conditions) == 1 else (), ">", context)
        return _select(conditions, context, keeps=False)


def _select(conditions: Conditions, context: StepContext, *, keeps: bool) -> ArticleFunction:
    """Return the function that passes on an article if the conditions hold (`keeps`), or if they do not."""
    holds, explain = start_conditions(conditions, context), context.explain

    def select(article: Article) -> Article | None:
        if holds(article) is keeps:
            return article
        if explain:
            explain(article, describe_conditions(conditions, article, context))
        return None

    return select


def _skip_older(conditions: Conditions, sign: str, context: StepContext) -> None:
    """Announce that no article beyond an age passes, so that none is read."""
    for condition in conditions:
        if (
            isinstance(condition, Age)
            and condition.sign == sign
            and context.skip_older
            and (newest := context.newest())
        ):
            context.skip_older(newest - timedelta(seconds=condition.seconds))
