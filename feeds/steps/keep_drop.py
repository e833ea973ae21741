"""The steps `keep` and `drop`: they select articles by patterns that are searched for in fields of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape

from ..model import Article, ArticleFunction, Pattern, StepContext


@dataclass(frozen=True, slots=True)
class Condition:
    """One test on one field of an article; `pattern` is searched for. Field `any` means title, summary and text."""

    field: str
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep an article when all conditions hold."""

    conditions: tuple[Condition, ...]

    def start(self, context: StepContext) -> ArticleFunction:
        """Return the function that passes on what is kept."""
        return lambda article: article if _match_all(self.conditions, article) else None


@dataclass(frozen=True, slots=True)
class Drop:
    """Drop an article when all conditions hold."""

    conditions: tuple[Condition, ...]

    def start(self, context: StepContext) -> ArticleFunction:
        """Return the function that passes on what is not dropped."""
        return lambda article: None if _match_all(self.conditions, article) else article


def _match_all(conditions: Iterable[Condition], article: Article) -> bool:
    return all(_matches(condition, article) for condition in conditions)


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
