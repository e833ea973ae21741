"""Twins: the same story from several sources is found once, when it is recorded (DESIGN §2)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from database import add_articles, downgrade, open_store, titles, visit_of
from factories import NOON, article, harvest, source

from feeds.model import Article
from feeds.store import DatabaseAddress, SqlStore, migrate

SOURCES = [source(id) for id in "abcd"]
TITLE = "storm over the bay"


def story(name: str, source_id: str, link: str = "", title: str = "", **fields: Any) -> Article:
    """An article that has nothing in common with others but what is given."""
    url = link or f"https://{source_id}.example/{name}"
    ids = {"upstream_id": name, "published_id": f"tag:{source_id}/{name}", "minted_id": f"tag:minted/{source_id}{name}"}
    return article(name, source_id, **{**ids, "url": url, "link_key": url, "title_key": title, **fields})


def groups(store: SqlStore) -> list[str]:
    """The stories with several articles, each as the names of its articles by age."""
    stories: dict[str, list[str]] = {}
    for stored in sorted(store.articles(), key=lambda stored: stored.key):
        if stored.story_key:
            stories.setdefault(stored.story_key, []).append(f"{stored.source_id}{stored.upstream_id}")
    return [" ".join(members) for members in stories.values()]


LINK, OTHER = "https://x.example/storm", "https://x.example/other"
HOME = "https://x.example/"
DAY = timedelta(days=1)

CASES: dict[str, tuple[list[Article], list[str]]] = {
    "a link": ([story("1", "a", LINK), story("1", "b", LINK)], ["a1 b1"]),
    "a title at about the same time": (
        [story("1", "a", title=TITLE, published=NOON - DAY), story("1", "b", title=TITLE)],
        ["a1 b1"],
    ),
    "a title long after": ([story("1", "a", title=TITLE, published=NOON - 3 * DAY), story("1", "b", title=TITLE)], []),
    "an id": (
        [story("1", "a", published_id="urn:x:1"), story("1", "b", published_id="urn:x:1")],
        ["a1 b1"],
    ),
    "an id of ours is no story's": ([story("1", "a", minted_id="tag:m"), story("1", "b", minted_id="tag:m")], []),
    "a link that moved": ([story("1", "a", LINK), story("1", "b", "https://www.x.example/storm/")], ["a1 b1"]),
    "several sources": ([story("1", id, LINK) for id in "abcd"], ["a1 b1 c1 d1"]),
    "a link to the front page": ([story("1", "a", HOME), story("1", "b", HOME)], []),
    "a link that one source gives to several": (
        [story("1", "a", LINK), story("2", "a", LINK), story("1", "b", LINK)],
        [],
    ),
    "a title that one source gives to several": (
        [
            story("1", "a", title=TITLE, published=NOON - 9 * DAY),
            story("2", "a", title=TITLE),
            story("1", "b", title=TITLE),
        ],
        [],
    ),
    "no story has two articles of a source": (
        [story("1", "a", LINK, TITLE), story("1", "b", LINK), story("2", "b", title=TITLE)],
        ["a1 b1"],
    ),
    "the oldest counts where two are alike": (
        [story("1", "a", LINK), story("1", "b", title=TITLE), story("1", "c", LINK, TITLE)],
        ["a1 c1"],
    ),
    "several sources in a later batch": (
        [story("1", "a", title=TITLE), story("1", "b"), *(story("1", id, title=TITLE) for id in "cd")],
        ["a1 c1 d1"],
    ),
    "through another twin": (
        [story("1", "a", LINK), story("1", "b", LINK, TITLE), story("1", "c", OTHER, TITLE), story("1", "d", OTHER)],
        ["a1 b1 c1 d1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_twins_are_found_in_one_batch_and_in_several(address: DatabaseAddress, case: str, at_once: bool) -> None:
    articles, expected = CASES[case]
    with open_store(address, *SOURCES) as store:
        for batch in [articles] if at_once else [articles[:1], articles[1:2], articles[2:]]:
            add_articles(store, *batch)
        assert groups(store) == expected
        assert store.damage() == []


def test_a_story_key_is_final(address: DatabaseAddress) -> None:
    with open_store(address, *SOURCES) as store:
        add_articles(store, story("1", "a", LINK), story("1", "b", LINK), story("2", "c", OTHER))
        add_articles(store, story("1", "b", OTHER, title="Edited", story_digest="d2"))
        add_articles(store, story("2", "c", LINK, title="Edited", story_digest="d2"))
        assert groups(store) == ["a1 b1"]
        assert store.damage() == []


def test_a_copy_with_the_title_before_the_last_edit_is_a_twin(address: DatabaseAddress) -> None:
    """Copies keep the headline that they were made with."""
    with open_store(address, *SOURCES) as store:
        add_articles(store, story("1", "a", title=TITLE), story("2", "a", title="the second title"))
        edited = story("1", "a", title="another title", story_digest="d2")
        add_articles(store, edited, story("1", "b", title=TITLE))
        add_articles(store, story("1", "a", LINK, title="another title", story_digest="d3"))
        add_articles(store, story("1", "c", title=TITLE), story("1", "d", title="another title"))
        assert groups(store) == ["a1 b1 c1 d1"]
        assert store.damage() == []


def test_R4_twins_are_retracted_together_and_a_late_one_as_well(address: DatabaseAddress) -> None:
    with open_store(address, *SOURCES) as store:
        add_articles(store, story("1", "a", LINK, TITLE), story("1", "b", title=TITLE), story("2", "b"))
        assert store.retract("tag:b/1", NOON)
        assert titles(store) == ["Title 2"]
        add_articles(store, story("1", "c", LINK))
        add_articles(store, story("1", "c", LINK, title_key="edited", story_digest="d2"))
        assert titles(store) == ["Title 2"]
        assert "1" in store.seen_items("c").retracted
        assert store.retract(LINK, NOON, undo=True)
        assert groups(store) == ["a1 b1 c1"]


def test_what_its_own_source_takes_back_is_published_of_a_later_twin(address: DatabaseAddress) -> None:
    with open_store(address, *SOURCES) as store:
        add_articles(store, story("1", "a", LINK))
        store.record([harvest(visit_of(store), removed_ids=("1",))])
        assert titles(store) == []
        add_articles(store, story("1", "b", LINK))
        assert groups(store) == ["b1"]


def test_0008_articles_with_one_link_are_twins_after_the_migration(path: Path) -> None:
    with open_store(path, *SOURCES) as store:
        add_articles(store, story("1", "a", LINK), story("2", "a", OTHER), story("3", "a", OTHER), story("4", "a"))
        add_articles(store, story("1", "b", LINK), story("2", "b", OTHER), story("5", "b", HOME), story("5", "c", HOME))
    downgrade(path, 7)
    migrate.create_or_upgrade(path)
    with open_store(path, *SOURCES) as store:
        assert groups(store) == ["a1 b1"]
        assert store.damage() == []
        add_articles(store, story("1", "c", LINK))
        assert groups(store) == ["a1 b1 c1"]
