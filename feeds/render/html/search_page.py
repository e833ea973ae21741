"""The page of a search: its form, and what was found, with the words marked that were searched for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from ...clean_html import opening_text
from ...model import Article, SearchResults, Site, replace
from ...search_text import MarkedText, Phrase, excerpt, mark, parse_query
from ..addresses import spell_addresses
from .language import PageLanguage, page_language
from .story_list import ListedStory, list_story
from .templates import render_template

MAX_SOURCE_LENGTH = 100_000  # characters of HTML that an excerpt is taken from


@dataclass(frozen=True, slots=True)
class FoundStory:
    """A story as a list shows it, and with the words marked that were searched for.

    `facts` are its people and topics, those that the words are in.
    """

    story: ListedStory
    title: Sequence[MarkedText]
    excerpt: Sequence[MarkedText]
    facts: Sequence[Sequence[MarkedText]]


def render_search_page(site: Site, results: SearchResults) -> bytes:
    """Return the page of a search; its addresses are relative to `/`."""
    language = page_language(site.language, site.timezone)
    phrases = parse_query(results.query)
    page, order = results.page, {"order": "newest"} if results.newest_first else {}

    def address(number: int) -> str:
        return _address(results.query, {**order, **({"page": str(number)} if number > 1 else {})})

    return render_template(
        "search.html",
        site,
        {
            "language": language,
            "words": language.words,
            "root": "",
            "query": results.query,
            "results": [_find_in(article, site, language, phrases) for article in results.articles],
            "count": _describe_count(results, language),
            "problem": results.problem,
            "newest_first": results.newest_first,
            "best_address": _address(results.query, {}),
            "newest_address": _address(results.query, {"order": "newest"}),
            "previous": address(page - 1) if page > 1 else None,
            "next": address(page + 1) if page < results.page_count else None,
        },
    )


def _address(query: str, parameters: dict[str, str]) -> str:
    return f"search?{urlencode({'q': query, **parameters})}"


def _describe_count(results: SearchResults, language: PageLanguage) -> str:
    name = "found_more" if results.is_cut else "found_one" if results.count == 1 else "found_many"
    return language.words[name].format(count=language.format_number(results.count))


def _find_in(article: Article, site: Site, language: PageLanguage, phrases: Sequence[Phrase]) -> FoundStory:
    story = list_story(spell_addresses(article), site, language, site.url)
    text = f"{article.summary} {opening_text(article.html, MAX_SOURCE_LENGTH)}" if article.title else ""
    found = excerpt(text, phrases)
    if not _has_match(found):
        found = mark(story.summary, phrases)
    facts = (mark(name, phrases) for name in (*(author.name for author in article.authors), *article.tags))
    story = replace(story, clock=language.format_short_day(article.position))
    return FoundStory(story, mark(story.title, phrases), found, tuple(filter(_has_match, facts)))


def _has_match(pieces: Sequence[MarkedText]) -> bool:
    return any(piece.is_match for piece in pieces)
