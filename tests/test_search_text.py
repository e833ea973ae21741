"""The words of the search: scripts with and without spaces, queries, excerpts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.search_text import MAX_PHRASES, MAX_QUERY_LENGTH, excerpt, index_words, mark, parse_query


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Harbour, “opens”: it's 14,600!", "the harbour opens it s 14 600"),
        ("Café Zürich ÅSA ﬁne ＡＢＣ", "cafe zurich asa fine abc"),
        ("東京都庁は、iPhone発売。", "東京 京都 都庁 庁は は iphone 発売 売"),
        ("서울에서 ガラス ｶﾞﾗｽ", "서울 울에 에서 서 ガラ ラス ス ガラ ラス ス"),
        ("หนังสือ", "หนั นัง งสื สือ อ"),
        ("हिन्दी में", "हिन्दी में"),
        ("مُحَمَّد شَـلَام", "محمد شلام"),
        ("Ёлка й", "елка и"),
        ("_ — … 🎉 \ud800", ""),
    ],
)
def test_words_are_folded_and_unspaced_scripts_are_pairs(text: str, words: str) -> None:
    assert index_words(text) == words


@pytest.mark.parametrize(
    ("query", "phrases"),
    [
        ("harbour open", [(("harbour",), False), (("open",), True)]),
        ("harbour open ", [(("harbour",), False), (("open",), False)]),
        ("a", [(("a",), False)]),
        ("e-mail", [(("e", "mail"), True)]),
        ('"harbour opens', [(("harbour", "opens"), False)]),
        ("„neuer Hafen“", [(("neuer", "hafen"), False)]),
        ("東京都", [(("東京", "京都"), False)]),
        ("東", [(("東",), True)]),
        ("iPhone発売", [(("iphone",), False), (("発売",), False)]),
        ('"new 東京"', [(("new", "東京"), False)]),
        ('"東京 new"', [(("東京", "京", "new"), False)]),
        ("rain Rain RAIN ", [(("rain",), False)]),
        ('" - * ^ () NEAR/0 "', [(("near", "0"), False)]),
        ("title:rain", [(("title", "rain"), True)]),
        ('""', []),
        ("?", []),
    ],
)
def test_whatever_is_typed_is_a_query(query: str, phrases: list[tuple[tuple[str, ...], bool]]) -> None:
    assert [tuple(phrase) for phrase in parse_query(query)] == phrases


def test_a_query_is_bounded() -> None:
    assert len(parse_query(" ".join(f"word{number}" for number in range(100)))) == MAX_PHRASES
    assert len(parse_query("x" * 9_999)[0].words[0]) == MAX_QUERY_LENGTH


def marked(pieces: object) -> str:
    return "".join(f"[{text}]" if is_match else text for text, is_match in pieces)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "query", "result"),
    [
        ("The harbour opens to swimmers", "harbour swim", "The [harbour] opens to [swimmers]"),
        ("Cafés in Zürich", "cafes zurich", "[Cafés] in [Zürich]"),
        ("東京都庁は新しい", "東京都 新", "[東京都]庁は[新し]い"),
        ("opens the harbour, harbour opens", '"harbour opens"', "opens the harbour, [harbour opens]"),
        ("<b>bold</b>", "bold", "<b>[bold]</b>"),
        ("nothing", "", "nothing"),
    ],
)
def test_what_was_searched_for_is_marked(text: str, query: str, result: str) -> None:
    assert marked(mark(text, parse_query(query))) == result


def test_an_excerpt_shows_where_most_of_the_words_are() -> None:
    text = "harbour " + "word " * 400 + "the harbour opens for swimmers " + "tail " * 400
    found = marked(excerpt(text, parse_query("harbour swimmers")))
    assert "the [harbour] opens for [swimmers] tail" in found
    assert found.startswith("… word") and found.endswith("tail …") and len(found) < 300
    assert marked(excerpt("word " * 400, parse_query("harbour"))).startswith("word word")
    assert "[Zürich]" in marked(excerpt("word " * 400 + "in Zürich " + "word " * 400, parse_query("zurich")))
    assert "[図書館]" in marked(excerpt("駅前" * 300 + "新しい図書館が開館した" + "平日" * 300, parse_query("図書館")))


@given(st.text(max_size=300), st.text(max_size=60))
def test_no_text_and_no_query_breaks_anything(text: str, query: str) -> None:
    phrases = parse_query(query)
    assert "".join(piece.text for piece in mark(text, phrases)) == text
    assert "".join(piece.text for piece in excerpt(text, phrases)) is not None
    assert all(word and " " not in word and '"' not in word for phrase in phrases for word in phrase.words)
