"""The search of the server process: its index, and its answers.

The index holds words alone. What is shown of a story comes out of the store each time, so that one that no feed holds
any more is not found, whatever the index says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from .. import pipeline
from ..model import Config, SearchResults
from ..render import render_search_feed, render_search_page
from ..search_text import parse_query
from ..serve.search import SearchEndpoint, SearchRequest
from ..store import SearchIndex, ServerDatabase, StoreReader
from ..store.search_index import MAX_FOUND
from .published_stories import PublishedStories
from .search_filler import SearchFiller

PAGE_SIZE = 20
MAX_TWINS = 8  # articles of one story; the first is shown, and names the sources of the others


class SiteSearch:
    """Searches what the feeds have published; `filler` makes the index, `endpoint` answers requests."""

    def __init__(self, current_config: Callable[[], Config], reader: StoreReader, database: ServerDatabase) -> None:
        self._current_config = current_config
        self._stories = PublishedStories(current_config, reader)
        self._index = SearchIndex(database)
        self.filler = SearchFiller(current_config, self._stories, self._index)
        self.endpoint = SearchEndpoint(self.respond, current_config().server.trusted_proxies)

    def respond(self, request: SearchRequest) -> tuple[bytes, bool]:
        """Return the page or the JSON Feed of a search, and whether it is whole. Raises StoreError."""
        results = self._search(request)
        render = render_search_feed if request.as_feed else render_search_page
        return render(self._current_config().site, results), not results.problem

    def _search(self, request: SearchRequest) -> SearchResults:
        found = self._index.find(parse_query(request.query), newest_first=request.newest_first)
        if found is None:
            return SearchResults(request.query, newest_first=request.newest_first, problem="too_slow")
        page_count = max(1, -(-len(found) // PAGE_SIZE))
        page = min(request.page, page_count)
        stories = [keys[:MAX_TWINS] for keys in found[PAGE_SIZE * (page - 1) : PAGE_SIZE * page]]
        articles = self._stories.read([key for keys in stories for key in keys])
        shown = ([articles[key] for key in keys if key in articles] for keys in stories)
        return SearchResults(
            request.query,
            tuple(reduce(pipeline.with_twin, twins) for twins in shown if twins),
            len(found),
            sum(map(len, found)) >= MAX_FOUND,
            page,
            page_count,
            request.newest_first,
            "incomplete" if self.filler.is_filling else "",
        )
