"""Agreement with other parsers, fact by fact: python tests/bench/corpus.py feedparser|goldens|real-feeds [-v] [FOLDER].

The folder is FEEDS_CORPORA unless given. Bytes go through `feeds.parse` and `feeds.normalize`; what another parser says
of them is read as facts, and a case passes when all its facts agree. Text is compared free of markup and white space.
"""

from __future__ import annotations

import ast
import html
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin

import feedparser


from feeds.errors import ParseError
from feeds.model import Article, Fetched, Link, Parsed, Person, Text
from feeds.normalize import Context, normalize, story_digest, upstream_id
from feeds.parse import parse

AT = datetime(2026, 11, 22, tzinfo=UTC)
SERVER = "http://127.0.0.1:8097"
GOLDEN_URL = "https://golden.invalid/feed.xml"
TAG = re.compile(r"<[^<>]+>")
HASH = re.compile(r"[0-9a-f]{30,32}")


@dataclass(frozen=True)
class Fact:
    """One thing another parser says: of the feed (`item` none) or of an item."""

    item: int | None
    name: str
    expected: object

    def __str__(self) -> str:
        return f"{'feed' if self.item is None else f'item {self.item}'}.{self.name} = {str(self.expected)[:150]!r}"


@dataclass(frozen=True)
class Reading:
    """What we make of the same bytes."""

    parsed: Parsed
    articles: tuple[Article, ...]


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
    charset = re.search(r"charset=[\"']?([\w.:-]+)", parameters, re.I)
    fetched = Fetched(
        url=url,
        body=body,
        media_type=kind.strip().lower(),
        charset=charset[1] if charset else None,
        headers=dict(headers),
    )
    parsed = parse(fetched)
    context = Context(source_id="corpus", authority="corpus.example,2026", at=AT)
    return Reading(
        parsed,
        tuple(
            normalize(story, parsed, upstream_id(story, parsed.base), story_digest(story), context)
            for story in parsed.stories
        ),
    )


# ── comparing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def forms(value: object) -> set[str]:
    """A text as it stands, and free of markup and entities; white space collapsed, case kept."""
    text = str(value)
    free = html.unescape(TAG.sub(" ", text))
    twice = html.unescape(TAG.sub(" ", html.unescape(text)))
    return {"".join(form.split()) for form in (text, html.unescape(text), free, twice)}


def same_text(expected: object, ours: Iterable[object]) -> bool:
    wanted = forms(expected)
    return any(wanted & forms(one) for one in ours if one is not None)


def same_language(expected: object, ours: Iterable[object]) -> bool:
    return any(str(expected).lower() == str(one).lower() for one in ours)


def same_date(expected: object, ours: Iterable[object]) -> bool:
    wanted = moment(expected)
    return wanted is None or any(wanted == moment(one) for one in ours if one is not None)


def moment(value: object) -> tuple[int, ...] | None:
    if isinstance(value, datetime):
        return tuple(value.astimezone(UTC).timetuple()[:6])
    if isinstance(value, tuple):
        return tuple(value[:6])
    text = str(value)
    try:
        return moment(datetime.fromisoformat(text))
    except ValueError:
        parsed = feedparser.datetimes._parse_date(text)
        return tuple(parsed[:6]) if parsed else None


def same_url(expected: object, ours: Iterable[object]) -> bool:
    def bare(url: object) -> str:
        text = html.unescape(str(url)).strip()
        return re.sub(r"(?i)^(https?://)([^/?#]*)/?", lambda match: match[1].lower() + match[2].lower() + "/", text)

    wanted = {bare(expected), bare(joined(GOLDEN_URL, str(expected).strip()))}
    return any(bare(one) in wanted for one in ours if one is not None)


Compare = Callable[[object, Iterable[object]], bool]


def words(texts: Iterable[Text | None]) -> list[object]:
    return [text.value for text in texts if text]


def addresses(links: Iterable[Link | None], base: str | None) -> list[object]:
    return [joined(link.base or base or "", link.href) for link in links if link]


def joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference


def names(people: Iterable[Person], base: str | None) -> list[object]:
    found: list[object] = []
    for person in people:
        match = re.match(r"(.*?)\s*\(?\s*<?([\w.+-]+@[\w.-]+)>?\s*\)?\s*\(?(.*?)\)?$", person.name or "")
        found += [
            person.name,
            person.email,
            person.url and joined(base or "", person.url),
            f"{person.name} ({person.email})",
        ]
        found += [part for part in match.groups()] if match else []
    return found


def authors(article: Article) -> list[object]:
    made: list[object] = []
    for one in article.authors:
        made += [one.name, one.email, one.url, f"{one.name} ({one.email})", f"{one.email} ({one.name})"]
    return [*made, ", ".join(one.name for one in article.authors)]


ITEM: Mapping[str, tuple[Compare, Callable[[Article], Iterable[object]]]] = {
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
    "enclosure": (
        same_url,
        lambda article: [*(one.url for one in article.attachments), *(one.url for one in article.media)],
    ),
    "length": (same_text, lambda article: [*(one.size for one in article.attachments), 0]),
    "type": (same_text, lambda article: [one.media_type for one in article.attachments]),
    "image": (
        same_url,
        lambda article: [article.image, *(one.url for one in article.media), *(one.url for one in article.attachments)],
    ),
    "rights": (same_text, lambda article: [article.rights]),
    "comments": (same_url, lambda article: [article.comments and article.comments.url]),
    "language": (same_language, lambda article: [article.language]),
    "origin": (
        same_text,
        lambda article: [getattr(article.origin, name, None) for name in ("id", "title", "url", "feed")],
    ),
}
FEED: Mapping[str, tuple[Compare, Callable[[Parsed], Iterable[object]]]] = {
    "title": (same_text, lambda parsed: words([parsed.channel.title])),
    "summary": (same_text, lambda parsed: words([parsed.channel.description])),
    "link": (same_url, lambda parsed: addresses(parsed.channel.links, parsed.base)),
    "id": (same_text, lambda parsed: [parsed.channel.id]),
    "date": (same_date, lambda parsed: [parsed.channel.updated, parsed.channel.published]),
    "author": (same_text, lambda parsed: names(parsed.channel.people, parsed.base)),
    "tag": (same_text, lambda parsed: [part for one in parsed.channel.categories for part in (one.term, one.label)]),
    "scheme": (same_text, lambda parsed: [one.scheme for one in parsed.channel.categories]),
    "rights": (same_text, lambda parsed: words([parsed.channel.rights])),
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
        compare, values = FEED[fact.name]
        return compare(fact.expected, values(ours.parsed))
    if fact.item >= len(ours.articles):
        return False
    compare, of_article = ITEM[fact.name]
    return compare(fact.expected, of_article(ours.articles[fact.item]))


# ── feedparser's own cases ──────────────────────────────────────────────────────────────────────────────────────────

EXPECTATION = re.compile(rb"Expect:\s*(.*?)\s*(?=\n[A-Z][a-z]+:|-->)", re.S)
HEADER = re.compile(rb"Header:\s*([\w-]+):\s*(.*)")
# feedparser's key → ours; what is missing here no Article holds.
KEYS = {
    **{name: "title" for name in ("title",)},
    **{name: "summary" for name in ("summary", "description", "subtitle", "tagline", "info", "content")},
    **{name: "link" for name in ("link", "links")},
    **{name: "id" for name in ("id", "guid")},
    **{name: "date" for name in ("published", "updated", "created", "modified", "date")},
    **{name: "author" for name in ("author", "authors", "contributors", "publisher")},
    **{name: "tag" for name in ("tags", "category", "categories")},
    **{name: "rights" for name in ("rights", "copyright")},
    "enclosures": "enclosure",
    "image": "image",
    "logo": "image",
    "icon": "image",
    "comments": "comments",
    "language": "language",
    "generator": "generator",
}
INSIDE = {
    "value": None,
    "href": None,
    "url": None,
    "name": None,
    "email": None,
    "term": None,
    "src": "enclosure",
    "scheme": "scheme",
    "label": "label",
    "language": "language",
}
NOT_OURS = {"publisher", "contributors"}


def feedparser_facts(body: bytes) -> list[Fact]:
    """The facts of an `Expect:` comment; empty where it speaks of what no Article holds."""
    found = EXPECTATION.search(body)
    if not found:
        return []
    try:
        tree = ast.parse(found[1].decode("utf-8", "replace").strip(), mode="eval").body
    except SyntaxError:
        return []
    return [fact for part in conjuncts(tree) for fact in compared(part)]


def conjuncts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        for value in node.values:
            yield from conjuncts(value)
    else:
        yield node


def compared(node: ast.expr) -> Iterator[Fact]:
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq):
        return
    keys = path(node.left)
    try:
        expected = ast.literal_eval(node.comparators[0])
    except ValueError:
        return
    if not keys or keys[0] not in ("feed", "entries"):
        return
    item = int(keys[1]) if keys[0] == "entries" else None
    rest = [str(key) for key in keys[2 if item is not None else 1 :] if not isinstance(key, int)]
    if isinstance(expected, dict):
        for key, value in expected.items():
            yield from fact(item, [*rest, key], value)
    else:
        yield from fact(item, rest, expected)


def path(node: ast.expr) -> list[str | int]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*path(node.value), node.attr]
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return [*path(node.value), node.slice.value] if isinstance(node.slice.value, (str, int)) else []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        return [*path(node.func.value), *(arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))]
    return []


def fact(item: int | None, keys: list[str], expected: object) -> Iterator[Fact]:
    if expected is None or not keys or keys[0] == "source":
        return
    head = keys[0].removesuffix("_parsed").removesuffix("_detail")
    name = KEYS.get(head)
    if keys[0] == "generator_detail" and keys[-1] not in ("name", "value"):
        return
    if len(keys) > 1:
        inner = INSIDE.get(keys[-1], "")
        name = (
            {"length": "length", "type": "type"}.get(keys[-1])
            if head == "enclosures" and inner == ""
            else inner or (None if inner == "" else name)
        )
    if name and head not in NOT_OURS and name in (FEED if item is None else ITEM):
        yield Fact(item, name, expected)


def feedparser_cases(folder: Path) -> Iterator[tuple[str, bytes, dict[str, str], str, list[Fact]]]:
    for file in sorted((folder / "feedparser").rglob("*.xml")):
        if {"sanitize", "amp"} & set(file.parts):
            continue
        body = file.read_bytes()
        plain = body
        for encoding in ("utf-32", "utf-32-be", "utf-32-le", "utf-16", "utf-16-be", "utf-16-le"):
            if b"\0" in body[:8] and "Expect" in body.decode(encoding, "replace"):
                plain = body.decode(encoding, "replace").encode()
                break
        headers = {name.decode().lower(): value.strip().decode("latin-1") for name, value in HEADER.findall(plain)}
        url = f"{SERVER}/{file.relative_to(folder / 'feedparser')}"
        facts = feedparser_facts(plain)
        if facts:
            yield str(file.relative_to(folder)), body, headers, url, facts


# ── other parsers' answers ──────────────────────────────────────────────────────────────────────────────────────────

Json = Mapping[str, object]


def golden_cases(folder: Path) -> Iterator[tuple[str, bytes, dict[str, str], str, list[Fact]]]:
    for file in sorted((folder / "goldens").glob("*/*.json")):
        base = file.with_name(file.name.removesuffix(".json").removesuffix(".serde"))
        feed = next(
            (
                base.with_name(base.name + end)
                for end in (".xml", ".rss", ".atom")
                if base.with_name(base.name + end).exists()
            ),
            None,
        )
        if feed is None:
            continue
        told = json.loads(_text(file.read_bytes()))
        facts = list(golden_facts(told.get("feed", told) if isinstance(told, dict) else {}))
        yield str(feed.relative_to(folder)), feed.read_bytes(), {}, GOLDEN_URL, facts


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")


# Another parser's key → (ours, where inside the value it stands).
GOLDEN_KEYS: tuple[tuple[str, str], ...] = (
    ("title", "title"),
    ("link", "link"),
    ("links", "link"),
    ("id", "id"),
    ("guid", "id"),
    ("description", "summary"),
    ("summary", "summary"),
    ("content", "content"),
    ("content:encoded", "content"),
    ("published", "date"),
    ("updated", "date"),
    ("pubDate", "date"),
    ("isoDate", "date"),
    ("author", "author"),
    ("authors", "author"),
    ("creator", "author"),
    ("categories", "tag"),
    ("enclosures", "enclosure"),
    ("enclosure", "enclosure"),
    ("image", "image"),
    ("logo", "image"),
    ("icon", "image"),
    ("copyright", "rights"),
    ("rights", "rights"),
    ("language", "language"),
    ("generator", "generator"),
)
PARTS = ("content", "href", "url", "uri", "name", "term", "body", "value", "_", "#")


def golden_facts(told: Json) -> Iterator[Fact]:
    yield from golden_part(told, None)
    items = told.get("items") or told.get("entries") or []
    for number, item in enumerate(items if isinstance(items, list) else []):
        yield from golden_part(item, number)


def golden_part(told: Json, item: int | None) -> Iterator[Fact]:
    table = FEED if item is None else ITEM
    for key, name in GOLDEN_KEYS:
        for value in leaves(told.get(key)):
            if name in table and not (name == "id" and HASH.fullmatch(str(value))):
                yield Fact(item, name, value)


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif isinstance(value, dict):
        inner = next((value[part] for part in PARTS if value.get(part)), None)
        if inner is not None:
            yield from leaves(inner)
    elif isinstance(value, str) and value.strip():
        yield value


# ── running ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def compare(cases: Iterable[tuple[str, bytes, dict[str, str], str, list[Fact]]], verbose: bool) -> Tally:
    """Count what agrees, and say what does not."""
    tally = Tally()
    for name, body, headers, url, facts in cases:
        try:
            ours = reading(body, headers, url)
        except ParseError as error:
            ours = Reading(Parsed(reader=f"{error}", base=None), ())
        missed = [fact for fact in facts if not agrees(fact, ours)]
        tally.cases += 1
        tally.passed += not missed
        tally.facts += len(facts)
        tally.agreed += len(facts) - len(missed)
        if missed and verbose:
            print(f"{name}: {len(missed)} of {len(facts)}", *(f"\n    {one}" for one in missed[:6]), sep="")
    return tally


def real_feeds(folder: Path, verbose: bool) -> Tally:
    """Every entry of every feed, with an id of its own."""
    tally = Tally()
    opening = re.compile(rb"<(?:\w+:)?(?:item|entry)[\s>/]", re.I)
    for file in sorted((folder / "real-feeds").iterdir()):
        body = file.read_bytes()
        ours = reading(body, {}, f"https://real.invalid/{file.name}")
        bare = re.sub(rb"<!\[CDATA\[.*?\]\]>|<!--.*?-->", b"", body, flags=re.S)
        is_json = body.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"{")
        held = len(json.loads(body).get("items", [])) if is_json else len(opening.findall(bare))
        tally.cases += 1
        tally.facts += held
        tally.agreed += min(len(ours.articles), held)
        tally.passed += len(ours.articles) == held
        ids = {article.upstream_id for article in ours.articles}
        if verbose and (len(ours.articles) != held or len(ids) != held):
            print(f"{file.name}: {len(ours.articles)} of {held} entries, {len(ids)} ids, {ours.parsed.warnings}")
    return tally


def main(arguments: list[str]) -> int:
    verbose = "-v" in arguments
    words = [word for word in arguments if word != "-v"]
    if not words or words[0] not in ("feedparser", "goldens", "real-feeds"):
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(words[1] if len(words) > 1 else os.environ.get("FEEDS_CORPORA", "../shared/corpora"))
    if words[0] == "real-feeds":
        print(real_feeds(folder, verbose))
    else:
        cases = feedparser_cases if words[0] == "feedparser" else golden_cases
        print(compare(cases(folder), verbose))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
