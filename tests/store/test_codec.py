"""Records ↔ text: whatever an article or a carried story holds comes back equal."""

from __future__ import annotations

import json
import typing
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from database import add_articles, open_store, visit_of
from factories import NOON, article, source, unchanged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.errors import StoreError
from feeds.model import Article, Failure, Hints, Move, PublishedFile, Story
from feeds.store import codec

TEXTS = st.text(max_size=12)
TRANSIENT_FIELDS: typing.Any = {"found": {}, "reader": ""}
MOMENTS = st.datetimes(timezones=st.just(UTC))


def records(kind: type) -> st.SearchStrategy[typing.Any]:
    """Any record of this kind, whatever fields it may grow."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{spec.name: _value(hints[spec.name]) for spec in fields(kind)})


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
    return records(hint) if hasattr(hint, "__dataclass_fields__") else st.from_type(hint)


@settings(max_examples=150)
@given(records(Article))
def test_an_article_comes_back_equal(article: Article) -> None:
    columns = {name: getattr(article, name) for name in codec.COLUMN_FIELDS}
    assert codec.decode_article(codec.encode_article(article), **columns) == replace(article, **TRANSIENT_FIELDS)


@settings(max_examples=150)
@given(records(Story))
def test_a_story_comes_back_equal(article: Story) -> None:
    assert codec.decode_story(codec.encode_story(article)) == article


@settings(max_examples=50)
@given(records(Move), records(Hints), records(Failure))
def test_small_facts_come_back_equal(move: Move, hints: Hints, failure: Failure) -> None:
    assert codec.decode_move(codec.encode_move(move)) == move
    assert codec.decode_hints(codec.encode_hints(hints)) == hints
    assert codec.decode_failure(codec.encode_failure(failure)) == failure


@settings(max_examples=50)
@given(st.lists(records(PublishedFile)).map(tuple))
def test_the_files_of_a_ledger_come_back_equal(files: tuple[PublishedFile, ...]) -> None:
    assert codec.decode_files(codec.encode_files(files)) == files


@given(MOMENTS)
def test_moments_come_back_to_the_microsecond(moment: datetime) -> None:
    assert codec.decode_time(codec.encode_time(moment)) == moment


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(st.lists(records(Article), max_size=6, unique_by=lambda article: codec.sanitize_id(article.upstream_id)))
def test_what_is_recorded_is_seen_and_read_back(articles: list[Article]) -> None:
    """record → seen items → articles, through the file and a second opening of it."""
    articles = [replace(article, source_id="a", minted_id=f"tag:{n}") for n, article in enumerate(articles)]
    with TemporaryDirectory() as folder:
        with open_store(Path(folder) / "feeds.db", source()) as store:
            add_articles(store, *articles)
        with open_store(Path(folder) / "feeds.db", source()) as store:
            stored_articles = {article.upstream_id: article for article in store.articles()}
            digests = {codec.sanitize_id(article.upstream_id): article.story_digest for article in articles}
            assert store.seen_items("a").digests == digests
            for article in articles:
                stored = stored_articles[codec.sanitize_id(article.upstream_id)]
                assigned = {name: getattr(stored, name) for name in ("upstream_id", "published_id", "key", "changed")}
                assert stored == replace(article, **assigned, **TRANSIENT_FIELDS)
                assert stored.key and stored.changed


def test_text_that_utf8_cannot_encode_is_stored(tmp_path: Path) -> None:
    story = Story(id="\ud800", extra={"\udfff": "\0"})
    assert codec.decode_story(codec.encode_story(story)) == story
    with open_store(tmp_path / "feeds.db", source()) as store:
        add_articles(
            store, article(html="<p>\ud800</p>", title="\udfff", url="https://x.example/\ud800", tags=("\ud800",))
        )
        (stored,) = store.articles()
        assert (stored.html, stored.title, stored.url) == ("<p>?</p>", "\udfff", "https://x.example/?")


def test_the_text_is_plain_json_with_a_version_and_without_defaults() -> None:
    body = json.loads(codec.encode_article(article()))
    assert body == {
        "v": 1,
        "title": "Title 1",
        "summary": "Summary",
        "published": (NOON.replace(hour=11)).isoformat(),
        "minted_id": "tag:wire.example.org,2026:a/1",
        "modified": None,
    }


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"v": 2}', "\0"])
def test_a_body_that_cannot_be_read_is_an_error(body: str) -> None:
    with pytest.raises(StoreError):
        codec.decode_article(body)


def test_an_outcome_without_news_writes_no_article(tmp_path: Path) -> None:
    """E4, as the store sees it."""
    with open_store(tmp_path / "feeds.db", source()) as store:
        add_articles(store, article())
        before = store.change_numbers()
        assert store.record([unchanged(visit_of(store))]) == frozenset()
        assert store.change_numbers() == before
