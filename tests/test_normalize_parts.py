"""Links, people, media and languages: one table each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.model import Attachment, Author, Link, Media, Person, Story
from feeds.normalize.language import first_language, language_tag
from feeds.normalize.links import story_url, web_url
from feeds.normalize.media import attachments, lead_image, media, media_type, number, seconds
from feeds.normalize.people import authors

BASE = "https://example.org/blog/"
DATA = Path(__file__).parent / "data" / "normalize"
PEOPLE = json.loads((DATA / "people.json").read_text(encoding="utf-8"))

# ── links ───────────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("told", "names"), PEOPLE.items(), ids=PEOPLE)
def test_people_in_all_their_spellings(told: str, names: list[list[str | None]]) -> None:
    assert [[one.name, one.email] for one in authors((Person(told),))] == names


def test_one_person_told_twice_is_one_author_with_all_that_is_known() -> None:
    told = (Person("Jane Doe"), Person("jane doe", "jane@example.org", "/jane", "javascript:x"))
    assert authors(told, BASE) == (Author("Jane Doe", "https://example.org/jane", "jane@example.org"),)


def test_contributors_and_technicians_are_no_authors() -> None:
    roles = ("contributor", "publisher", "webmaster", "editor")
    assert authors(tuple(Person("Jane Doe", role=role) for role in roles)) == ()


def test_a_person_without_a_name_goes_by_address() -> None:
    assert authors((Person(email="jane@example.org"),)) == (Author("jane@example.org", None, "jane@example.org"),)
    assert authors((Person(url="/jane"),), BASE) == (Author("https://example.org/jane", "https://example.org/jane"),)


@pytest.mark.parametrize("part", ["a", "a@", "a ", "(a@b", ", ", "x, y and ", "<", "by ", "a@b.c (d), "])
def test_S15_a_hostile_author_is_read_in_no_time(part: str) -> None:
    """The test's time limit is the assertion: a backtracking pattern would need minutes."""
    assert len(authors((Person(part * (1_000_000 // len(part))),))) <= 50


# ── media ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_attachments_are_enclosures_and_playable_media_each_once() -> None:
    story = Story(
        links=(
            Link("https://example.org/a.mp3", "enclosure", "audio/mpeg", "100"),
            Link("/b.pdf", "enclosure", title="B &amp; C"),
            Link("javascript:x", "enclosure"),
        ),
        media=(
            Media("https://example.org/a.mp3", type="audio/mpeg", duration="0:59"),
            Media("https://example.org/c", type="video/mp4; codecs=x", length="7"),
            Media("https://example.org/d.jpg"),
            Media("https://example.org/e", medium="image"),
            Media("https://example.org/f.jpg", "thumbnail"),
        ),
    )
    assert attachments(story, BASE) == (
        Attachment("https://example.org/a.mp3", "audio/mpeg", None, 100, 59.0),
        Attachment("https://example.org/b.pdf", "application/pdf", "B & C"),
        Attachment("https://example.org/c", "video/mp4", None, 7),
    )
    assert [one.url for one in media(story, BASE)] == [one.url for one in story.media]


def test_the_length_of_an_episode_belongs_to_its_recording() -> None:
    links = (Link("https://example.org/a.pdf", "enclosure"), Link("https://example.org/a.mp3", "enclosure"))
    found = attachments(Story(links=links, podcast={"duration": "1:00:01"}))
    assert [one.duration for one in found] == [None, 3601.0]
    assert attachments(Story(links=links[:1], podcast={"duration": "1:00:01"}))[0].duration is None


@pytest.mark.parametrize(
    ("told", "length"),
    [("3601", 3601.0), ("60:01", 3601.0), ("1:00:01", 3601.0), ("12.5", 12.5), ("x", None), ("", None), (None, None)],
)
def test_lengths_of_time(told: str | None, length: float | None) -> None:
    assert seconds(told) == length


@pytest.mark.parametrize(
    ("told", "size"), [("12", 12), (" 12 ", 12), ("0", None), ("-1", None), ("1e3", None), (None, None)]
)
def test_sizes(told: str | None, size: int | None) -> None:
    assert number(told) == size


@pytest.mark.parametrize(
    ("told", "url", "kind"),
    [
        ("Audio/MPEG; x=y", "https://example.org/a", "audio/mpeg"),
        (None, "https://example.org/a.M4A?x=1", "audio/mp4"),
        ("nonsense", "https://example.org/a.webp", "image/webp"),
        (None, "https://example.org/a", "application/octet-stream"),
    ],
)
def test_media_types(told: str | None, url: str, kind: str) -> None:
    assert media_type(told, url) == kind


@pytest.mark.parametrize(
    ("story", "image"),
    [
        (Story(image=Link("/a.jpg"), media=(Media("/b.jpg"),)), "https://example.org/a.jpg"),
        (Story(image=Link("javascript:x"), media=(Media("/b.jpg", "thumbnail"),)), "https://example.org/b.jpg"),
        (Story(media=(Media("/s.jpg", width="75"), Media("/l.jpg", width="800"))), "https://example.org/l.jpg"),
        (Story(media=(Media("https://secure.gravatar.com/avatar/1", medium="image"),)), None),
        (Story(links=(Link("/c.png", "enclosure"),)), "https://example.org/c.png"),
        (Story(media=(Media("/d.mp4"),)), None),
    ],
)
def test_the_image_a_publisher_chose(story: Story, image: str | None) -> None:
    assert lead_image(story, BASE) == image


# ── language ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("told", "tag"),
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
def test_languages_are_well_formed_or_none(told: str, tag: str | None) -> None:
    assert language_tag(told) == tag


def test_the_nearest_language_counts() -> None:
    assert first_language(None, "", "nonsense!", "de", "en") == "de"
