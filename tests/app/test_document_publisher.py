"""What passes the gate and the quick check is kept, up to a bound; what does not is neither kept nor published."""

from __future__ import annotations

from pathlib import Path

import factories
import pytest
from render.editions import FEED, NOON, SITE, article

from feeds.app.document_publisher import DocumentPublisher
from feeds.app.entry_cache import ENTRY_SIZE, EntryCache
from feeds.errors import PublishError
from feeds.model import Article
from feeds.publication_gate import PublicationGate
from feeds.publish import WriteResult
from feeds.publish.folder import Folder
from feeds.render.edition_writer import digest_article

FORMATS = {"rss", "atom", "json"}
SECRET = "s3cret-of-mine"


class Publication:
    """A folder, and what is published to it."""

    def __init__(self, public: Path, *secrets: str) -> None:
        self.public = public
        self.entries = EntryCache()
        gate = PublicationGate(frozenset(secrets), factories.AUTHORITY)
        self.publisher = DocumentPublisher(Folder(public), gate, self.entries)

    def publish(self, *articles: Article) -> list[WriteResult]:
        edition = factories.edition(*articles, feed=FEED, site=SITE, updated=NOON)
        return [*self.publisher.publish(self.publisher.render(edition, lambda: None))]

    def kept(self, of: Article) -> set[str]:
        """The formats in which the entry of an article is kept."""
        return {*self.entries.get(digest_article(of))}


def test_the_entries_of_published_documents_are_kept(tmp_path: Path) -> None:
    publication, published = Publication(tmp_path), article()
    publication.publish(published)
    assert publication.kept(published) == FORMATS
    assert not publication.kept(article(title="Another"))


@pytest.mark.parametrize("is_first", [True, False])
def test_R15_to_R40_an_entry_that_fails_the_quick_check_is_not_kept(tmp_path: Path, is_first: bool) -> None:
    """Neither is it published the next time, beside entries that passed."""
    publication, sound, faulty = Publication(tmp_path), article(), article(published_id="urn:x:1", url="no address")
    if not is_first:
        publication.publish(sound)
    for _ in range(2):
        with pytest.raises(PublishError, match=r"\Aworld\.rss is not published.*holds the address no%20address"):
            publication.publish(sound, faulty)
        assert not publication.kept(faulty)
    assert (tmp_path / "world.rss").exists() != is_first


def test_R15_to_R40_an_id_that_stands_twice_is_found_among_kept_entries(tmp_path: Path) -> None:
    publication, first, second = Publication(tmp_path), article(), article(title="Another")
    publication.publish(first)
    publication.publish(second)
    with pytest.raises(PublishError, match="twice"):
        publication.publish(first, second)


def test_S13_an_entry_with_a_secret_is_masked_each_time_and_not_kept(tmp_path: Path) -> None:
    publication, sound, leaking = (
        Publication(tmp_path, SECRET),
        article(),
        article(published_id="urn:x:1", title=SECRET),
    )
    publication.publish(sound)
    for articles in ((sound, leaking), (leaking,), (leaking, sound)):
        publication.publish(*articles)
        assert not publication.kept(leaking)
        for path in tmp_path.iterdir():
            assert SECRET.encode() not in path.read_bytes()
        assert (b"***" in (tmp_path / "world.json").read_bytes()) and publication.kept(sound) == FORMATS


def test_the_entries_that_no_document_held_for_longest_go_first() -> None:
    entry = b"x" * 1000
    cache = EntryCache(max_size=3 * (len(entry) + ENTRY_SIZE))
    for digest in (b"1", b"2", b"3"):
        cache.add("rss", {digest: entry})
    assert cache.get(b"1") == {"rss": entry}
    cache.add("atom", {b"3": entry})
    assert not cache.get(b"2")
    assert (cache.get(b"1"), cache.get(b"3")) == ({"rss": entry}, {"rss": entry, "atom": entry})
    assert cache.size == 3 * (len(entry) + ENTRY_SIZE)


def test_a_cache_never_takes_more_than_its_bound() -> None:
    cache, entry = EntryCache(max_size=100_000), b"x" * 5_000
    for number in range(200):
        cache.add("rss", {number.to_bytes(2): entry, (number // 2).to_bytes(2): entry})
        assert cache.size <= 100_000
    cache.add("rss", {b"large": b"x" * 200_000})
    assert (cache.size, cache.get(b"large")) == (0, {})
