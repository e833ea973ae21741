"""People: names and addresses in all their spellings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from feeds.model import Author, Person
from feeds.normalize.people import select_authors

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
