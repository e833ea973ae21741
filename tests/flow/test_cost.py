"""What turns and one new article cost: statements, documents and files, counted; the time is measured by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta

import factories
import pytest
from database import recorded_statements, visit_of
from factories import HOUR
from origin import Document as SourceDocument
from origin import Origin
from wire import NOON, Wire, rss, until

from feeds.app import TurnOptions, application
from feeds.app.document_readers import DocumentReaders
from feeds.model import Article, Document, replace
from feeds.publish import LastPublished, WriteResult
from feeds.publish.folder import Folder
from feeds.registry import formats
from feeds.store import SqlStore, StoreReader

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

    def count(folder: Folder, documents: Iterable[Document], last: LastPublished | None) -> list[WriteResult]:
        documents = list(documents)
        made.update(document.path for document in documents)
        return put(folder, documents, last)

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
            assert made == dict.fromkeys(changed, 1)  # and not the shared files, which would be the same
        (wire.public / "feeds.opml").unlink()
        made.clear()
        assert app.issue() == []
        assert made == dict.fromkeys(shared, 1)
        made.clear()
        assert app.issue() == [] and not made


# ── nothing new, nothing due ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many documents were read, and of how many sources what is stored was."""
    calls = Counter[str]()
    for owner, name in ((DocumentReaders, "run"), (SqlStore, "seen_items")):
        monkeypatch.setattr(owner, name, _counting(getattr(owner, name), calls))
    return calls


def _counting(method: Callable[..., object], calls: Counter[str]) -> Callable[..., object]:
    def call(self: object, *arguments: object) -> object:
        calls[method.__name__] += 1
        return method(self, *arguments)

    return call


@pytest.mark.sqlite("it counts the statements of SQLite; those of PostgreSQL also take locks and check the version")
def test_L3_E4_a_round_with_nothing_new_costs_a_few_statements_for_many_visits(
    wire: Wire, origin: Origin, calls: Counter[str]
) -> None:
    """Nothing is parsed, compared or written; claims and records of many visits are a few statements each."""
    count = 400
    sources = {
        f"s{n}": origin.put(f"/s{n}", SourceDocument(rss((f"s{n}", "One")), etag='"1"' if n % 2 else None))
        for n in range(count)
    }
    wire.declare(sources)
    wire.turn()
    before, requests = wire.inodes(), len(origin.requests)
    calls.clear()
    wire.now += timedelta(hours=2)
    with wire.app() as app:
        with recorded_statements() as statements:
            turn = app.turn()
        assert (turn.visits, turn.not_modified, turn.articles, turn.files) == (count, count, 0, [])
    assert (wire.inodes(), len(origin.requests) - requests, calls) == (before, count, {})
    written = Counter(statement.split()[0] for statement in statements)
    batches = written["BEGIN"] - statements.count("BEGIN")
    assert batches == written["COMMIT"] == statements.count("BEGIN IMMEDIATE") < count / 10
    assert written["UPDATE"] == batches  # one for each claim of a batch, one for each record
    assert written["INSERT"] < batches and not written["DELETE"]  # the states of hosts, with each record
    assert written["SELECT"] < 30
    reads = [statement.split("WHERE")[0].replace("ledgers.articles", "") for statement in statements]
    assert not [read for read in reads if "articles" in read]


def test_L3_what_did_not_change_in_a_round_is_neither_read_nor_compared(
    wire: Wire, origin: Origin, calls: Counter[str]
) -> None:
    """Of sources with and without validators; what changed is read and compared once."""
    documents = [SourceDocument(rss((f"{n}", "One")), etag='"1"' if n % 2 else None) for n in range(40)]
    wire.declare({f"s{n}": origin.put(f"/s{n}", document) for n, document in enumerate(documents)})
    wire.turn()
    for number in (1, 12, 27):
        documents[number].body = rss((f"{number}", "One"), (f"{number}-2", "Two"))
        documents[number].etag = documents[number].etag and '"2"'
    calls.clear()
    wire.now += timedelta(hours=2)
    turn = wire.turn()
    assert (turn.visits, turn.not_modified, turn.articles) == (40, 37, 3)
    assert calls == {"run": 3, "seen_items": 3}


@pytest.mark.sqlite("with PostgreSQL, a commit to another database of the server is a reason to look")
def test_L1_at_rest_a_daemon_asks_the_database_nothing(wire: Wire) -> None:
    """It compares one change counter and the least due time, and looks for files that are gone now and then."""
    wire.declare({f"s{n}": {"feed": f"https://s{n}.example.org/feed"} for n in range(40)})
    tick = TurnOptions(repeat=True, max_wait=0)
    with wire.app() as app:
        app.store.claim([(visit, app.now() + HOUR) for visit in app.store.due(app.now())])
        app.issue()
        assert app.issue() == []
        app.turn(tick)
        with recorded_statements() as statements:
            assert [app.turn(tick).visits for _ in range(3)] == [0, 0, 0]
        assert statements == []
        record(app, "s3", article_of("s3", 1), is_first=True)
        assert app.store.due(app.now()) == []
        app.turn(tick)
        until(lambda: (wire.public / "all.json").exists() and len(wire.items()) == 1)


def test_an_article_is_written_once_in_each_format_for_all_feeds(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a feed of 100 articles, one that is new or edited costs one entry in each format, and the others none."""
    wire.declare(
        {"a": {"feed": "https://a.example.org/feed"}, "b": {"feed": "https://b.example.org/feed"}},
        {id: {"steps": [{"limit": 100}]} for id in ("all", "again")} | {"tagged": {"steps": [{"tag": "late"}]}},
    )
    written = Counter[str]()  # entries by format
    put = Folder.put

    def count(folder: Folder, documents: Iterable[Document], last: LastPublished | None) -> list[WriteResult]:
        documents = list(documents)
        for new in (document.new for document in documents if document.new):
            written[new.format_name] += len(new.entries)
        return put(folder, documents, last)

    monkeypatch.setattr(Folder, "put", count)
    entry_formats = [format.name for format in formats().values() if format.entry]
    articles = [article_of("a", number) for number in range(1, 100)]
    with wire.app() as app:
        record(app, "a", *articles, is_first=True)
        app.issue()
        assert written == dict.fromkeys(entry_formats, 99 + 50)  # `tagged` changes those that it holds
        for article in (article_of("b", 0), replace(articles[0], title="Edited", story_digest="edited")):
            written.clear()
            wire.now += HOUR
            record(app, article.source_id, article, is_first=False)
            assert len(app.issue()) > 2 * len(formats())
            assert written == dict.fromkeys(entry_formats, 2)  # neither what left `tagged` for its archive


@pytest.mark.sqlite("with PostgreSQL, a commit to another database of the server is a reason to look")
def test_L1_a_server_asks_for_events_only_after_a_commit(wire: Wire) -> None:
    wire.declare({"a": {"feed": "https://a.example.org/feed"}})
    with wire.app() as app, StoreReader(wire.database) as reader:
        assert len(reader.event_range()) == 0
        with recorded_statements() as statements:
            assert len(reader.event_range()) == 0
        assert statements == []
        record(app, "a", article_of("a", 1), is_first=False)
        app.issue()
        assert len(reader.event_range()) == 1
