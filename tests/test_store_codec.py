"""Records ↔ text: whatever an article or a carried story holds comes back equal."""

from __future__ import annotations

import json
import typing
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_cases import AT, article, opened, put, source, unchanged, visit_of

from feeds.errors import StoreError
from feeds.model import Article, Failure, Hints, Move, Story
from feeds.store import codec

TEXTS = st.text(max_size=12)
TRANSIENT_FIELDS: typing.Any = {"found": {}, "reader": ""}
MOMENTS = st.datetimes(timezones=st.just(UTC))


def of(kind: type) -> st.SearchStrategy[typing.Any]:
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
    return of(hint) if hasattr(hint, "__dataclass_fields__") else st.from_type(hint)


@settings(max_examples=150)
@given(of(Article))
def test_an_article_comes_back_equal(told: Article) -> None:
    columns = {name: getattr(told, name) for name in codec.COLUMN_FIELDS}
    assert codec.decode_article(codec.encode_article(told), **columns) == replace(told, **TRANSIENT_FIELDS)


@settings(max_examples=150)
@given(of(Story))
def test_a_story_comes_back_equal(told: Story) -> None:
    assert codec.decode_story(codec.encode_story(told)) == told


@settings(max_examples=50)
@given(of(Move), of(Hints), of(Failure))
def test_small_facts_come_back_equal(move: Move, hints: Hints, failure: Failure) -> None:
    assert codec.decode_move(codec.encode_move(move)) == move
    assert codec.decode_hints(codec.encode_hints(hints)) == hints
    assert codec.decode_failure(codec.encode_failure(failure)) == failure


@given(MOMENTS)
def test_moments_come_back_to_the_microsecond(moment: datetime) -> None:
    assert codec.decode_time(codec.encode_time(moment)) == moment


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(st.lists(of(Article), max_size=6, unique_by=lambda told: codec.sanitize_id(told.upstream_id)))
def test_what_is_recorded_is_known_and_read_back(told: list[Article]) -> None:
    """record → known → articles, through the file and a second opening of it."""
    told = [replace(each, source_id="a", minted_id=f"tag:{n}") for n, each in enumerate(told)]
    with TemporaryDirectory() as folder:
        with opened(Path(folder) / "feeds.db", source()) as store:
            put(store, *told)
        with opened(Path(folder) / "feeds.db", source()) as store:
            held = {each.upstream_id: each for each in store.articles()}
            assert store.seen_items("a").digests == {
                codec.sanitize_id(each.upstream_id): each.story_digest for each in told
            }
            for each in told:
                found = held[codec.sanitize_id(each.upstream_id)]
                stored = {name: getattr(found, name) for name in ("upstream_id", "published_id", "key", "changed")}
                assert found == replace(each, **stored, **TRANSIENT_FIELDS)
                assert found.key and found.changed


def test_text_that_utf8_cannot_say_is_held(tmp_path: Path) -> None:
    story = Story(id="\ud800", extra={"\udfff": "\0"})
    assert codec.decode_story(codec.encode_story(story)) == story
    with opened(tmp_path / "feeds.db", source()) as store:
        put(store, article(html="<p>\ud800</p>", title="\udfff", url="https://x.example/\ud800", tags=("\ud800",)))
        (held,) = store.articles()
        assert (held.html, held.title, held.url) == ("<p>?</p>", "\udfff", "https://x.example/?")


def test_the_text_is_plain_json_with_a_version_and_without_defaults() -> None:
    body = json.loads(codec.encode_article(article()))
    assert body == {
        "v": 1,
        "title": "Title 1",
        "summary": "Summary",
        "published": (AT.replace(hour=11)).isoformat(),
        "minted_id": "tag:wire.example.org,2026:a/1",
        "modified": None,
    }


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"v": 2}', "\0"])
def test_a_body_that_cannot_be_read_is_said_so(body: str) -> None:
    with pytest.raises(StoreError):
        codec.decode_article(body)


def test_an_outcome_without_news_writes_no_article(tmp_path: Path) -> None:
    """E4, as the store sees it."""
    with opened(tmp_path / "feeds.db", source()) as store:
        put(store, article())
        before = store.change_numbers()
        assert store.record([unchanged(visit_of(store))]) == frozenset()
        assert store.change_numbers() == before
