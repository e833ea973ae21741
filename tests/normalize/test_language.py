"""Languages: well-formed tags, and the order in which they are believed."""

from __future__ import annotations

import pytest

from feeds.normalize.language import first_language, language_tag


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("en", "en"),
        ("en-us", "en-us"),
        ("pt_BR", "pt-BR"),
        ("zh_hans_cn", "zh-Hans-CN"),
        ("de_DE.UTF-8", "de-DE"),
        ("English", "en"),
        ("iw", "he"),
        ("es-419", "es-419"),
        ("und", None),
        ("a language", None),
        ("<b>", None),
        ("", None),
    ],
)
def test_languages_are_well_formed_or_none(text: str, tag: str | None) -> None:
    assert language_tag(text) == tag


def test_the_nearest_language_counts() -> None:
    assert first_language(None, "", "nonsense!", "de", "en") == "de"


@pytest.mark.parametrize("tag", ["zz", "xq-XQ", "zz_US"])
def test_C2_a_code_that_is_no_language_is_none(tag: str) -> None:
    assert language_tag(tag) is None
