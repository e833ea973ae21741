"""Whether what came is believable: listings as tables, pages as files named after what they are."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from factories import story
from hypothesis import given
from hypothesis import strategies as st

from feeds.model import Link, Parsed, SeenItems, Story, replace
from feeds.sanity import Judgement, StoryKeys, diagnose, judge
from feeds.sanity.not_a_feed import ROWS

PAGES = Path(__file__).parent.parent / "data" / "sanity"
TYPES = {".html": "text/html", ".xml": "text/xml", ".json": "application/json", ".txt": "text/plain", ".bin": ""}


def listing(*stories: Story) -> Parsed:
    return Parsed(reader="xml", base="https://example.org/feed", stories=stories)


def numbered(count: int, prefix: str = "", start: int = 0) -> list[Story]:
    return [story(f"{prefix}{n}", f"https://example.org/{n}") for n in range(start, start + count)]


def ids_of(stories: Sequence[Story]) -> list[str]:
    return [one.id or "" for one in stories]


def known(stories: Sequence[Story] = (), listed: int | None = None, identity: str = "id") -> SeenItems:
    links = {one.links[0].href: one.id or "" for one in stories if one.links}
    return SeenItems("example.org,2026", dict.fromkeys(ids_of(stories), "digest"), links, listed, identity)


def judged(stories: Sequence[Story], of: SeenItems, *, first: bool = False, is_page: bool = False) -> Judgement:
    return judge(listing(*stories), ids_of(stories), of, first=first, is_page=is_page)


# ── believable or not ───────────────────────────────────────────────────────────────────────────────────────────────

OLD = numbered(100)
LISTINGS = [
    # stories now, known before, size of the last listing, first, is_page, verdict, words of the sentence
    ([], [], None, True, False, "normal", ""),
    ([], [], 0, False, False, "normal", ""),
    ([], OLD, 100, False, False, "suspicious", "no story where there were 100"),
    (numbered(10), OLD, 100, False, False, "suspicious", "10 where there were 100"),
    (numbered(11), OLD, 100, False, False, "normal", ""),
    (numbered(1), numbered(9), 9, False, False, "normal", ""),
    (numbered(1), OLD, 10, False, False, "suspicious", "1 where there were 10"),
    (numbered(10), OLD, 100, True, False, "normal", ""),
    (numbered(100), OLD, 100, False, False, "normal", ""),
    (numbered(60, "x", 500), OLD, 100, False, False, "suspicious", "All 60 stories are new at once"),
    (numbered(50, "x", 500), OLD, 100, False, False, "normal", ""),
    (numbered(200), [], None, True, False, "normal", ""),
    ([], [], None, True, True, "quarantine", "No story was found"),
    ([], OLD, 30, False, True, "quarantine", "No story was found"),
    (numbered(500), [], None, True, True, "quarantine", "500 stories"),
    (numbered(500), [], None, True, False, "normal", ""),
    (numbered(51, "x", 500), OLD, 30, False, True, "quarantine", "All 51 stories on the page are new"),
    (numbered(51, "x", 500), OLD, 30, True, True, "normal", ""),  # a first visit, or released by the operator
    (numbered(50, "x", 500), OLD, 30, False, True, "normal", ""),
    (numbered(51, "", 99), OLD, 30, False, True, "normal", ""),  # one was there before
]


@pytest.mark.parametrize("case", LISTINGS)
def test_F31_F32_a_listing_is_normal_suspicious_or_quarantined(
    case: tuple[list[Story], list[Story], int | None, bool, bool, str, str],
) -> None:
    now, before, listed, first, is_page, verdict, words = case
    judgement = judged(now, known(before, listed), first=first, is_page=is_page)
    assert judgement.verdict == verdict
    assert words in (judgement.sentence or "")
    assert (judgement.sentence is None) == (verdict == "normal")
    assert judgement.keep == tuple(range(len(now)))


# ── identity ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_F21_ids_that_change_at_every_visit_keep_the_number_of_articles_constant() -> None:
    store: dict[str, str] = {}
    links: dict[str, str] = {}
    identity = "id"
    said = 0
    for poll in range(100):
        stories = [story(f"{poll}-{n}", f"https://example.org/{n}") for n in range(20)]
        under = [f"https://example.org/{n}" for n in range(20)] if identity == "link" else ids_of(stories)
        memory = SeenItems("example.org,2026", store, links, 20 if poll else None, identity)
        judgement = judge(listing(*stories), under, memory, first=not poll)
        said += judgement.sentence is not None
        identity = judgement.identity
        for index in judgement.keep:
            store[judgement.ids[index]] = "digest"
            links.setdefault(f"https://example.org/{index}", judgement.ids[index])
    assert len(store) == 20
    assert identity == "link"
    assert said == 1, "the operator is told once"


def test_F21_new_stories_are_still_found_once_links_tell_them_apart() -> None:
    memory = known(numbered(20, "old-"), 20)
    stories = [*numbered(3, "new-", 20), *numbered(17, "again-", 3)]
    judgement = judged(stories, memory)
    assert judgement.identity == "link"
    assert [own for own in judgement.ids if own not in memory.digests] == [
        f"https://example.org/{n}" for n in range(20, 23)
    ]


SAME_IDENTITY = {
    "a busy day": (numbered(20, "", 20), numbered(20)),
    "a fifth known": (numbered(16, "x") + numbered(4, "", 16), numbered(20)),
    "all link to one page": (
        [story(f"x{n}", "https://example.org/") for n in range(9)],
        [story("a", "https://example.org/")],
    ),
    "one story only": ([story("x", "https://example.org/0")], numbered(1)),
    "no links": ([story(f"x{n}") for n in range(9)], numbered(9)),
    "nothing known": (numbered(9), []),
}


@pytest.mark.parametrize(("now", "before"), SAME_IDENTITY.values(), ids=SAME_IDENTITY)
def test_F21_ids_are_relied_on_unless_the_links_prove_them_wrong(now: list[Story], before: list[Story]) -> None:
    judgement = judged(now, known(before, len(before)))
    assert judgement.identity == "id"
    assert judgement.ids == tuple(ids_of(now))


@pytest.mark.parametrize(("title", "identity"), [("title 3", "link"), ("another title", "id")])
def test_F21_one_known_story_after_an_outage_is_proof_with_link_and_title(title: str, identity: str) -> None:
    """With another title it may be a new story about a link that an older one had."""
    memory = replace(known(numbered(9), 9), titles={f"title {n}": f"{n}" for n in range(9)})
    stories = [replace(story("x", "https://example.org/3"), rights=title), *numbered(11, "y", 20)]
    keys = StoryKeys(lambda story: story.links[0].href, lambda story: story.rights)
    judgement = judge(listing(*stories), ids_of(stories), memory, first=False, keys=keys)
    assert judgement.identity == identity
    assert judgement.ids[0] == ("3" if identity == "link" else "x")


@pytest.mark.parametrize(("date", "identity"), [("2026-03-02", "title"), ("", "id")])
def test_F21_one_known_story_without_a_link_is_proof_with_title_and_date(date: str, identity: str) -> None:
    memory = replace(known([story("0")], 9), titles={f"title\x1f{date}": "0", "title\x1f": "0"})
    stories = [replace(story(f"x{n}"), rights=f"{n}" if n else "title", published=date) for n in range(9)]
    keys = StoryKeys(lambda story: None, lambda story: f"{story.rights}\x1f{story.published}")
    assert judge(listing(*stories), ids_of(stories), memory, first=False, keys=keys).identity == identity


def test_F21_links_do_not_identify_the_stories_of_a_source_of_which_few_have_one() -> None:
    memory = replace(known(numbered(9), 9), titles={f"title {n}": f"{n}" for n in range(9)})
    stories = [
        replace(story(f"x{n}", "https://example.org/3" if n == 3 else None), rights=f"title {n}") for n in range(9)
    ]
    keys = StoryKeys(lambda story: story.links[0].href if story.links else "hash:0", lambda story: story.rights)
    judgement = judge(listing(*stories), ids_of(stories), memory, first=False, keys=keys)
    assert (judgement.identity, judgement.ids) == ("title", tuple(f"{n}" for n in range(9)))


def test_F21_the_switch_is_for_good() -> None:
    memory = replace(known(numbered(9), 9), identity="link")
    assert judged(numbered(9), memory).identity == "link"
    assert judged(numbered(9), memory).verdict == "normal"


def test_F21_links_are_compared_as_the_store_spells_them() -> None:
    memory = known(numbered(5), 5)
    stories = [story(f"x{n}", f"http://www.example.org/{n}?utm_source=rss") for n in range(5)]
    asked: list[Story] = []

    def canonical(one: Story) -> str:
        asked.append(one)
        return f"https://example.org/{(one.id or '')[1:]}"

    judgement = judge(listing(*stories), ids_of(stories), memory, first=False, keys=StoryKeys(canonical))
    assert judgement.ids == ("0", "1", "2", "3", "4")
    asked.clear()
    judge(listing(*numbered(5)), ["0", "1", "2", "3", "4"], memory, first=False, keys=StoryKeys(canonical))
    assert asked == [], "links are not looked at while the ids are as they were"


def test_F22_one_guid_for_all_stories_makes_their_links_tell_them_apart() -> None:
    stories = [story("https://example.org/", f"/{n}") for n in range(5)]
    judgement = judged(stories, known(), first=True)
    assert judgement.identity == "link"
    assert judgement.ids == tuple(f"https://example.org/{n}" for n in range(5))
    assert judgement.keep == (0, 1, 2, 3, 4)


def test_F22_one_guid_without_links_is_one_story() -> None:
    judgement = judged([story("same"), story("same"), story("same")], known(), first=True)
    assert (judgement.identity, judgement.keep) == ("id", (0,))


def test_only_a_storys_own_link_tells_it_apart() -> None:
    sound = Link("/sound.mp3", rel="enclosure")
    stories = [Story(id="same", links=(sound, Link(f"/{n}"))) for n in range(3)]
    assert judged(stories, known(), first=True).ids == tuple(f"https://example.org/{n}" for n in range(3))


def test_a_permalink_guid_serves_as_link() -> None:
    stories = [Story(id=f"https://example.org/{n}?v=2", id_is_permalink=True) for n in range(5)]
    memory = SeenItems(
        "example.org,2026", {"a": "digest"}, {f"https://example.org/{n}?v=2": f"{n}" for n in range(5)}, 5
    )
    assert judged(stories, memory).ids == ("0", "1", "2", "3", "4")


DOUBLES = [
    # (id, updated, published) of each story, those that are taken
    ([("a", None, None), ("b", None, None)], (0, 1)),
    ([("a", None, None), ("b", None, None), ("a", None, None)], (0, 1)),
    ([("a", "2026-03-01T00:00:00Z", None), ("b", None, None), ("a", "2026-03-02T00:00:00Z", None)], (1, 2)),
    ([("a", "2026-03-02T00:00:00Z", None), ("b", None, None), ("a", "2026-03-01T00:00:00Z", None)], (0, 1)),
    ([("a", "2026-03-01T23:00:00-05:00", None), ("b", None, None), ("a", "2026-03-02T01:00:00Z", None)], (0, 1)),
    (
        [("a", None, "Sun, 01 Mar 2026 10:00:00 GMT"), ("b", None, None), ("a", None, "Mon, 02 Mar 2026 10:00:00")],
        (1, 2),
    ),
    ([("a", "yesterday", None), ("b", None, None), ("a", None, "2026-03-02")], (1, 2)),
    ([("a", None, None), ("A", None, None), ("a ", None, None)], (0, 1, 2)),
]


@pytest.mark.parametrize(("told", "taken"), DOUBLES)
def test_F22_of_stories_with_one_id_the_newest_is_taken(
    told: list[tuple[str, str | None, str | None]], taken: tuple[int, ...]
) -> None:
    stories = [story(own, updated=updated, published=published) for own, updated, published in told]
    assert judged(stories, known(), first=True).keep == taken


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=12)), max_size=8))
def test_F22_every_id_is_taken_exactly_once(told: list[tuple[str, str]]) -> None:
    stories = [story(own, updated=updated) for own, updated in told]
    judgement = judged(stories, known(), first=True)
    assert sorted(judgement.ids[index] for index in judgement.keep) == sorted(set(judgement.ids))


# ── what came instead ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", sorted(PAGES.iterdir()), ids=lambda path: path.name)
def test_F31_E20_what_came_instead_of_a_feed_is_named(path: Path) -> None:
    seen = diagnose(path.read_bytes(), TYPES[path.suffix], "https://www.example.org/feed.xml")
    expected = path.stem.split("-")[0]
    assert (seen.kind if seen else "nothing") == expected


def test_F31_there_is_a_page_for_every_row() -> None:
    assert {row.kind for row in ROWS} == {path.stem.split("-")[0] for path in PAGES.iterdir()} - {"nothing"}


def test_E20_every_sentence_names_the_place_and_says_what_to_do() -> None:
    for row in ROWS:
        sentence = row.sentence.format(place="example.org", feed="https://example.org/rss")
        assert "example.org" in sentence
        assert sentence.count(". ") + sentence.count(": ") + sentence.count("; ") >= 1


def test_F31_the_feed_a_page_announces_is_told_whole() -> None:
    for name, address in (
        ("announces-blog.html", "https://www.example.org/notes/index.xml"),
        ("announces-soft404.html", "https://example.org/atom.xml?a=1&b=2"),
    ):
        seen = diagnose((PAGES / name).read_bytes(), "text/html", "https://www.example.org/feed.xml")
        assert seen is not None
        assert seen.sentence.endswith(f"set the address to {address}")


def test_F31_a_page_that_announces_itself_is_a_page() -> None:
    body = b'<html><head><link rel="alternate" type="application/rss+xml" href="/feed"></head><body>Hi</body></html>'
    seen = diagnose(body, "text/html", "https://example.org/feed")
    assert seen is not None
    assert seen.kind == "page"


def test_F31_pages_in_other_encodings_are_read_as_far_as_their_signs_go() -> None:
    body = "<html><title>Ваш вход</title><input type=password></html>"
    for encoded in (body.encode("utf-16"), body.encode("windows-1251")):
        seen = diagnose(encoded, "text/html", "notes/page.html")
        assert seen is not None
        assert seen.kind == "login"


HOSTILE = {
    "comments": b"<!--" * 50_000,
    "instructions": b"<??>" * 50_000,
    "open instructions": b"<?" * 100_000,
    "titles": b"<title" * 33_000,
    "scripts": b"<script" * 28_000,
    "closed scripts": b"<script>" * 25_000,
    "links": b"<link rel=" + b"rel=" * 50_000,
    "many links": (b"<link type=application/rss+xml href=x " + b"rel=" * 200 + b">") * 230,
    "inputs": b"<input " + b"type " * 40_000,
    "domains": b"<html>" + b"domain " * 28_000,
    "blanks": b"<html>" + b" " * 190_000 + b"x",
    "subsets": b"<!doctype x [" * 15_000,
    "doctypes": b"<!doctype x" * 18_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_S15_no_page_makes_the_looking_slow(body: bytes) -> None:
    """Each of these is 200 kB; what went back over them again and again would take minutes."""
    began = time.process_time()
    seen = diagnose(body, "", "https://example.org/")
    assert time.process_time() - began < 20
    assert seen is None or seen.kind in {"page", "login", "announces"}


@given(st.binary(max_size=300))
def test_F31_any_bytes_have_an_answer(body: bytes) -> None:
    seen = diagnose(body, "text/html", "https://example.org/")
    assert seen is None or seen.kind in {row.kind for row in ROWS}


def test_F31_no_real_news_page_is_taken_for_a_barrier() -> None:
    corpora = os.environ.get("FEEDS_CORPORA")
    if not corpora:
        pytest.skip("FEEDS_CORPORA is not set")
    pages = sorted(Path(corpora, "extraction", "aeb", "html").glob("*.gz"))
    seen = [diagnose(gzip.decompress(page.read_bytes()), "text/html", "https://example.org/feed") for page in pages]
    assert {one.kind if one else None for one in seen} <= {"page", "announces"}


@pytest.mark.parametrize(
    ("held", "now", "identity"),
    [
        ("https://example.org/{n}", "https://www.example.org/{n}/", "link"),
        ("http://www.example.org/{n}", "https://example.org/{n}", "link"),
        ("https://example.org/?p={n}", "https://www.example.org/?p={n}", "link"),
        ("https://example.org/{n}?sid=1", "https://example.org/{n}?sid=2", "page"),
        ("https://example.org/{n};jsessionid=1", "https://example.org/{n};jsessionid=2", "page"),
        ("https://example.org/{n}", "https://moved.example/stories/{n}.html", "title"),
        ("", "", "title"),
    ],
)
def test_F21_moved_links_and_titles_lead_to_the_ids_that_are_held(held: str, now: str, identity: str) -> None:
    """Also at later polls, for the stories that were not seen since, and for one that is new."""
    ids = [f"{n}" for n in range(12)]
    links = {held.format(n=n): f"{n}" for n in ids} if held else {}
    titles = {f"title {n}\x1f": n for n in ids}
    keys = StoryKeys(lambda story: story.links[0].href if story.links else None, lambda story: f"{story.rights}\x1f")
    for poll, shown in enumerate((ids[:8], [*ids[2:], "new"])):
        stories = [story(f"{poll}-{n}", now.format(n=n) or None) for n in shown]
        stories = [replace(one, rights=f"title {n}") for one, n in zip(stories, shown, strict=True)]
        memory = SeenItems(
            "example.org,2026", dict.fromkeys(ids, "digest"), links, 8, identity if poll else "id", titles=titles
        )
        judgement = judge(listing(*stories), ids_of(stories), memory, first=False, keys=keys)
        assert judgement.identity == identity
        assert [*judgement.ids[: 8 if not poll else 10]] == shown[: 8 if not poll else 10]
        assert (judgement.sentence is None) == bool(poll)
