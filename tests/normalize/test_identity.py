"""Identity: the ids of tests/data/normalize/ids.json are a promise to every subscriber and never change (R3)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.model import Category, Comments, Link, Media, Person, Story, Text, replace
from feeds.normalize.identity import minted_id, published_id, story_digest, title_key, upstream_id
from feeds.normalize.links import canonical_link
from feeds.normalize.text import strip_illegal_xml
from feeds.revision import READER_VERSION

BASE = "https://example.org/feed.xml"
CASES = json.loads((Path(__file__).parents[1] / "data" / "normalize" / "ids.json").read_text(encoding="utf-8"))


def story(facts: dict[str, str]) -> Story:
    """A story from the few words of a golden case."""
    link = facts.get("link")
    return Story(
        id=facts.get("id"),
        id_is_permalink=facts.get("permalink") == "true",
        links=(Link(link, facts.get("rel", "alternate")),) if link else (),
        title=Text(facts["title"]) if "title" in facts else None,
        summary=Text(facts["summary"]) if "summary" in facts else None,
        published=facts.get("date"),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_R3_ids_stay_the_same_across_releases(case: dict[str, dict[str, str]]) -> None:
    upstream = upstream_id(story(case["story"]), BASE, case.get("identity", "id"))  # type: ignore[arg-type]
    minted = minted_id(upstream, "source", "example.net,2026")
    assert {"upstream": upstream, "published": published_id(upstream, minted), "minted": minted} == case["ids"]


@given(st.text(min_size=1).filter(lambda own: strip_illegal_xml(own).strip()), st.text(), st.text(), st.text())
def test_R2_edits_of_title_date_and_link_keep_the_id(own: str, title: str, date: str, link: str) -> None:
    before = Story(id=own, links=(Link("https://example.org/1"),), title=Text("a"), published="2024-01-01")
    after = replace(before, links=(Link(link),), title=Text(title), published=date)
    assert upstream_id(before, BASE) == upstream_id(after, BASE)


def test_F21_with_identity_link_changing_ids_are_not_looked_at() -> None:
    visits = [Story(id=f"run-{n}", links=(Link("https://example.org/1"),)) for n in range(3)]
    assert len({upstream_id(visit, BASE) for visit in visits}) == 3
    assert {upstream_id(visit, BASE, "link") for visit in visits} == {"https://example.org/1"}


def test_F22_ids_are_compared_exactly_but_for_white_space_around_them() -> None:
    assert upstream_id(Story(id="  A b \n"), BASE) == "A b"
    assert upstream_id(Story(id="a B"), BASE) != upstream_id(Story(id="A b"), BASE)


@pytest.mark.parametrize(
    "upstream",
    [
        "https://example.org/1",
        "tag:example.org,2024:1",
        "urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a",
        "HTTP://Example.ORG/Ä?q=1#top",
    ],
)
def test_R21_an_absolute_iri_is_published_as_it_stands(upstream: str) -> None:
    assert published_id(upstream, "tag:minted") == upstream


@pytest.mark.parametrize(
    "upstream",
    [
        "12345",
        "/a/1",
        "hash:abc",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://",
        "http:///path",
        "https://example.org/a b",
        "https://example.org/<b>",
        "https://example.org/" + "a" * 3000,
    ],
)
def test_R21_what_is_no_iri_is_published_under_a_minted_id(upstream: str) -> None:
    assert published_id(upstream, "tag:minted") == "tag:minted"


def test_S20_the_same_id_of_two_sources_mints_two() -> None:
    assert minted_id("1", "one", "h,2026") != minted_id("1", "two", "h,2026")


FULL = Story(
    id="1",
    links=(Link("https://example.org/1"), Link("https://example.org/1.mp3", "enclosure", "audio/mpeg", "99")),
    title=Text("Title", "text"),
    summary=Text("Summary"),
    content=(Text("<p>Content</p>"),),
    published="2024-01-01",
    updated="2024-01-02",
    people=(Person("Jane Doe"),),
    categories=(Category("news", "https://example.org/scheme"),),
    media=(Media("https://example.org/1.jpg"),),
    image=Link("https://example.org/2.jpg"),
    language="en",
    comments=Comments("https://example.org/1#comments", "4"),
    podcast={"duration": "60", "explicit": "no"},
    extra={"point": "1 2"},
)
EDITS: dict[str, dict[str, object]] = {
    "title": {"title": Text("Titles", "text")},
    "title type": {"title": Text("Title", "html")},
    "summary": {"summary": None},
    "content": {"content": ()},
    "published": {"published": None},
    "updated": {"updated": "2024-01-03"},
    "link": {"links": FULL.links[:1]},
    "people": {"people": (Person("John Doe"),)},
    "category": {"categories": (Category("news"),)},
    "media": {"media": ()},
    "image": {"image": None},
    "podcast": {"podcast": {"duration": "61"}},
    "extra": {"extra": {}},
    "language": {"language": "de"},
}


def test_the_digest_of_a_story_is_frozen() -> None:
    """A digest that changed with a release, without a new version, would mark every article as edited (R11)."""
    assert story_digest(FULL) == f"{READER_VERSION}:4aa55ada12ab28f5c42509b0c4e8d311"


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_R11_every_edit_changes_the_digest(edit: dict[str, object]) -> None:
    assert story_digest(replace(FULL, **edit)) != story_digest(FULL)  # type: ignore[arg-type]


def test_R11_comments_and_our_own_findings_do_not_change_the_digest() -> None:
    same = replace(FULL, comments=Comments("https://example.org/1#comments", "5"), found={"title": "dc:title"})
    assert story_digest(same) == story_digest(FULL)
    assert story_digest(replace(FULL, podcast={"explicit": "no", "duration": "60"})) == story_digest(FULL)


def test_R6_a_lone_surrogate_stops_neither_id_nor_digest() -> None:
    broken = Story(id="a\ud800\x01b", title=Text("\udfff"))
    assert upstream_id(broken, BASE) == "ab"
    assert len(story_digest(broken).removeprefix(f"{READER_VERSION}:")) == 32


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Storm over the bay", "storm over the bay"),
        ("STORM over – the “Bay”!", "storm over the bay"),
        ("It's the 2nd day", "it s the 2nd day"),
        ("Weekly digest #7", ""),
        ("Breaking news", ""),
        ("嵐が湾を襲う、三人けが", "嵐が湾を襲う 三人けが"),
        ("今日の天気", ""),
        ("", ""),
    ],
)
def test_a_title_tells_one_story_from_others_if_it_is_long(title: str, key: str) -> None:
    assert title_key(title) == key


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://example.org", "https://example.org/"),
        ("https://EXAMPLE.org/A", "https://example.org/A"),
        ("https://example.org:443/a", "https://example.org/a"),
        ("http://example.org:80/a", "https://example.org/a"),
        ("https://example.org:8443/a", "https://example.org:8443/a"),
        ("https://example.org/a?utm_source=rss&UTM_medium=feed&id=7", "https://example.org/a?id=7"),
        ("https://example.org/a?b=2&a=1", "https://example.org/a?a=1&b=2"),
        ("https://example.org/a?fbclid=x#top", "https://example.org/a"),
        ("https://example.org/#!/route", "https://example.org/#!/route"),
        ("https://www.youtube.com/watch?v=abc&ab_channel=x", "https://www.youtube.com/watch?ab_channel=x&v=abc"),
        ("https://user:pw@example.org/a", "https://user:pw@example.org/a"),
        ("https://example.org/ä", "https://example.org/%C3%A4"),
        ("https://[::1", "https://[::1"),
    ],
)
def test_links_to_one_page_have_one_key(url: str, key: str) -> None:
    assert canonical_link(url) == key
    assert canonical_link(key) == key


HOST = st.from_regex(r"[a-z0-9-]{1,9}\.[a-z]{2,4}", fullmatch=True)
PATH = st.from_regex(r"(?:/[A-Za-z0-9_.~-]{0,8}){0,4}", fullmatch=True)


@given(HOST, PATH)
def test_the_short_cut_of_plain_links_agrees_with_the_long_way(host: str, path: str) -> None:
    assert canonical_link(f"https://{host}{path}") == canonical_link(f"https://{host.upper()}{path}")
