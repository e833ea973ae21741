"""The warnings of `feeds check`."""

from __future__ import annotations

import pytest

from feeds.config import find_warnings, load

WARNED = {
    "public": ("data: ../public/data", "lies inside public"),
    "data": ("data: ../x\npublic: ../x/y", "lies inside data"),
    "loopback": ("", "on this machine only"),
    "contact": ("sources:\n  a: https://example.org/", "site.contact is missing"),
    "no sources": ("feeds:\n  a:", "there are no sources"),
    "no feeds": ("sources:\n  a: https://example.org/", "there are no feeds"),
    "off": (
        "sources:\n  a: {feed: https://example.org/, enabled: false}\nfeeds:\n  x:",
        "the feed x selects nothing: all",
    ),
    "tags": ("sources:\n  a: {feed: https://example.org/, tags: [b]}\nfeeds:\n  x: {tags: [c]}", "no source adds c"),
    "tag of a step": (
        "sources:\n  a: {feed: https://example.org/, steps: [{tag: C}]}\nfeeds:\n  x: {tags: [c]}",
        "no source adds c, and a step only adds it afterwards",
    ),
    "unused": (
        "sources:\n  a: https://example.org/\n  b: https://example.org/b\nfeeds:\n  x: {sources: a}",
        "in no feed: b",
    ),
    "each": ("feeds:\n  x: {each: tag, title: News}", "all feeds of x have the same title: {tag} in its `title`"),
    "http": ("sources:\n  a: http://example.org/", "fetched over http instead of https: a"),
    "secret": ("sources:\n  a: {feed: http://example.org/, auth: {bearer: x}}", "credentials are sent unencrypted"),
    "files": ("sources:\n  a: {files: nowhere/*.md}", "the source a finds no file *.md in"),
    "program": (
        "allow_commands: true\nsources:\n  a: {command: [no-such-program]}\n  b: {command: [sh]}",
        "the source a finds no program no-such-program",
    ),
    "program beside the file": (
        "allow_commands: true\nsources:\n  a: {command: [./feeds.yaml]}",
        "the source a finds no program ./feeds.yaml",
    ),
    "file": ("sources:\n  a: {feed: nowhere.xml}", "the source a finds no file"),
}


@pytest.mark.parametrize(("text", "expected"), WARNED.values(), ids=WARNED)
def test_what_will_surprise_is_warned_of(load_text, text: str, expected: str) -> None:
    assert any(expected in sentence for sentence in find_warnings(load_text(text + "\n")))


@pytest.mark.parametrize("url", ["https://wire.example.org/", "https://example.com/", "https://feeds.example/"])
def test_an_example_address_is_warned_of(write, url: str) -> None:
    config = load(write(f"site: {{title: A, url: '{url}'}}\n"), {})
    assert any("an example" in sentence for sentence in find_warnings(config))


def test_nothing_is_warned_of_when_all_is_well(write) -> None:
    config = load(
        write(
            """site: {title: A, url: https://feeds.debian.net/, contact: me@debian.net}
sources:
  a: {feed: https://www.debian.net/rss, tags: [World]}
feeds:
  x: {tags: [world]}
"""
        ),
        {},
    )
    assert find_warnings(config) == []
