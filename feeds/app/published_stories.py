"""The stories that the declared feeds hold, as these show them: what the search may find."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .. import pipeline
from ..model import Article, ArticleFunction, Config, Feed, Source
from ..publication_gate import PublicationGate, hide_origin
from ..steps import apply_source_steps
from ..store import StoreReader


@dataclass(frozen=True)
class _Presentation:
    """How articles are shown: by the functions of each feed of the YAML, in its order, and without secrets."""

    config: Config
    functions: Mapping[str, Sequence[ArticleFunction]]
    gate: PublicationGate


class PublishedStories:
    """Reads what the feeds hold out of a store that another process writes. Raises StoreError.

    A story is shown by the first feed that holds it and whose steps, as they are declared now, still let it through.
    """

    def __init__(self, current_config: Callable[[], Config], reader: StoreReader) -> None:
        self._current_config = current_config
        self._reader = reader
        self._last: _Presentation | None = None

    def feed_ids(self) -> Sequence[str]:
        """Return the ids of the declared feeds that were published, those that `each` stands for too."""
        config = self._current_config()
        return [id for id in self._reader.feed_ids() if _find_feed(id, config)]

    def newest_key(self) -> int | None:
        """Return the highest key of an article; 0 where there is none, None where there is no store to read."""
        return self._reader.newest_key()

    def marks(self, keys: range) -> Mapping[int, int]:
        """Return a number for each story with a key in a range; another one once it was published anew."""
        return self._reader.published_marks(self.feed_ids(), keys)

    def read(self, keys: Collection[int]) -> dict[int, Article]:
        """Return those of these stories that are shown, by their keys."""
        presentation, feed_ids = self._present(), dict[int, Collection[str]]()
        sources: dict[str, Source] = {}

        def stored() -> Iterator[Article]:
            for article, ids in self._reader.published(self.feed_ids(), keys):
                if source := _find_source(article.source_id, presentation.config):
                    feed_ids[article.key], sources[article.source_id] = ids, source
                    yield hide_origin(article, source)

        articles = list(stored())
        return {
            article.key: shown
            for article in apply_source_steps(sources, iter(articles), pipeline.STEP_CONTEXT)
            if (shown := _show(presentation.gate.clean_article(article), feed_ids[article.key], presentation))
        }

    def _present(self) -> _Presentation:
        config, last = self._current_config(), self._last
        if last is None or last.config is not config:
            addresses = {source.address for source in config.sources.values() if source.private and not source.root}
            gate = PublicationGate(config.searched_secrets, self._reader.authority(), frozenset(addresses))
            functions = {id: pipeline.article_functions(feed) for id, feed in config.feeds.items()}
            self._last = last = _Presentation(config, functions, gate)
        return last


def _find_feed(id: str, config: Config) -> Feed | None:
    """Return the feed of the YAML that was published under this id: `each/member` stands in it as `each`."""
    feed = config.feeds.get(id) or config.feeds.get(id.partition("/")[0])
    return feed if feed and bool(feed.each) == ("/" in id) else None


def _find_source(id: str, config: Config) -> Source | None:
    """Return the source of the YAML; of an outline of an OPML list the list, which has its settings."""
    return config.sources.get(id) or config.sources.get(id.partition("/")[0])


def _show(article: Article, feed_ids: Collection[str], presentation: _Presentation) -> Article | None:
    declared = {feed.id for id in feed_ids if (feed := _find_feed(id, presentation.config))}
    return pipeline.show_article(article, (of for id, of in presentation.functions.items() if id in declared))
