"""A rewriting step: one word is written as another, in title and text."""

from __future__ import annotations

from dataclasses import dataclass, field

from feeds.model import Article, ArticleFunction, Pattern, StepContext, replace
from feeds.registry import StepKind


@dataclass(frozen=True, slots=True)
class Replace:
    """Write `by` where `word` is found."""

    word: Pattern
    by: str = field(metadata={"description": "What is written instead.", "example": "color"})

    def start(self, context: StepContext) -> ArticleFunction:
        """Return the function that rewrites an article."""

        def rewrite(article: Article) -> Article:
            html = self.word.sub(self.by, article.html)
            if html != article.html:
                html = context.clean(html)  # the pattern may have torn a tag
            return replace(article, title=self.word.sub(self.by, article.title), html=html)

        return rewrite


STEP = StepKind("replace", "Write one word as another.", Replace, "{word: colour, by: color}")
