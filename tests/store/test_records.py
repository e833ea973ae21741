"""Records ↔ text: whatever an article or a carried story holds comes back equal."""

from __future__ import annotations

import json
import pickle
import typing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from database import add_articles, open_store, visit_of
from factories import HOUR, NOON, article, failed, failure, source, unchanged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.errors import StoreError
from feeds.model import Article, Failure, Hints, Link, Media, Move, Outline, Story, replace
from feeds.rows import articles
from feeds.rows.values import decode_time, encode_time, sanitize_id, to_json
from feeds.store import DatabaseAddress
from feeds.store import articles as stored_articles

TEXTS = st.text(max_size=12)
TRANSIENT_FIELDS: typing.Any = {"found": {}, "reader": "", "title_key": "", "also_at": ()}
MOMENTS = st.datetimes(timezones=st.just(UTC))


def records(kind: type) -> st.SearchStrategy[typing.Any]:
    """Any record of this kind, whatever fields it may grow."""
    return st.builds(kind, **{field.name: _value(field.type) for field in msgspec.structs.fields(kind)})


def read_back(record: msgspec.Struct) -> msgspec.Struct:
    return msgspec.json.decode(to_json(record), type=type(record))


def _value(hint: typing.Any) -> st.SearchStrategy[typing.Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is str:
        return TEXTS
    if hint is datetime:
        return MOMENTS
    if hint is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if origin is tuple:
        return st.lists(_value(arguments[0]), max_size=2).map(tuple)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is not None and issubclass(origin, typing.Mapping):
        return st.dictionaries(TEXTS, TEXTS, max_size=2)
    if arguments:  # a union with None
        return st.none() | _value(next(argument for argument in arguments if argument is not type(None)))
    return records(hint) if issubclass(hint, msgspec.Struct) else st.from_type(hint)


@settings(max_examples=150)
@given(records(Article))
def test_an_article_comes_back_equal(article: Article) -> None:
    assert pickle.loads(pickle.dumps(article)) == article  # they come from worker processes
    columns = tuple(getattr(article, name) for name in articles.COLUMN_FIELDS)
    assert articles.decode_body(articles.encode_body(article), columns) == replace(article, **TRANSIENT_FIELDS)


@settings(max_examples=150)
@given(records(Article))
def test_an_article_comes_back_from_its_row_as_its_source_tells_it(article: Article) -> None:
    row = articles.encode_article(article)
    assert pickle.loads(pickle.dumps(row)) == row
    ids = {name: sanitize_id(getattr(article, name)) for name in ("upstream_id", "published_id")}
    untold = {"key": 0, "changed": 0, "is_addition": False, "story_key": "", **TRANSIENT_FIELDS}
    assert articles.decode_article(row) == replace(article, **ids, **untold)


@pytest.mark.parametrize(("reader", "is_dated"), [("xml", True), ("page", False)])
def test_R13_a_new_entry_that_only_says_when_it_was_updated_is_published_then(
    address: DatabaseAddress, reader: str, is_dated: bool
) -> None:
    """That date stays when the entry is updated again (DESIGN §3)."""
    entry = article(published=None, modified=NOON - HOUR, reader=reader)
    assert articles.encode_article(entry).is_dated_by_update is is_dated
    assert articles.decode_article(articles.encode_article(entry)).published is None
    with open_store(address, source()) as store:
        add_articles(store, entry)
        add_articles(store, replace(entry, modified=NOON, title="Again", story_digest="d2"))
        (stored,) = store.articles()
        assert (stored.published, stored.modified) == (NOON - HOUR if is_dated else None, NOON)


@settings(max_examples=150)
@given(records(Story))
def test_a_story_comes_back_equal(story: Story) -> None:
    assert read_back(story) == story
    assert pickle.loads(pickle.dumps(story)) == story


@settings(max_examples=150)
@given(records(Move) | records(Hints) | records(Failure) | records(Outline))
def test_small_facts_come_back_equal(fact: Move | Hints | Failure | Outline) -> None:
    assert read_back(fact) == fact


@given(MOMENTS)
def test_moments_come_back_to_the_microsecond(moment: datetime) -> None:
    assert decode_time(encode_time(moment)) == moment


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(st.lists(records(Article), max_size=6, unique_by=lambda article: sanitize_id(article.upstream_id)))
def test_what_is_recorded_is_seen_and_read_back(records: list[Article]) -> None:
    """record → seen items → articles, through the file and a second opening of it."""
    records = [replace(article, source_id="a", minted_id=f"tag:{n}") for n, article in enumerate(records)]
    with TemporaryDirectory() as folder:
        with open_store(Path(folder) / "feeds.db", source()) as store:
            add_articles(store, *records)
        with open_store(Path(folder) / "feeds.db", source()) as store:
            stored_articles = {article.upstream_id: article for article in store.articles()}
            digests = {sanitize_id(article.upstream_id): article.story_digest for article in records}
            assert store.seen_items("a").digests == digests
            for article in records:
                stored = stored_articles[sanitize_id(article.upstream_id)]
                names = ("upstream_id", "published_id", "key", "changed", "is_addition", "story_key")
                assigned = {name: getattr(stored, name) for name in names}
                assert stored == replace(article, **assigned, **TRANSIENT_FIELDS)
                assert stored.key and stored.changed and stored.is_addition


def test_text_that_utf8_cannot_encode_is_replaced(address: DatabaseAddress) -> None:
    story = Story(id="\ud800", extra={"\udfff": "\0"}, links=(Link("a\udc80"), Link("b")))
    assert read_back(story) == Story(id="?", extra={"?": "\0"}, links=(Link("a?"), Link("b")))
    with open_store(address, source()) as store:
        add_articles(
            store, article(html="<p>\ud800</p>", title="\udfff", url="https://x.example/\ud800", tags=("\ud800",))
        )
        (stored,) = store.articles()
        assert (stored.html, stored.title, stored.url, stored.tags) == ("<p>?</p>", "?", "https://x.example/?", ("?",))
        store.record([failed(visit_of(store), "no file \udcff", move=Move("https://x.example/\ud800", NOON, 1))])
        assert visit_of(store).state.move == Move("https://x.example/?", NOON, 1)
        (status,) = store.statuses()
        assert status.failure == failure("no file ?")


def test_the_body_is_plain_json_without_defaults() -> None:
    assert json.loads(articles.encode_body(article())) == {
        "title": "Title 1",
        "summary": "Summary",
        "published": f"{NOON.replace(hour=11):%Y-%m-%dT%H:%M:%SZ}",
        "minted_id": "tag:wire.example.org,2026:a/1",
        "modified": None,
    }


def test_no_stored_record_holds_a_set_or_a_time_of_unknown_precision() -> None:
    """JSON has no sets, and msgspec cuts offsets to minutes: what is stored is in UTC."""
    noon = datetime(2026, 11, 22, 13, 0, 0, 1, tzinfo=timezone(timedelta(hours=1)))
    assert read_back(Move("https://x.example/", noon, 1)) == Move("https://x.example/", noon, 1)
    assert not list(sets_in(Article)) and not list(sets_in(Story))


def sets_in(kind: type, path: str = "") -> Iterator[str]:
    for field in msgspec.structs.fields(kind):
        for part in (field.type, *typing.get_args(field.type)):
            if typing.get_origin(part) in (set, frozenset) or part in (set, frozenset):
                yield f"{path}.{field.name}"
            elif isinstance(part, type) and issubclass(part, msgspec.Struct):
                yield from sets_in(part, f"{path}.{field.name}")


@pytest.mark.parametrize("text", ["x", "[]", "{}", '{"title": 1}', '{"title": "\\ud800"}'])
@pytest.mark.parametrize("column", ["body", "story"])
def test_json_that_cannot_be_read_is_an_error(path: Path, column: str, text: str) -> None:
    with open_store(path, source()) as store:
        add_articles(store, article())
        table = "articles" if column == "body" else "visits"
        with store._engines.write() as connection:
            connection.exec_driver_sql(f"UPDATE {table} SET {column} = ?", (text,))
        if (column, text) == ("story", "{}"):
            assert store.due(NOON + HOUR)[0].story == Story()
            return
        with pytest.raises(StoreError, match="damaged"):
            _ = list(store.articles()), store.due(NOON + HOUR)


def test_a_default_that_is_written_out_is_no_change(address: DatabaseAddress) -> None:
    """Whether msgspec leaves a default out depends on which object it is, not on its value."""
    media = Media("https://x.example/v", role="".join(["con", "tent"]))
    assert articles.encode_body(article(media=(media,))) != articles.encode_body(article(media=(Media(media.url),)))
    with open_store(address, source()) as store:
        add_articles(store, article(media=(media,)))
        before = store.change_numbers()
        assert add_articles(store, article(media=(Media(media.url),), story_digest="other")) == {}
        assert store.change_numbers() == before
        assert store.seen_items("a").digests == {"https://x.example/1": "other"}


LONG_HTML = f"<p>{'Some words of a long story. ' * 400}</p>"


def test_L8_long_html_is_stored_compressed(path: Path) -> None:
    with open_store(path, source()) as store:
        add_articles(store, article("1", html=LONG_HTML), article("2"))
        with store._engines.read() as connection:
            sizes = connection.exec_driver_sql("SELECT length(html) FROM articles ORDER BY key").scalars().all()
        assert sizes[0] < len(LONG_HTML) / 10 and sizes[1] == len("<p>Text</p>")
        assert [stored.html for stored in store.articles()] == [LONG_HTML, "<p>Text</p>"]
        assert list(store.damage()) == []


def test_L8_html_that_was_stored_as_it_is_does_not_change_by_being_compressed(path: Path) -> None:
    with open_store(path, source()) as store:
        add_articles(store, article(html=LONG_HTML))
        with store._engines.write() as connection:
            row = connection.execute(stored_articles._CHECKED).one()
            checksum = stored_articles.row_checksum(tuple(row)[:-4], row.body, LONG_HTML.encode(), row.story_key)
            connection.exec_driver_sql("UPDATE articles SET html = ?, checksum = ?", (LONG_HTML, checksum))
        before = store.change_numbers()
        assert add_articles(store, article(html=LONG_HTML, story_digest="other")) == {}
        assert store.change_numbers() == before
        assert [stored.html for stored in store.articles()] == [LONG_HTML]
        assert add_articles(store, article(html=LONG_HTML + "<p>More</p>", story_digest="third")) == {"a": 1}


def test_F8_compressed_html_that_was_damaged_is_an_error(path: Path) -> None:
    with open_store(path, source()) as store:
        add_articles(store, article(html=LONG_HTML))
        with store._engines.write() as connection:
            connection.exec_driver_sql("UPDATE articles SET html = substr(html, 1, length(html) - 9)")
        with pytest.raises(StoreError, match="damaged"):
            _ = list(store.articles())
        with pytest.raises(StoreError, match="damaged"):
            add_articles(store, article(html=LONG_HTML + "x", story_digest="other"))


def test_an_outcome_without_news_writes_no_article(tmp_path: Path) -> None:
    """E4, as the store sees it."""
    with open_store(tmp_path / "feeds.db", source()) as store:
        add_articles(store, article())
        before = store.change_numbers()
        assert store.record([unchanged(visit_of(store))]) == {}
        assert store.change_numbers() == before
