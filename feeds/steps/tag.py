"""The step `tag`: it adds tags to articles and removes some."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..model import Article, ArticleFunction, Category, StepContext, replace
from .conditions import WHEN, Conditions, sign_ages, start_conditions


@dataclass(frozen=True, slots=True)
class Tag:
    """Add tags and remove tags, whatever their case, where all conditions hold."""

    add: tuple[str, ...] = field(default=(), metadata={"description": "Tags to add.", "example": ["weather"]})
    remove: tuple[str, ...] = field(
        default=(), metadata={"description": "Tags to remove, in upper or lower case.", "example": ["misc"]}
    )
    when: Conditions = field(default=(), metadata=WHEN)

    def __post_init__(self) -> None:
        """Raise ValueError where nothing would change."""
        if not self.add and not self.remove:
            raise ValueError("no tag stands here, expected such as tag: {add: [weather], when: {title: [rain, snow]}}")

    def start(self, context: StepContext) -> ArticleFunction:
        """Return the function that changes the tags."""
        holds, removed = start_conditions(sign_ages(self.when, ">"), context), {tag.casefold() for tag in self.remove}

        def change(article: Article) -> Article:
            if not holds(article):
                return article
            return with_tags(article, [*(tag for tag in article.tags if tag.casefold() not in removed), *self.add])

        return change


def with_tags(article: Article, tags: Iterable[str]) -> Article:
    """Return the article with these tags, each once, and without the categories that name one it had before only."""
    names: dict[str, str] = {}
    for tag in tags:
        names.setdefault(tag.casefold(), tag)
    unique = tuple(names.values())
    if unique == article.tags:
        return article
    gone = {tag.casefold() for tag in article.tags} - names.keys()
    return replace(article, tags=unique, categories=tuple(c for c in article.categories if not _names(c) & gone))


def _names(category: Category) -> set[str]:
    return {category.term.casefold(), (category.label or "").casefold()}
