"""People: names and addresses in all their spellings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from feeds.model import Author, AuthorMark, Channel, Parsed, Person, Story
from feeds.normalize import detach_story, merge_stories, story_digest
from feeds.normalize.people import resolve_bylines, select_authors, split_names

BASE = "https://example.org/blog/"
DATA = Path(__file__).parents[1] / "data" / "normalize"
PEOPLE = json.loads((DATA / "people.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("byline", "names"), PEOPLE.items(), ids=PEOPLE)
def test_people_in_all_their_spellings(byline: str, names: list[list[str | None]]) -> None:
    assert [[author.name, author.email] for author in select_authors((Person(byline),))] == names


def test_one_person_told_twice_is_one_author_with_all_that_is_known() -> None:
    people = (Person("Jane Doe"), Person("jane doe", "jane@example.org", "/jane", "javascript:x"))
    assert select_authors(people, BASE) == (Author("Jane Doe", "https://example.org/jane", "jane@example.org"),)


def test_contributors_and_technicians_are_no_authors() -> None:
    roles = ("contributor", "publisher", "webmaster", "editor")
    assert select_authors(tuple(Person("Jane Doe", role=role) for role in roles)) == ()


def test_a_person_without_a_name_goes_by_address() -> None:
    assert select_authors((Person(email="jane@example.org"),)) == (
        Author("jane@example.org", None, "jane@example.org"),
    )
    assert select_authors((Person(url="/jane"),), BASE) == (
        Author("https://example.org/jane", "https://example.org/jane"),
    )


@pytest.mark.parametrize("part", ["a", "a@", "a ", "(a@b", ", ", "x, y and ", "<", "by ", "a@b.c (d), "])
def test_S15_a_hostile_author_is_read_in_no_time(part: str) -> None:
    """The test's time limit is the assertion: a backtracking pattern would need minutes."""
    assert len(select_authors((Person(part * (1_000_000 // len(part))),))) <= 50


# ── bylines of web pages ────────────────────────────────────────────────────────────────────────────────────────────


def byline(text: str, place: str = "json-ld author", mark: AuthorMark = "", element: int = 0) -> Person:
    return Person(text, role="byline", place=place, mark=mark, element=element)


def organisation(name: str) -> Person:
    return Person(name, role="organisation", place="json-ld author")


def resolve(*people: Person) -> tuple[str, list[str | None]]:
    """The place of the authors, and their names."""
    story = resolve_bylines(Story(people=people, found={"people": people[0].place, "image": "page"}))
    assert all(person.role == "author" and not person.place for person in story.people)
    return story.found.get("people", ""), [person.name for person in story.people]


SPLITS = [
    ("Jane Doe, Berlin", ["Jane Doe"], ["Jane Doe, Berlin"]),
    ("Doe, Jane", ["Doe"], ["Doe, Jane"]),
    ("Jane Doe and Jo", ["Jane Doe", "Jo"], ["Jane Doe and Jo"]),
    ("Jane Doe, Jr.", ["Jane Doe"], ["Jane Doe, Jr."]),
    ("von Jane", ["Jane"], ["von Jane"]),
    ("By Jane Doe and Jo Marsh, Staff Writer", ["Jane Doe", "Jo Marsh"], ["Jane Doe", "Jo Marsh"]),
    ("Redaktion", [], ["Redaktion"]),
    ("Ida Fenn im Gespräch mit Jo Marsh", ["Ida Fenn", "Jo Marsh"], ["Ida Fenn im Gespräch mit Jo Marsh"]),
    ("Ida Fenn und Jo Marsh, dpa", ["Ida Fenn", "Jo Marsh", "dpa"], ["Ida Fenn und Jo Marsh, dpa"]),
]


@pytest.mark.parametrize(("text", "of_page", "of_feed"), SPLITS, ids=[row[0] for row in SPLITS])
def test_a_byline_of_a_page_is_split_at_each_comma_and_the_author_of_a_feed_with_care(
    text: str, of_page: list[str], of_feed: list[str]
) -> None:
    assert split_names(text, "byline") == of_page
    assert split_names(text, "author") == of_feed


PUBLISHER = Person("Gazette.example", role="publisher", place="site name")
PLACES = [
    ("the first place with a person", [byline("Reuters"), byline("Ida Fenn", "meta author")], "meta author"),
    ("an organisation by its type", [organisation("Ida Fenn"), byline("Jo", "meta author")], "meta author"),
    ("the site is no person", [byline("Gazette"), byline("Jo", "meta author"), PUBLISHER], "meta author"),
    (
        "else the first organisation",
        [byline("unknown"), byline("AFP", "byline"), byline("dpa", "meta author")],
        "byline",
    ),
    ("a signature is a person", [Person("Press Team", place="signature"), byline("Anna")], "signature"),
    ("so is what a selector takes", [byline("AFP, dpa", "author:", "selector"), byline("Anna")], "author:"),
    ("no name at all", [byline("unknown"), byline("admin", "meta author"), PUBLISHER], ""),
]


@pytest.mark.parametrize(("people", "place"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES])
def test_the_authors_are_those_of_the_best_place(people: list[Person], place: str) -> None:
    assert resolve(*people)[0] == place


def test_the_first_element_with_a_full_name_names_the_authors() -> None:
    nameless, named = byline("about us", "byline", "class", 0), byline("Bo Two and Cy Three", "byline", "class", 1)
    later, link = byline("Di Four", "byline", "class", 2), byline("Al One", "byline", "link", 3)
    assert resolve(nameless, named, later, link) == ("byline", ["Bo Two", "Cy Three"])
    explicit = [byline(f"Ed {word}", "byline", "explicit", n) for n, word in enumerate(("A", "B", "C", "D", "E"), 4)]
    assert resolve(*explicit, nameless, named) == ("byline", ["Ed A", "Ed B", "Ed C", "Ed D"])


def test_an_agency_counts_beside_a_person_but_not_the_site_and_not_the_desk_behind_a_name() -> None:
    people = (byline("Ida Fenn"), byline("Gear Team"), byline("Gazette Staff"), PUBLISHER)
    assert resolve(*people)[1] == ["Ida Fenn", "Gear Team"]
    assert resolve(byline("Ida Fenn, Reuters"), PUBLISHER)[1] == ["Ida Fenn", "Reuters"]
    assert resolve(byline("Ida Fenn, Politics Desk"), PUBLISHER)[1] == ["Ida Fenn"]


def test_a_profile_belongs_to_a_byline_with_one_name() -> None:
    people = tuple(
        Person(text, url="https://x.example/p", role="byline", place="byline", mark="explicit")
        for text in ("By Ida Fenn", "Jo Marsh and Al One")
    )
    urls = [(person.name, person.url) for person in resolve_bylines(Story(people=people)).people]
    assert urls == [("Ida Fenn", "https://x.example/p"), ("Jo Marsh", None), ("Al One", None)]


def test_R11_the_digest_of_a_page_is_that_of_its_authors() -> None:
    story = Story(people=(byline("By Ida Fenn, reporter"), byline("Jo Marsh", "meta author"), PUBLISHER))
    assert resolve_bylines(resolve_bylines(story)) == resolve_bylines(story)
    assert story_digest(story) == story_digest(Story(people=(Person("Ida Fenn"),)))


def test_the_authors_of_the_listing_stay_where_the_page_names_none() -> None:
    listed = Story(people=(Person("Ida Fenn"),), found={"people": "dc:creator"})
    page = Story(people=(byline("unknown"), PUBLISHER), found={"people": "json-ld author"})
    for prefer_listed in (True, False):
        merged = merge_stories(listed, page, prefer_listed=prefer_listed)
        assert (merged.people, merged.found) == (listed.people, listed.found)
    assert detach_story(page, Parsed("page:story", None, Channel(people=listed.people))).people == listed.people
