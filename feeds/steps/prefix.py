"""The step `prefix`: it puts a text before titles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Formatter

from ..model import Article, ArticleFunction, StepContext, replace
from .conditions import WHEN, Conditions, sign_ages, start_conditions

# Placeholder → its value, which may be missing.
PLACEHOLDERS: Mapping[str, Callable[[Article], str | None]] = {
    "source": lambda article: article.source_id,
    "source_title": lambda article: (article.origin and article.origin.title) or article.source_id,
    "author": lambda article: next((author.name for author in article.authors), None),
    "tag": lambda article: next(iter(article.tags), None),
    "language": lambda article: article.language,
    "date": lambda article: article.position.date().isoformat(),
}


@dataclass(frozen=True, slots=True)
class Prefix:
    """Put a text and a space before the title where all conditions hold, and its placeholders have a value."""

    text: str = field(
        metadata={
            "description": "The text, with {source}, {source_title}, {author}, {tag}, {language} or {date} in it.",
            "example": "[{source}]",
        }
    )
    when: Conditions = field(default=(), metadata=WHEN)

    def __post_init__(self) -> None:
        """Raise ValueError for a text with an unknown placeholder."""
        try:
            pieces = [*Formatter().parse(self.text)]
        except ValueError as error:
            raise ValueError(f"`{self.text}` has a brace alone, expected {{{{ or }}}} for one") from error
        for _, name, spec, conversion in pieces:
            if name is not None and (name not in PLACEHOLDERS or spec or conversion):
                known = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
                raise ValueError(f"`{{{name}}}` is no placeholder, expected one of {known}")

    def start(self, context: StepContext) -> ArticleFunction:
        """Return the function that puts the text before a title."""
        holds = start_conditions(sign_ages(self.when, ">"), context)
        names = [name for _, name, _, _ in Formatter().parse(self.text) if name]

        def put_before(article: Article) -> Article:
            values = {name: PLACEHOLDERS[name](article) for name in names}
            if not all(values.values()) or not holds(article):
                return article
            return replace(article, title=context.clean_text(f"{self.text.format_map(values)} {article.title}"))

        return put_before
