"""Agreement with other parsers, fact by fact: python tests/bench/corpus.py feedparser|goldens|real-feeds [-v] [FOLDER].

The folder is FEEDS_CORPORA unless given. Bytes go through `feeds.parse` and `feeds.normalize`; what another parser says
of them is read as facts, and a case passes when all its facts agree. Text is compared free of markup and white space.

Where we differ on purpose, by what the other one does:
feedparser (http_entry_id_base_docuri): resolves a relative atom:id; ids are compared character by character, so ours
    stays as it came (RFC 4287 §4.2.6).
feed-rs (rss_2.0_nbcny): keeps "A and B" as one person; (rss_2.0_relurl_1): calls every RSS author "author".
rss-parser (encoding): takes the tracking redirect of FeedBurner where origLink names the story; (reddit-atom,
    reddit-home): drops text around inline XHTML; (xml2js-options): writes "EMPTY" where there is no content.
"""

from __future__ import annotations

import html
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin

from facts import GOLDEN_URL, Case, Fact, feedparser_cases, golden_cases
from feedparser.datetimes import _parse_date

from feeds.errors import ParseError
from feeds.model import Article, Fetched, Link, Parsed, Person, Text
from feeds.normalize import Context, document_context, normalize, story_digest, upstream_id
from feeds.parse import parse

AT = datetime(2026, 11, 22, tzinfo=UTC)
TAG = re.compile(r"<[^<>]+>")
CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.I)
HOST = re.compile(r"(?i)^(https?://)([^/?#]*)/?")


@dataclass(frozen=True)
class Reading:
    """What we make of the same bytes."""

    parsed: Parsed
    articles: tuple[Article, ...] = ()


@dataclass
class Tally:
    """Cases and facts that agree."""

    cases: int = 0
    passed: int = 0
    facts: int = 0
    agreed: int = 0

    def __str__(self) -> str:
        return (
            f"cases {self.passed}/{self.cases} = {self.passed / max(self.cases, 1):.1%}, "
            f"facts {self.agreed}/{self.facts} = {self.agreed / max(self.facts, 1):.1%}"
        )


def reading(body: bytes, headers: Mapping[str, str], url: str) -> Reading:
    """Parse and normalize, as the pipeline does for a source seen for the first time."""
    kind, _, parameters = headers.get("content-type", "").partition(";")
    charset = CHARSET.search(parameters)
    media_type = kind.strip().lower()
    parsed = parse(Fetched(url, body, media_type, charset[1] if charset else None, dict(headers)))
    context = Context(source_id="corpus", authority="corpus.example,2026", now=AT)
    document = document_context(parsed, context)
    stories = ((story, upstream_id(story, parsed.base), story_digest(story)) for story in parsed.stories)
    return Reading(parsed, tuple(normalize(story, document, id, digest, context) for story, id, digest in stories))


# ── comparing ───────────────────────────────────────────────────────────────────────────────────────────────────────

Ours = Iterable[object]


def forms(value: object) -> set[str]:
    """A text as it stands, and free of markup and entities; without white space."""
    text = str(value)
    once = html.unescape(text)
    return {"".join(form.split()) for form in (text, once, html.unescape(TAG.sub(" ", text)), TAG.sub(" ", once))}


def same_text(expected: object, ours: Ours) -> bool:
    """Equal but for markup, entities and white space."""
    wanted = forms(expected)
    return any(wanted & forms(one) for one in ours if one is not None)


def same_language(expected: object, ours: Ours) -> bool:
    """Equal but for case."""
    return any(str(expected).lower() == str(one).lower() for one in ours)


def same_date(expected: object, ours: Ours) -> bool:
    """The same second."""
    wanted = moment(expected)
    return wanted is None or any(wanted == moment(one) for one in ours if one is not None)


def moment(value: object) -> tuple[int, ...] | None:
    """A point in time, however it is given."""
    if isinstance(value, datetime):
        return tuple(value.astimezone(UTC).timetuple()[:6])
    if isinstance(value, tuple):
        return tuple(value[:6])
    try:
        return moment(datetime.fromisoformat(str(value)))
    except ValueError:
        parsed = _parse_date(str(value))
        return tuple(parsed[:6]) if parsed else None


def same_url(expected: object, ours: Ours) -> bool:
    """The same address; some parsers leave it relative."""
    wanted = {bare(expected), bare(joined(GOLDEN_URL, str(expected).strip()))}
    return any(bare(one) in wanted for one in ours if one is not None)


def bare(url: object) -> str:
    """An address with its host in lower case."""
    text = html.unescape(str(url)).strip()
    return HOST.sub(lambda match: f"{match[1].lower()}{match[2].lower()}/", text)


def joined(base: str, reference: str) -> str:
    """An address made absolute, if it is one."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference


def values(texts: Iterable[Text | None]) -> list[object]:
    """What texts say."""
    return [text.value for text in texts if text]


def addresses(links: Iterable[Link | None], base: str | None) -> list[object]:
    """Where links lead."""
    return [joined(link.base or base or "", link.href) for link in links if link]


def names(people: Iterable[Person], base: str | None) -> list[object]:
    """The people of a channel in all spellings: nothing has taken them apart yet."""
    found: list[object] = []
    for person in people:
        match = re.match(r"(.*?)\s*\(?\s*<?([\w.+-]+@[\w.-]+)>?\s*\)?\s*\(?(.*?)\)?$", person.name or "")
        found += [person.name, person.email, person.url and joined(base or "", person.url)]
        found += [f"{person.name} ({person.email})", *(match.groups() if match else ())]
    return found


def authors(article: Article) -> list[object]:
    """The authors of an article in all spellings."""
    made: list[object] = []
    for one in article.authors:
        made += [one.name, one.email, one.url, f"{one.name} ({one.email})", f"{one.email} ({one.name})"]
    return [*made, ", ".join(one.name for one in article.authors)]


def pictures(article: Article) -> list[object]:
    """All pictures of an article."""
    return [article.image, *(one.url for one in article.media), *(one.url for one in article.attachments)]


Compare = Callable[[object, Ours], bool]
ITEM: Mapping[str, tuple[Compare, Callable[[Article], Ours]]] = {
    "title": (same_text, lambda article: [article.title]),
    "link": (same_url, lambda article: [article.url, article.external_url, *(one.url for one in article.attachments)]),
    "id": (same_text, lambda article: [article.upstream_id, article.published_id, article.url]),
    "summary": (same_text, lambda article: [article.summary, article.html]),
    "content": (same_text, lambda article: [article.html, article.summary]),
    "date": (same_date, lambda article: [article.published, article.modified]),
    "author": (same_text, authors),
    "tag": (
        same_text,
        lambda article: [*article.tags, *(part for one in article.categories for part in (one.term, one.label))],
    ),
    "scheme": (same_text, lambda article: [one.scheme for one in article.categories]),
    "label": (same_text, lambda article: [one.label for one in article.categories]),
    "enclosure": (same_url, lambda article: [one.url for one in (*article.attachments, *article.media)]),
    "length": (same_text, lambda article: [*(one.size for one in article.attachments), 0]),
    "type": (same_text, lambda article: [one.media_type for one in article.attachments]),
    "image": (same_url, pictures),
    "rights": (same_text, lambda article: [article.rights]),
    "comments": (same_url, lambda article: [article.comments and article.comments.url]),
    "language": (same_language, lambda article: [article.language]),
    "origin": (
        same_text,
        lambda article: [getattr(article.origin, name, None) for name in ("id", "title", "url", "feed")],
    ),
}
FEED: Mapping[str, tuple[Compare, Callable[[Parsed], Ours]]] = {
    "title": (same_text, lambda parsed: values([parsed.channel.title])),
    "summary": (same_text, lambda parsed: values([parsed.channel.description])),
    "link": (same_url, lambda parsed: addresses(parsed.channel.links, parsed.base)),
    "id": (same_text, lambda parsed: [parsed.channel.id]),
    "date": (same_date, lambda parsed: [parsed.channel.updated, parsed.channel.published]),
    "author": (same_text, lambda parsed: names(parsed.channel.people, parsed.base)),
    "tag": (
        same_text,
        lambda parsed: [part for one in parsed.channel.categories for part in (one.term, one.label)],
    ),
    "scheme": (same_text, lambda parsed: [one.scheme for one in parsed.channel.categories]),
    "rights": (same_text, lambda parsed: values([parsed.channel.rights])),
    "image": (same_url, lambda parsed: addresses([parsed.channel.image, parsed.channel.icon], parsed.base)),
    "language": (
        same_language,
        lambda parsed: [
            parsed.channel.language,
            *(text.language for text in (parsed.channel.title, parsed.channel.description) if text),
        ],
    ),
    "generator": (same_text, lambda parsed: [parsed.channel.generator]),
}


def agrees(fact: Fact, ours: Reading) -> bool:
    """Whether we say the same."""
    if fact.item is None:
        compare, of_feed = FEED[fact.name]
        return compare(fact.expected, of_feed(ours.parsed))
    if fact.item >= len(ours.articles):
        return False
    compare, of_article = ITEM[fact.name]
    return compare(fact.expected, of_article(ours.articles[fact.item]))


# ── running ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def compared(cases: Iterable[Case], verbose: bool) -> Tally:
    """Count what agrees, and say what does not."""
    tally = Tally()
    for case in cases:
        facts = [fact for fact in case.facts if fact.name in (FEED if fact.item is None else ITEM)]
        if not facts:
            continue
        try:
            ours = reading(case.body, case.headers, case.url)
        except ParseError as error:
            ours = Reading(Parsed(reader=f"{error}", base=None))
        missed = [fact for fact in facts if not agrees(fact, ours)]
        tally.cases += 1
        tally.passed += not missed
        tally.facts += len(facts)
        tally.agreed += len(facts) - len(missed)
        if missed and verbose:
            print(f"{case.name}: {len(missed)} of {len(facts)}", *(f"\n    {one}" for one in missed[:6]), sep="")
    return tally


OPENING = re.compile(rb"<(?:\w+:)?(?:item|entry)[\s>/]", re.I)
HIDDEN = re.compile(rb"<!\[CDATA\[.*?\]\]>|<!--.*?-->", re.S)


def real_feeds(folder: Path, verbose: bool) -> Tally:
    """Every entry of every feed, with an id of its own."""
    tally = Tally()
    for file in sorted((folder / "real-feeds").iterdir()):
        body = file.read_bytes()
        ours = reading(body, {}, f"https://real.invalid/{file.name}")
        is_json = body.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"{")
        held = len(json.loads(body).get("items", [])) if is_json else len(OPENING.findall(HIDDEN.sub(b"", body)))
        ids = {article.upstream_id for article in ours.articles}
        tally.cases += 1
        tally.passed += len(ours.articles) == held
        tally.facts += held
        tally.agreed += min(len(ours.articles), held)
        if verbose and len(ids) != held:
            print(f"{file.name}: {len(ours.articles)} of {held} entries, {len(ids)} ids, {ours.parsed.warnings}")
    return tally


def main(arguments: list[str]) -> int:
    """Print one line of figures; with -v every disagreement before it."""
    verbose = "-v" in arguments
    words = [word for word in arguments if word != "-v"]
    if not words or words[0] not in ("feedparser", "goldens", "real-feeds"):
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(words[1] if len(words) > 1 else os.environ.get("FEEDS_CORPORA", "../shared/corpora"))
    if words[0] == "real-feeds":
        print(real_feeds(folder, verbose))
    else:
        print(compared((feedparser_cases if words[0] == "feedparser" else golden_cases)(folder), verbose))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
