"""Words per language: the tables are well-formed, and their patterns find words in every script, in linear time."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from feeds import wordlists


def test_tables_are_well_formed() -> None:
    tables = wordlists.load_tables()
    assert {"published", "updated", "byline", "source", "comments", "read_more"} <= tables.keys()
    for role, languages in tables.items():
        for language, words in languages.items():
            assert re.fullmatch(r"[a-z]{2}", language), (role, language)
            assert len(words) == len(set(words)), (role, language)
            assert all(word and word == " ".join(word.split()) and "*" not in word[:-1] for word in words), (
                role,
                language,
            )


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("Published 12 March | Last updated: today", ["published", "updated"]),
        ("ZULETZT AKTUALISIERT AM 3. Mai", ["updated"]),
        ("YAYINLANMA: 12 Mart 2025 GÜNCELLEME: İlk", ["published", "updated"]),
        ("发布时间：2025-03-12 来源：新城日报 作者：李小明", ["published", "source", "author"]),
        ("입력 2025.03.12 수정 2025.03.13", ["published", "updated"]),
        ("نشر في 12 مارس آخر تحديث", ["published", "updated"]),
        ("अपडेटेड: 12 मार्च", ["updated"]),
        ("a postedition of standards", []),
        ("The authority of a resource", []),
    ],
)
def test_labels_are_found_as_whole_words(text: str, roles: list[str]) -> None:
    """B6, B7: labels in any script; where two overlap, the longer one counts."""
    labels = wordlists.find_labels(text, "published", "updated", "source", "author")
    assert [label.role for label in labels] == roles
    assert all(first.end <= second.start for first, second in pairwise(labels))


def test_folded_text_keeps_its_length() -> None:
    text = "İstanbul DİYARBAKIR ẞ ŉ Ω ΑΘΗΝΑΣ"
    assert len(wordlists.fold_case(text)) == len(text)


def test_a_word_at_the_start_is_measured() -> None:
    assert wordlists.match_start("By Ann Lee", "byline") == 2
    assert wordlists.match_start("Byron Lee", "byline") == 0
    assert wordlists.has_word("Ann Lee – Photos", "other_role")
