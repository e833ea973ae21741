"""What is behind an address: a feed, or the feeds that a page leads to, each with its newest titles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice

from ..errors import FetchError, ParseError, SourceError
from ..model import Fetched, Kind, Source
from ..normalize import about, plain
from ..parse import parse
from ..parse.discover import Candidate, candidates

MOST = 12  # candidates asked for: a page may name hundreds
TITLES = 3
PERMANENT = frozenset({301, 308})

Fetch = Callable[[str], Fetched]
READ_AS_FEED = Source("add", Kind.FEED, "")  # without a source, any plain text would pass for a story


@dataclass(frozen=True, slots=True)
class Found:
    """A feed that was read: where it is, what it calls itself, who read it, and what is new in it."""

    url: str
    title: str
    reader: str
    articles: int
    newest: tuple[str, ...]


def behind(url: str, fetch: Fetch) -> list[Found]:
    """The feeds behind an address, the likeliest first. Raises SourceError when there is none, saying what is."""
    answer = fetch(url)
    try:
        return [_found(answer, url)]
    except ParseError as error:
        for _, alike in groupby(_candidates(answer), key=lambda candidate: candidate.found == "guessed"):
            # The usual places are asked for only where the page names nothing that is a feed.
            if found := list(_each(alike, fetch)):
                return found
        raise FetchError(f"No feed was found at {url}. {error.sentence}", kind="not_a_feed") from error


def _candidates(answer: Fetched) -> Iterator[Candidate]:
    return islice(candidates(answer.body, answer.url, answer.charset), MOST)


def _each(offered: Iterable[Candidate], fetch: Fetch) -> Iterator[Found]:
    """Those of the candidates that are feeds, each document once."""
    seen: set[str] = set()
    for candidate in offered:
        try:
            found = _found(fetch(candidate.url), candidate.url)
        except SourceError:
            continue
        if found.url not in seen:
            seen.add(found.url)
            yield found


def _found(answer: Fetched, asked: str) -> Found:
    parsed = parse(answer, READ_AS_FEED)
    titles = (plain(story.title) or plain(story.summary) for story in parsed.stories)
    newest = tuple(islice(titles, TITLES))
    return Found(_address(answer, asked), about(parsed).title, parsed.reader, len(parsed.stories), newest)


def _address(answer: Fetched, asked: str) -> str:
    """Where to ask from now on: what was typed, unless every redirect says it is for good."""
    return answer.url if answer.hops and all(hop.status in PERMANENT for hop in answer.hops) else asked
