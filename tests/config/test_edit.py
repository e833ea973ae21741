"""Sources that are added to the YAML in place."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.config import add_sources, load
from feeds.errors import ConfigError

SAMPLE = Path(__file__).parent.parent.parent / "config" / "feeds.yaml"
SITE = "site: {title: A, url: http://localhost/}\n"


ADDED = [
    ("bbc", "https://feeds.bbci.co.uk/news/rss.xml"),
    ("metro", {"page": "https://metro.debian.net/news", "stories": "a[title='x # not a comment']", "tags": "no"}),
    ("007", "https://debian.net/?a=${b}&c={d}"),
]

FILES = {
    "comments": "sources:   # where from\n    a: https://debian.net/a   # first\n    # the end\n\nfeeds:\n  x:\n",
    "nothing": "sources:\n# later\nfeeds:\n  x:\n",
    "absent": "feeds:\n  x:\n",
    "braces": "sources: {}   # none yet\nfeeds: {}\n",
    "last": "sources:\n  a:\n    feed: https://debian.net/a\n    tags:\n      - b",
    "block": "sources:\n  a:\n    feed: https://debian.net/a\n    tags: |\n      b\n\n# end\n",
    "folded": "sources:\n  a: {feed: https://debian.net/a,\n      tags: [b]}\n\nfeeds:\n  x:\n",
    "windows": "sources:\r\n  a: https://debian.net/a\r\nfeeds:\r\n  x:\r\n",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_added_sources_leave_every_line_as_it_is(write, text: str) -> None:
    path = write(SITE + text)
    before = load(path, {})
    add_sources(path, ADDED, {})
    after = load(path, {})
    lines = path.read_bytes().decode().splitlines()
    old = [line for line in (SITE + text).splitlines() if "{}" not in line]
    assert [line for line in lines if line in old] == old
    assert after.sources.keys() == before.sources.keys() | {"bbc", "metro", "007"}
    assert {name: after.sources[name] for name in before.sources} == before.sources
    assert after.sources["metro"].selectors == {"stories": "a[title='x # not a comment']"}
    assert after.sources["007"].address == "https://debian.net/?a=${b}&c={d}"


def test_added_sources_stand_under_the_last_one_indented_alike(write) -> None:
    path = write(SITE + FILES["comments"])
    add_sources(path, ADDED[:1], {})
    assert path.read_text(encoding="utf-8").splitlines()[1:5] == [
        "sources:   # where from",
        "    a: https://debian.net/a   # first",
        "    bbc: https://feeds.bbci.co.uk/news/rss.xml",
        "    # the end",
    ]


def test_sources_can_be_added_to_the_sample(write) -> None:
    path = write(SAMPLE.read_bytes())
    add_sources(path, ADDED, {})
    lines = path.read_text(encoding="utf-8").splitlines()
    sample = SAMPLE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line in set(sample)] == sample
    assert load(path, {}).sources.keys() == {"desk", "bbc", "metro", "007"}


REFUSED = {
    "flow": ("sources: {a: https://debian.net/a}\n", ADDED, "2:1: `sources` cannot be added to line by line"),
    "null": ("sources: ~\n", ADDED, "2:1: `sources` cannot be added to line by line"),
    "end": ("feeds: {}\n...\n", ADDED, "1:1: `sources` cannot be added to line by line"),
    "alias": ("sources: &s\n  a: https://debian.net/a\ndata: x\n", [("a", "https://b/")], "3:3: the source `a` exists"),
    "twice": ("sources:\n", [ADDED[0], ADDED[0]], "2:1: the source `bbc` exists already"),
    "id": ("sources:\n", [("Not An Id", "https://debian.net/")], "3:3: `Not An Id` is no id"),
    "url": ("sources:\n", [("a", "debian")], "3:6: `debian` is no web address"),
    "key": ("sources:\n", [("a", {"feeed": "https://debian.net/"})], "4:5: the key `feeed` is unknown"),
    "wrong": ("sorces:\n", ADDED, "2:1: the key `sorces` is unknown"),
}


@pytest.mark.parametrize(("text", "entries", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_added_leaves_the_file_untouched(write, text: str, entries: list, expected: str) -> None:
    path = write(SITE + text)
    with pytest.raises(ConfigError) as caught:
        add_sources(path, entries, {})
    assert caught.value.problems[0].startswith(f"{path}:{expected}")
    assert path.read_text(encoding="utf-8") == SITE + text
    assert [child.name for child in path.parent.iterdir()] == ["feeds.yaml"]


def test_an_edited_file_keeps_its_mode_and_its_link(write, tmp_path: Path) -> None:
    path = write(SITE)
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    add_sources(link, ADDED, {})
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "bbc" in load(path, {}).sources


def test_nothing_to_add_changes_nothing(write) -> None:
    path = write(SITE)
    inode = path.stat().st_ino
    add_sources(path, [], {})
    assert path.stat().st_ino == inode


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True),
            st.one_of(
                st.from_regex(r"https://debian\.net/[!-~]{0,20}", fullmatch=True).filter(
                    lambda url: not set(url) & set('\\<>"')
                ),
                st.fixed_dictionaries(
                    {
                        "feed": st.just("https://debian.net/"),
                        "tags": st.text(
                            st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9
                        ),
                    }
                ),
            ),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda entry: entry[0],
    )
)
def test_whatever_is_added_is_read_back(tmp_path_factory: pytest.TempPathFactory, entries: list) -> None:
    path = tmp_path_factory.mktemp("added") / "feeds.yaml"
    path.write_text(SITE + "sources: # here\n# end\n", encoding="utf-8")
    add_sources(path, entries, {})
    sources = load(path, {}).sources
    for name, said in entries:
        told = (
            sources[name].address
            if isinstance(said, str)
            else {"feed": sources[name].address, "tags": sources[name].tags[0]}
        )
        assert told == said
