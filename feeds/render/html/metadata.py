"""schema.org metadata of pages, as JSON-LD."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...model import Article, Author, Site, StoryPage
from .. import formatting, json_feed
from .language import PageLanguage
from .story_list import Day

MAX_LISTED = 10  # stories of a list: search engines show no more


def story_json_ld(article: Article, site: Site, page: StoryPage) -> str:
    """Return a story of our own as an article."""
    published, modified = formatting.article_dates(article)
    return _encode(
        {
            "@context": "https://schema.org",
            "@type": "Article",
            "headline": article.title,
            "description": article.summary,
            "url": article.url or page.address,
            "mainEntityOfPage": page.address,
            "datePublished": published and formatting.format_rfc3339(published),
            "dateModified": modified and formatting.format_rfc3339(modified),
            "author": [_person(author) for author in article.authors],
            "image": article.image,
            "keywords": list(article.tags),
            "inLanguage": article.language or site.language,
            "publisher": {"@type": "Organization", "name": site.title, "url": site.url},
        }
    )


def list_json_ld(title: str, address: str, days: Iterable[Day], language: PageLanguage) -> str:
    """Return a list of stories as a page with links in order."""
    stories = [story for day in days for story in day.stories][:MAX_LISTED]
    items = [
        {"@type": "ListItem", "position": number, "name": story.title, "url": story.url}
        for number, story in enumerate(stories, 1)
    ]
    return _encode(
        {
            "@context": "https://schema.org",
            "@type": "CollectionPage",
            "name": title,
            "url": address,
            "inLanguage": language.tag,
            "mainEntity": {"@type": "ItemList", "itemListElement": items} if items else None,
        }
    )


def _encode(properties: Mapping[str, object]) -> str:
    """Return JSON without the empty properties, and without a character that could end the script element."""
    text = json_feed.encode_json({name: value for name, value in properties.items() if value})
    return text.replace("<", "\\u003c")


def _person(author: Author) -> dict[str, str]:
    return {"@type": "Person", "name": author.name} | ({"url": author.url} if author.url else {})
