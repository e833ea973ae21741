"""The step `rewrite`: it replaces what patterns find in fields of articles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from html import escape, unescape

from ..clean_html import TAG
from ..model import Article, ArticleFunction, Pattern, StepContext, replace
from .conditions import Conditions, sign_ages, start_conditions
from .tag import with_tags

TextFunction = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Substitution:
    """One pattern, and what is written for each of its occurrences in a field; `\\1` is its first group."""

    field: str
    pattern: Pattern
    replacement: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Replace what patterns find in fields of the articles for which all conditions hold.

    A title that nothing would be left of, and an address that would be none, stay as they are.
    """

    substitutions: tuple[Substitution, ...]
    when: Conditions = ()

    def start(self, context: StepContext) -> ArticleFunction:
        """Return the function that rewrites an article."""
        holds = start_conditions(sign_ages(self.when, ">"), context)
        rewriters = [
            (FIELD_REWRITERS[entry.field], partial(entry.pattern.sub, entry.replacement))
            for entry in self.substitutions
        ]

        def rewrite(article: Article) -> Article:
            if holds(article):
                for rewrite_field, substitute in rewriters:
                    article = rewrite_field(article, substitute, context)
            return article

        return rewrite


def _rewrite_title(article: Article, substitute: TextFunction, context: StepContext) -> Article:
    title = substitute(article.title)
    if title == article.title or not (title := context.clean_text(title)):
        return article
    return replace(article, title=title)


def _rewrite_summary(article: Article, substitute: TextFunction, context: StepContext) -> Article:
    summary = substitute(article.summary)
    return article if summary == article.summary else replace(article, summary=context.clean_text(summary))


def _rewrite_html(article: Article, substitute: TextFunction, context: StepContext) -> Article:
    html = substitute(article.html)
    return article if html == article.html else replace(article, html=context.clean(html))


def _rewrite_text(article: Article, substitute: TextFunction, context: StepContext) -> Article:
    """Rewrite what stands between the tags."""

    def substitute_between(html: str) -> str:
        tags = TAG.findall(html)
        texts = (_substitute_escaped(text, substitute) for text in TAG.split(html))
        return "".join(piece for pair in zip(texts, [*tags, ""], strict=True) for piece in pair)

    return _rewrite_html(article, substitute_between, context)


def _substitute_escaped(html: str, substitute: TextFunction) -> str:
    text = unescape(html)
    changed = substitute(text) if text else text
    return html if changed == text else escape(changed, quote=False)


def _rewrite_url(article: Article, substitute: TextFunction, context: StepContext) -> Article:
    url = substitute(article.url or "")
    if url == (article.url or "") or not (clean := context.clean_url(url)):
        return article
    return replace(article, url=clean)


def _rewrite_authors(article: Article, substitute: TextFunction, context: StepContext) -> Article:
    names = [substitute(author.name) for author in article.authors]
    if names == [author.name for author in article.authors]:
        return article
    pairs = zip(article.authors, map(context.clean_text, names), strict=True)
    return replace(article, authors=tuple(replace(author, name=name) for author, name in pairs if name))


def _rewrite_tags(article: Article, substitute: TextFunction, context: StepContext) -> Article:
    tags = [substitute(tag) for tag in article.tags]
    return article if tags == [*article.tags] else with_tags(article, filter(None, map(context.clean_text, tags)))


def _rewrite_any(article: Article, substitute: TextFunction, context: StepContext) -> Article:
    for rewrite_field in (_rewrite_title, _rewrite_summary, _rewrite_text):
        article = rewrite_field(article, substitute, context)
    return article


FIELD_REWRITERS: Mapping[str, Callable[[Article, TextFunction, StepContext], Article]] = {
    "title": _rewrite_title,
    "summary": _rewrite_summary,
    "text": _rewrite_text,
    "html": _rewrite_html,
    "url": _rewrite_url,
    "author": _rewrite_authors,
    "tag": _rewrite_tags,
    "any": _rewrite_any,
}
