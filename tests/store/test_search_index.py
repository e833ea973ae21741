"""The search index: what is found, in which order, and within which time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from factories import NOON
from hypothesis import given
from hypothesis import strategies as st

from feeds.errors import StoreError
from feeds.search_text import index_words, parse_query
from feeds.store import SearchableStory, SearchIndex, ServerDatabase, search_index


def story(
    key: int, title: str = "", text: str = "", *, age: float = 0.0, mark: int = 1, twin: int = 0
) -> SearchableStory:
    """A story that is some days old."""
    return SearchableStory(key, mark, NOON - timedelta(days=age), twin or key, title, "", text)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerDatabase]:
    with closing(ServerDatabase(tmp_path_factory.mktemp("search") / "server.db")) as database:
        database.open()
        yield database


@pytest.fixture
def index(database: ServerDatabase) -> Iterator[SearchIndex]:
    index = SearchIndex(database)
    yield index
    index.update([], index.marks(range(10_000)))


def find(index: SearchIndex, query: str, *, newest_first: bool = False) -> list[int] | None:
    """The keys of what is found, of each story the first."""
    found = index.find(parse_query(query), newest_first=newest_first)
    return found if found is None else [keys[0] for keys in found]


TEXTS = {
    1: "The harbour opens to swimmers",
    2: "Die Hafenstraße in Zürich",
    3: "新しい図書館が駅前に開館した",
    4: "東京都庁の山東",
    5: "서울에서 열린 회의",
    6: "หนังสือพิมพ์ในกรุงเทพ",
    7: "दिल्ली में मेट्रो",
    8: "ສະບາຍດີປະເທດລາວ",
    9: "សួស្តីកម្ពុជា",
    10: "မြန်မာနိုင်ငံ",
}


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("harbour", {1}),
        ("swimmers HARBOUR", {1}),
        ("swim", {1}),
        ("swim harbour", set()),
        ("opens harbour ", {1}),
        ('"opens harbour"', set()),
        ('"harbour opens"', {1}),
        ("zurich hafenstrasse", {2}),
        ("図書", {3}),
        ("書館", {3}),
        ("図館", set()),
        ("図書館 駅前", {3}),
        ("東", {4}),
        ("京", {4}),
        ("京都庁", {4}),
        ("서울", {5}),
        ("회의", {5}),
        ("กรุงเทพ", {6}),
        ("หนังสือ", {6}),
        ("मेट्रो", {7}),
        ("ລາວ", {8}),
        ("កម្ពុជា", {9}),
        ("နိုင်ငံ", {10}),
        ("swimmers 図書", set()),
        ("", set()),
    ],
)
def test_words_of_every_script_are_found(index: SearchIndex, query: str, keys: set[int]) -> None:
    index.update([story(key, text) for key, text in TEXTS.items()])
    assert {*(find(index, query) or ())} == keys


def test_a_story_is_replaced_and_removed(index: SearchIndex) -> None:
    index.update([story(1, "Harbour", "closed"), story(2, "Harbour")])
    index.update([story(1, "Port", "closed", mark=2)])
    assert (find(index, "harbour"), find(index, "port"), find(index, "closed")) == ([2], [1], [1])
    assert index.marks(range(10)) == {1: 2, 2: 1}
    index.update([], [1, 2, 77])
    assert (find(index, "harbour"), find(index, "port"), index.newest()) == ([], [], 0)


def test_titles_come_before_texts_and_new_stories_before_old_ones(index: SearchIndex) -> None:
    words = "about many other things that are of no concern here"
    index.update([story(1, "Harbour", words), story(2, "Other", f"harbour {words}")])
    assert find(index, "harbour") == [1, 2]
    index.update([story(3, "Harbour", words, age=900), story(4, "Harbour", words, age=20)])
    assert find(index, "harbour") == [1, 4, 3, 2]
    assert find(index, "harbour", newest_first=True) == [2, 1, 4, 3]


def test_the_articles_of_one_story_are_found_together(index: SearchIndex) -> None:
    index.update([story(1, "Rain"), story(2, "Other", "rain", twin=1), story(3, "Rain at last", "rain", twin=1)])
    assert index.find(parse_query("rain")) == [[1, 3, 2]]


def test_of_many_stories_the_newest_are_found(index: SearchIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_index, "MAX_FOUND", 5)
    index.update([story(key, "rain") for key in range(1, 20)])
    assert {*(find(index, "rain") or ())} == {15, 16, 17, 18, 19}


def test_a_search_that_takes_too_long_is_stopped(index: SearchIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    index.update([story(key, "rain") for key in range(1, 200)])
    monkeypatch.setattr(search_index, "MAX_SECONDS", -1.0)
    monkeypatch.setattr(search_index, "_STEPS_BETWEEN_LOOKS", 10)
    assert find(index, "rain") is None
    monkeypatch.undo()
    assert len(find(index, "rain") or ()) == 199


@given(st.text(max_size=60))
def test_no_query_is_an_error_of_the_database(database: ServerDatabase, query: str) -> None:
    assert find(SearchIndex(database), query) is not None


@given(st.text(max_size=200))
def test_every_word_of_a_text_finds_it(database: ServerDatabase, text: str) -> None:
    index = SearchIndex(database)
    index.update([story(9_999, text)])
    for phrase in parse_query(f"{text[:100]} "):
        assert index.find([phrase]) == [[9_999]] or len(text) > 100
    index.update([], [9_999])


def test_a_database_that_is_not_open_refuses(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        find(SearchIndex(ServerDatabase(tmp_path / "server.db")), "rain")


@pytest.mark.parametrize("letter", ["a", "東", "ก็", '"', "\u0301", "a\u0301"])
def test_S15_a_long_text_is_indexed_in_linear_time(letter: str) -> None:
    index_words(letter * 300_000)
