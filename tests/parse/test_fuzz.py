"""Any bytes give a document or our own error, never anything else (F17, F30, S11): seeded mutants of our own fixtures.

FEEDS_FUZZ says how many mutants, for a longer run by hand; FEEDS_FUZZ_SEED which ones.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import feeds

SEEDS = sorted(path for path in (Path(__file__).parents[1] / "data").rglob("*") if path.suffix in {
    ".atom", ".cdf", ".html", ".json", ".opml", ".rdf", ".rss", ".txt", ".xml"
})  # fmt: skip
MUTANTS = int(os.environ.get("FEEDS_FUZZ", "1500"))
SEED = int(os.environ.get("FEEDS_FUZZ_SEED", "20260302"))
FRAGMENTS = (
    b"<",
    b">",
    b"&",
    b"]]>",
    b"<![CDATA[",
    b"\x00",
    b"\xff\xfe",
    b"&#0;",
    b"<!DOCTYPE x [",
    b"<b>" * 50,
    b"\xed\xa0\x80",
    b"{",
    b'"',
)
MAX_LENGTH = 60_000


def _mutant(rng: random.Random) -> bytes:
    body = bytearray(rng.choice(SEEDS).read_bytes()[:MAX_LENGTH] or b"<rss/>")
    for _ in range(rng.randint(1, 12)):
        start = rng.randrange(len(body) + 1)
        end = start + rng.choice((0, 1, 3, 20, 400))
        body[start:end] = rng.choice((b"", rng.choice(FRAGMENTS), rng.randbytes(3), bytes(body[end : end + 60])))
    return bytes(body)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _is_legal(text: str) -> bool:
    return all(
        character in "\t\n\r"
        or " " <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character > "\uffff"
        for character in text
    )


def test_S11_R6_any_bytes_are_read_or_refused_and_what_is_read_is_legal_in_xml() -> None:
    rng = random.Random(SEED)
    read = 0
    for number in range(MUTANTS):
        body = _mutant(rng)
        try:
            document = feeds.read(body, "https://a.example/feed")
        except feeds.ParseError:
            continue
        except Exception as error:
            raise AssertionError(f"mutant {number} of seed {SEED}: {error!r}") from error
        read += 1
        assert all(map(_is_legal, _strings(document))), f"mutant {number} of seed {SEED}"
    assert read > MUTANTS / 4  # most seeds survive some damage
