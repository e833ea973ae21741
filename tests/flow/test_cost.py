"""What one new article costs: documents and files, counted; the time is measured by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

import factories
import pytest
from database import visit_of
from factories import HOUR
from wire import NOON, Wire

from feeds.app import application
from feeds.model import Article, Document
from feeds.publish import WriteResult
from feeds.publish.folder import Folder
from feeds.registry import formats

SOURCES, FEEDS, ARTICLES = 12, 16, 6


def article_of(source: str, number: int) -> Article:
    time = NOON - number * timedelta(days=1)
    return factories.article(f"{source}/{number}", source, published=time, first_seen=time, updated=time)


def record(app: application.App, source: str, *articles: Article, is_first: bool) -> None:
    visit = visit_of(app.store, source, app.now() + 1000 * HOUR)  # type: ignore[arg-type]
    app.store.record([factories.harvest(visit, *articles, at=app.now(), is_first=is_first)])


def test_R9_R43_a_new_article_renders_the_feeds_that_hold_it_alone(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of feeds with four sources each; the newest archive of each is written with it, and no other."""
    ids = [f"s{n}" for n in range(SOURCES)]
    sources = {id: {"feed": f"https://{id}.example.org/feed"} for id in ids}
    taken = {f"f{n}": [ids[(n * step) % SOURCES] for step in (1, 2, 3, 5)] for n in range(FEEDS)}
    limit = {"limit": {"count": 6, "hours": 0}}
    wire.declare(sources, {id: {"sources": sorted(set(names)), "steps": [limit]} for id, names in taken.items()})
    made = Counter[str]()  # documents by path

    def count(folder: Folder, documents: Iterable[Document]) -> list[WriteResult]:
        documents = list(documents)
        made.update(document.path for document in documents)
        return put(folder, documents)

    put = Folder.put
    monkeypatch.setattr(Folder, "put", count)
    with wire.app() as app:
        for id in ids:
            record(app, id, *(article_of(id, n) for n in range(1, ARTICLES)), is_first=True)
        app.issue()
        assert not [path for path in made if path.startswith("archive/")]
        shared = {path for path in made if path.partition(".")[0] not in taken} - {"index.html"}
        for number in (0, -1):
            made.clear()
            wire.now += HOUR
            record(app, "s5", article_of("s5", number), is_first=False)
            changed = app.issue()
            holders = {id for id, names in taken.items() if "s5" in names}
            assert 0 < len(holders) < FEEDS
            paths = {f"{id}.{format.name}" for id in holders for format in formats().values()}
            paths |= {f"archive/{id}/1.{f.name}" for id in holders for f in formats().values() if f.archives}
            assert set(changed) == paths | {"index.html"}
            assert made == dict.fromkeys((*changed, *shared), 1)
        made.clear()
        assert app.issue() == [] and not made
