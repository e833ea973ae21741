"""The front page: the newest stories that any feed has published, one entry for each story."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from ..compose import compose, is_published
from ..model import Article, ArticleFunction, Document, Feed, FeedStep, Issue, Site, Twin, replace
from ..render import render_front_page
from ..steps import effective_steps
from .issue import IssueIO, replace_files
from .reading import STEP_CONTEXT

MAX_STORIES = 60

# The articles that feeds have published, newest first, with the ids of these feeds.
PublishedArticles = Callable[[], Iterator[tuple[Article, Collection[str]]]]


def issue_front_page(
    page: Feed, site: Site, feeds: Mapping[str, Feed], published: PublishedArticles, io: IssueIO
) -> list[str]:
    """Regenerate the front page, whose ledger is that of `page`; return the paths that changed."""
    ledger, articles = io.ledger(page.id, ()), choose_front_page(feeds, published())
    edition = compose(page, site, articles, ledger, io.since, as_stored=False)
    files, paths = ledger.files, list[str]()
    if not is_published(edition, ledger) or not io.kept(files):
        documents = [render_front_page(edition, list(feeds.values()))]
        files, paths = replace_files(ledger.files, io.publish(documents, ledger.files), io)
    io.issued(Issue(replace(edition, changed=io.changed), {}, files, ()))
    return paths


def make_front_page(
    page: Feed, site: Site, feeds: Mapping[str, Feed], published: PublishedArticles, io: IssueIO
) -> list[Document]:
    """Return the front page as it must stand in the target."""
    articles = choose_front_page(feeds, published())
    edition = compose(page, site, articles, io.ledger(page.id, ()), io.since, as_stored=False)
    return [render_front_page(edition, list(feeds.values()))]


def choose_front_page(
    feeds: Mapping[str, Feed], published: Iterator[tuple[Article, Collection[str]]]
) -> tuple[Article, ...]:
    """Return the newest stories, each as the first of its feeds shows it.

    Of a story from several sources the newest article stands, and names the other sources.
    """
    functions = {id: article_functions(feed) for id, feed in feeds.items()}
    stories: dict[str, Article] = {}
    for article, feed_ids in published:
        shown = show_article(article, [functions[id] for id in functions if id in feed_ids])
        if shown is None:
            continue
        key = shown.story_key or shown.published_id
        if key in stories:
            stories[key] = with_twin(stories[key], shown)
        elif len(stories) == MAX_STORIES:
            break
        else:
            stories[key] = shown
    return tuple(stories.values())


def article_functions(feed: Feed) -> list[ArticleFunction]:
    """Return the functions of the steps that treat each article by itself."""
    return [step.start(STEP_CONTEXT) for step in effective_steps(feed) if not isinstance(step, FeedStep)]


def show_article(article: Article, feeds: Iterable[Sequence[ArticleFunction]]) -> Article | None:
    """Return an article as the first feed that still lets it through shows it; `feeds` are their functions."""
    for functions in feeds:
        result: Article | None = article
        for process in functions:
            result = process(result) if result is not None else None
        if result is not None:
            return result
    return None


def with_twin(article: Article, other: Article) -> Article:
    """Return an article that names another one's source, unless it does already."""
    twins = article.also_at
    if other.url is None or other.source_id in {article.source_id, *(twin.source_id for twin in twins)}:
        return article
    title = other.origin.title if other.origin else None
    return replace(article, also_at=(*twins, Twin(other.source_id, other.url, title)))
