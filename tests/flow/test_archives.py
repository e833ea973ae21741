"""The archives of a feed: a reader of RFC 5005 finds everything that was ever published and not taken back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import factories
import pytest
from database import open_store, visit_of
from factories import HOUR, NOON, harvest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from wire import Wire, new_wire

from feeds import compose
from feeds.app.document_publisher import DocumentPublisher
from feeds.app.feed_issuer import FeedIssuer
from feeds.model import Article, Config, Feed, ServerSettings, Site, replace
from feeds.politeness import HostLimits
from feeds.publication_gate import PublicationGate
from feeds.publish import open_target
from feeds.steps import Limit
from feeds.verify import DeclaredFeed, find_faults

ATOM = {"a": "http://www.w3.org/2005/Atom", "fh": "http://purl.org/syndication/history/1.0"}
SITE = Site("The Example Wire", "https://wire.example.org/", authority=factories.AUTHORITY)
SIZE = 3  # articles in an archive document, so that few make many


@pytest.fixture(autouse=True)
def small_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "ARCHIVE_SIZE", SIZE)


class Installation:
    """A store with two sources, and a feed of both, published to a folder."""

    def __init__(self, wire: Wire, limit: Limit) -> None:
        self.public = wire.public
        self.sources = {id: factories.source(id) for id in ("a", "b")}
        self.store = open_store(wire.database, *self.sources.values())
        self.target = open_target(self.public)
        self.now = NOON
        self.feed = Feed("world", "World", steps=(limit,), fingerprint="1", formats=("rss", "atom", "json"))
        self.articles: dict[str, Article] = {}  # by published id, as recorded last
        self.retracted: set[str] = set()
        self.published: set[str] = set()  # ids that a document must hold, unless they are retracted

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    def record(self, *articles: Article, source_id: str = "a", is_first: bool = False) -> None:
        self.now += HOUR
        visit = visit_of(self.store, source_id, self.now + 1000 * HOUR)
        self.store.record([harvest(visit, *articles, at=self.now, is_first=is_first)])
        self.articles |= {article.published_id: article for article in articles}

    def add(self, count: int, ages: Sequence[int], source_id: str = "a", is_first: bool = False) -> None:
        """Record new articles, so many hours old."""
        names = [f"{source_id}{len(self.articles) + index}" for index in range(count)]
        times = [self.now - HOUR * ages[index % len(ages)] for index in range(count)]
        articles = [
            factories.article(name, source_id, published=time, first_seen=self.now, updated=time)
            for name, time in zip(names, times, strict=True)
        ]
        self.record(*articles, source_id=source_id, is_first=is_first)
        if not is_first and self.store.ledgers():
            self.published |= {article.published_id for article in articles}

    def edit(self, id: str) -> None:
        article = self.articles[id]
        version = article.title + "'"
        edited = replace(article, title=version, story_digest=version, modified=self.now, updated=self.now)
        self.record(edited, source_id=article.source_id)

    def retract(self, id: str, undo: bool = False) -> None:
        assert self.store.retract(id, self.now, undo)
        self.retracted = self.retracted - {id} if undo else self.retracted | {id}

    def declare(self, *steps: Limit) -> None:
        self.feed = replace(self.feed, steps=steps, fingerprint=self.feed.fingerprint + "+")

    def issue(self, *, rewrite: bool = False) -> list[str]:
        """Publish the feed; return the paths that changed."""
        newest = max(self.store.change_numbers().values())
        issuer = self.issuer()
        changed = issuer.issue([(self.feed, newest)], lambda: False, rewrite=rewrite)
        issuer.raise_errors()
        self.published |= {entry.id for entry in self.entries(self.public / f"{self.feed.id}.atom")}
        return changed

    def issuer(self) -> FeedIssuer:
        config = Config(
            *(self.public, SITE, self.public, self.public, ServerSettings(), HostLimits()),
            sources=self.sources,
            feeds={self.feed.id: self.feed},
        )
        gate = PublicationGate(frozenset(), factories.AUTHORITY)
        return FeedIssuer(config, self.sources, self.store, DocumentPublisher(self.target, gate), lambda: self.now)

    # ── what a subscriber finds ─────────────────────────────────────────────────────────────────────────────────────

    def entries(self, path: Path) -> Iterator[Entry]:
        for entry in etree.fromstring(path.read_bytes()).iterfind("a:entry", ATOM):
            yield Entry(*(entry.findtext(f"a:{name}", "", ATOM) for name in ("id", "title", "updated")))

    def documents(self, start: str) -> Iterator[Path]:
        """Yield the documents from the subscription document on back to the oldest, as RFC 5005 §4 reads them."""
        path: Path | None = self.public / start
        while path:
            yield path
            root = etree.fromstring(path.read_bytes())
            links = {link.get("rel"): link.get("href") for link in root.iterfind(".//a:link", ATOM)}
            is_archive = root.find("fh:archive", ATOM) is not None
            assert is_archive == ("archive/" in str(path))
            assert links.get("current") == (SITE.url + f"{self.feed.id}.atom" if is_archive else None)
            previous = links.get("prev-archive")
            path = self.public / previous.removeprefix(SITE.url) if previous else None

    def read_back(self, start: str = "world.atom") -> dict[str, Entry]:
        """Return all entries by id; of several with one id, that with the newest `updated`."""
        found: dict[str, Entry] = {}
        first, *others = self.documents(start)
        for path in [first, *others] if start.endswith("atom") else others:
            for entry in self.entries(path):
                if entry.id not in found or found[entry.id].updated < entry.updated:
                    found[entry.id] = entry
        return found

    def check(self) -> None:
        found = self.read_back()
        expected = {id: self.articles[id].title for id in self.published - self.retracted}
        assert {id: entry.title for id, entry in found.items()} == expected
        declared = DeclaredFeed(
            self.feed, lambda: max(self.store.change_numbers().values()), self.issuer().make_documents
        )
        assert list(find_faults(self.store, self.target, {"world": declared})) == []


class Entry:
    """What a reader compares of an entry."""

    def __init__(self, id: str, title: str, updated: str) -> None:
        self.id, self.title, self.updated = id, title, updated


@pytest.fixture
def installation(wire: Wire) -> Iterator[Installation]:
    installation = Installation(wire, Limit(count=2, hours=0))
    with installation.store:
        installation.add(3, [1], is_first=True)
        installation.issue()
        yield installation


def archives(installation: Installation) -> dict[str, bytes]:
    folder = installation.public / "archive" / "world"
    return {path.stem: path.read_bytes() for path in folder.glob("*.atom")}


def test_R42_what_leaves_the_feed_is_archived(installation: Installation) -> None:
    assert archives(installation) == {}
    assert b"prev-archive" not in (installation.public / "world.atom").read_bytes()
    installation.add(1, [0])
    changed = installation.issue()
    assert changed == ["world.rss", "world.atom", "world.json", "archive/world/1.atom"]
    assert b"archive/world/1.atom" in (installation.public / "world.rss").read_bytes()
    installation.check()
    assert len(installation.read_back()) == 3


def test_what_came_with_the_first_listing_and_was_never_published_stays_out(installation: Installation) -> None:
    installation.add(5, [0], "b", is_first=True)
    installation.issue()
    installation.check()
    assert len(installation.read_back()) == 4  # two were published before, two are now


def test_R43_an_addition_rewrites_the_newest_archive_alone(installation: Installation) -> None:
    for _ in range(3 * SIZE + 1):
        installation.add(1, [0])
        before = archives(installation)
        installation.issue()
        after = archives(installation)
        sealed = set(before) - {max(before, key=int, default="0")}
        assert all(after[number] == before[number] for number in sealed)
        assert installation.issue() == []
    installation.check()
    assert [len(list(installation.entries(path))) for path in installation.documents("world.atom")] == [2, 1, 3, 3, 3]


def test_R43_an_edit_or_retraction_rewrites_its_own_archive(installation: Installation) -> None:
    for _ in range(4):
        installation.add(2, [0])
        installation.issue()
    first = next(installation.entries(installation.public / "archive/world/1.atom")).id
    installation.edit(first)
    assert installation.issue() == ["archive/world/1.atom"]
    installation.retract(first)
    assert installation.issue() == ["archive/world/1.atom"]
    installation.check()
    installation.retract(first, undo=True)
    assert installation.issue() == ["archive/world/1.atom"]
    installation.check()


def test_R43_what_the_limit_cut_off_is_archived_too(installation: Installation) -> None:
    installation.add(10, [0])
    installation.issue()
    installation.check()
    assert len(installation.read_back()) == 12


def test_the_archives_are_repaired_from_the_store(installation: Installation) -> None:
    for _ in range(8):
        installation.add(1, [0])
        installation.issue()
    before = {path: path.read_bytes() for path in installation.public.rglob("*.*")}
    shutil.rmtree(installation.public)
    installation.issue()
    assert {path: path.read_bytes() for path in installation.public.rglob("*.*")} == before
    (installation.public / "archive/world/1.atom").write_bytes(b"")
    assert installation.issue() == []  # only the newest is looked at
    assert installation.issue(rewrite=True) == ["archive/world/1.atom"]
    installation.check()


def test_A14_archives_go_with_their_feed(installation: Installation) -> None:
    for _ in range(2 * SIZE):
        installation.add(1, [0])
        installation.issue()
    before, ids = archives(installation), set(installation.read_back())
    installation.store.rename("world", "news")
    installation.feed = replace(installation.feed, id="news")
    installation.issue()
    folder = installation.public / "archive"
    assert {path.stem for path in (folder / "news").iterdir()} == before.keys() and not list(
        (folder / "world").iterdir()
    )
    assert set(installation.read_back("news.atom")) == ids
    issuer = installation.issuer()
    issuer.withdraw([installation.store.ledgers()["news"]])
    assert not [path for path in installation.public.rglob("*.*") if path.is_file()]


steps_of_a_life = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 8), st.lists(st.integers(0, 200), min_size=1, max_size=4)),
        st.tuples(st.just("list"), st.integers(1, 8), st.lists(st.integers(0, 200), min_size=1, max_size=4)),
        st.tuples(st.sampled_from(["edit", "retract", "restore"]), st.integers(0, 1000), st.just([])),
        st.tuples(st.just("limit"), st.integers(1, 6), st.lists(st.sampled_from([0, 3, 48]), min_size=1)),
        st.tuples(st.just("issue"), st.just(0), st.just([])),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps_of_a_life)
def test_R42_a_reader_finds_all_that_was_published_and_not_taken_back(life: list[tuple[str, int, list[int]]]) -> None:
    with TemporaryDirectory() as folder, new_wire(Path(folder)) as wire:
        installation = Installation(wire, Limit(count=2, hours=0))
        with installation.store:
            for what, number, numbers in life:
                ids = sorted(installation.articles)
                if what == "add":
                    installation.add(number, numbers)
                elif what == "list":
                    installation.add(number, numbers, "b", is_first=True)
                elif what == "limit":
                    installation.declare(Limit(count=number, hours=numbers[0], at_most=6))
                elif what == "issue" or not ids:
                    installation.issue()
                    installation.check()
                elif what == "edit":
                    id = ids[number % len(ids)]
                    if id not in installation.retracted:
                        installation.edit(id)
                else:
                    installation.retract(ids[number % len(ids)], undo=what == "restore")
            installation.issue()
            installation.check()
