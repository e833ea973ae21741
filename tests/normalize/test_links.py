"""Links: absolute http and https addresses, and the one of a story."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.model import Link, Story
from feeds.normalize.links import story_url, web_url

BASE = "https://example.org/blog/"


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("https://example.net/a?b=c#d", "https://example.net/a?b=c#d"),
        ("a", "https://example.org/blog/a"),
        ("/a", "https://example.org/a"),
        ("?a=1", "https://example.org/blog/?a=1"),
        ("#a", "https://example.org/blog/#a"),
        ("//example.net/a", "https://example.net/a"),
        (" \n https://example.net/a\tb \n", "https://example.net/ab"),
        ("https://example.net/a b<c>\"d", "https://example.net/a%20b%3Cc%3E%22d"),
        ("https://example.net/ä", "https://example.net/ä"),
        ("HTTPS://Example.net/A", "https://Example.net/A"),
        ("http:\\\\example.net\\a?b=\\c", "http://example.net/a?b=\\c"),
        ("www.example.net/a", "http://www.example.net/a"),
        ("feed://example.net/a", "http://example.net/a"),
        ("feed:https://example.net/a", "https://example.net/a"),
        ("https://user:pw@example.net:8443/a", "https://user:pw@example.net:8443/a"),
        ("https://[::1]/a", "https://[::1]/a"),
        ("javascript:alert(1)", None),
        (" JAVA\nscript:alert(1)", None),
        ("java\x01script:alert(1)", None),
        ("data:text/html,x", None),
        ("vbscript:x", None),
        ("mailto:a@example.org", None),
        ("file:///etc/passwd", None),
        ("http://", None),
        ("http:///a", None),
        ("https://[::1", None),
        ("https://example.net/" + "a" * 5_000, None),
        ("", None),
        (None, None),
    ],
)  # fmt: skip
def test_S7_an_address_is_of_the_web_or_none(href: str | None, url: str | None) -> None:
    assert web_url(href, BASE) == url


def test_a_base_may_itself_be_relative() -> None:
    assert web_url("a", "/b/", BASE) == "https://example.org/b/a"
    assert web_url("a", None, "mailto:x", BASE) == "https://example.org/blog/a"
    assert web_url("a", None) is None
    assert web_url("//example.net/a", None) == "https://example.net/a"


@given(st.text(max_size=60), st.sampled_from([BASE, None, "x", "//", "http://[", "https://"]))
def test_S7_no_text_becomes_another_scheme(href: str, base: str | None) -> None:
    url = web_url(href, base)
    assert url is None or url.startswith(("http://", "https://"))
    assert url is None or not set(url) & set(' <>"`\n\t')


@pytest.mark.parametrize(
    ("story", "url"),
    [
        (Story(links=(Link("a"),)), "https://example.org/blog/a"),
        (Story(links=(Link("a", base="https://example.net/"),)), "https://example.net/a"),
        (Story(links=(Link("a", type="application/json"), Link("b", type="text/html"))), "https://example.org/blog/b"),
        (Story(links=(Link("/count/a"), Link("https://example.org/a", "canonical"))), "https://example.org/a"),
        (Story(links=(Link("javascript:x"), Link("b"))), "https://example.org/blog/b"),
        (Story(links=(Link("a.mp3", "enclosure"), Link("c", "related"))), "https://example.org/blog/c"),
        (Story(links=(Link("a", "self"),)), None),
        (Story(id="https://example.org/1", id_is_permalink=True), "https://example.org/1"),
        (Story(id="https://example.org/1"), None),
        (Story(id="12345", id_is_permalink=True), None),
    ],
)
def test_where_a_story_can_be_read(story: Story, url: str | None) -> None:
    assert story_url(story, BASE) == url
