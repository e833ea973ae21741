"""How well story pages are read, beside trafilatura: python tests/bench/extraction.py [-v] [--ours] [CORPUS …].

Each corpus of FEEDS_CORPORA/extraction (aeb, fundus, trafilatura) is divided into five folds by publisher. For every
measure of the corpora's README the mean of the folds and the worst fold are printed, ours and those of trafilatura
alone in the same run. A worst fold is marked where it is more than three points and more than two standard errors
below the mean. Pages go through `feeds.parse` and `feeds.normalize`. -v names the misses of the first four folds: the
fifth is held out, so that no rule is made for its pages. --ours leaves trafilatura out.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import math
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import trafilatura
from lxml import html

from feeds.errors import ParseError
from feeds.model import Fetched, Kind, Source
from feeds.normalize import Context, document_context, normalize, story_digest, upstream_id
from feeds.parse.page.article import read_story

AT = datetime(2026, 11, 22, tzinfo=UTC)
FOLDS = 5
HELD_OUT = FOLDS - 1
TEXT_ONLY_STEP = 5  # every fifth page is also given to trafilatura for its text alone, to compare the time
WORD = re.compile(r"\w+")
ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")
BLOCKS = re.compile(
    r"</?(?:p|div|h\d|li|ul|ol|br|blockquote|figure|figcaption|table|tr|td|th|pre|section)\b[^>]*>", re.I
)


@dataclass(frozen=True)
class Page:
    """One page of a corpus, with what is expected of it; None or empty where the corpus does not say."""

    name: str
    url: str
    body: bytes
    text: str | None = None
    title: str | None = None
    authors: tuple[str, ...] = ()
    contained: tuple[str, ...] = ()  # names that the authors contain
    published: datetime | None = None
    day: str | None = None
    images: frozenset[str] = frozenset()
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Extraction:
    """What a program read from a page; `published` is an instant, and `day` the one that the page itself shows."""

    text: str = ""
    title: str = ""
    authors: tuple[str, ...] = ()
    published: str = ""
    day: str = ""
    image: str = ""


# ── the corpora ─────────────────────────────────────────────────────────────────────────────────────────────────────


def read_aeb(root: Path) -> Iterator[Page]:
    """Yield news pages whose ground truth is the text of the article."""
    expected = json.loads((root / "ground-truth.json").read_text(encoding="utf-8"))
    for name, truth in expected.items():
        body = gzip.decompress((root / "html" / f"{name}.html.gz").read_bytes())
        yield Page(name, truth.get("url", ""), body, truth["articleBody"])


def read_fundus(root: Path) -> Iterator[Page]:
    """Yield newspaper pages; the versions of a file belong to the pages beside it, oldest first."""
    for file in sorted(root.glob("*/*.json")):
        if file.name.endswith(".meta.json"):
            continue
        versions = json.loads(file.read_text(encoding="utf-8"))
        pages = sorted(file.parent.glob(f"{file.stem}_*.html.gz"))
        for page, (version, truth) in zip(pages, versions.items(), strict=False):
            meta = json.loads(page.with_name(page.name + ".meta.json").read_text(encoding="utf-8"))
            yield make_fundus_page(f"{file.parent.name}/{file.stem}/{version}", meta["url"], page, truth)


def make_fundus_page(name: str, url: str, page: Path, truth: dict) -> Page:  # type: ignore[type-arg]
    published = datetime.fromisoformat(truth["publishing_date"]) if truth.get("publishing_date") else None
    images = {version["url"] for image in truth.get("images") or [] for version in image["versions"]}
    return Page(
        name=name,
        url=url,
        body=gzip.decompress(page.read_bytes()),
        text=join_sections(truth.get("body") or {}),
        title=truth.get("title"),
        authors=tuple(truth.get("authors") or ()),
        published=published.astimezone(UTC) if published and published.tzinfo else None,
        images=frozenset(map(strip_query, images)),
    )


def join_sections(body: dict) -> str:  # type: ignore[type-arg]
    parts = list(body.get("summary") or [])
    for section in body.get("sections") or []:
        parts += [*section.get("headline", []), *section.get("paragraphs", [])]
    return "\n".join(parts)


def read_trafilatura(root: Path) -> Iterator[Page]:
    """Yield pages of many languages, with segments that their text must and must not contain."""
    expected = json.loads((root / "evaldata.json").read_text(encoding="utf-8"))
    for url, truth in expected.items():
        file = root / "pages" / f"{truth['file']}.gz"
        if file.exists():
            yield Page(
                name=truth["file"],
                url=url,
                body=gzip.decompress(file.read_bytes()),
                title=truth.get("title") or None,
                contained=as_tuple(truth.get("author")),
                day=truth.get("date") or None,
                present=tuple(truth["with"] or ()),
                absent=tuple(truth["without"] or ()),
            )


def as_tuple(value: str | list[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) and value else tuple(value or ())


def find_publisher(url: str, name: str) -> str:
    """Return the registered part of a page's host, roughly; the page's name where its address is unknown."""
    labels = (urlsplit(url).hostname or name).removeprefix("www.").split(".")
    return ".".join(labels[-3:] if len(labels) > 2 and len(labels[-2]) <= 3 else labels[-2:])


def divide(pages: Sequence[Page]) -> list[int]:
    """Return the fold of each page: publishers in the order of their digests, each into the smallest fold so far."""
    publishers = [find_publisher(page.url, page.name) for page in pages]
    counts = Counter(publishers)
    sizes = [0] * FOLDS
    folds: dict[str, int] = {}
    for publisher in sorted(counts, key=lambda name: hashlib.sha256(name.encode()).digest()):
        folds[publisher] = sizes.index(min(sizes))
        sizes[folds[publisher]] += counts[publisher]
    return [folds[publisher] for publisher in publishers]


# ── the programs ────────────────────────────────────────────────────────────────────────────────────────────────────


def extract_ours(page: Page) -> Extraction:
    source = Source("bench", Kind.PAGE, page.url, read_as="story")
    try:
        parsed = read_story(Fetched(page.url, page.body, "text/html"), source)
    except ParseError:
        return Extraction()
    story = parsed.stories[0]
    context = Context(source_id="bench", authority="bench.example,2026", now=AT, source=source)
    document = document_context(parsed, context)
    article = normalize(story, document, upstream_id(story, parsed.base), story_digest(story), context)
    published = article.published.isoformat() if article.published else ""
    shown = ISO_DAY.match((story.published or story.updated or "").strip())  # in the zone of the page; ours is UTC
    date = article.published or article.modified  # what feeds show as the date of an item
    day = shown[0] if shown and date else date.isoformat()[:10] if date else ""
    authors = tuple(author.name for author in article.authors)
    return Extraction(get_text(article.html), article.title or "", authors, published, day, article.image or "")


def extract_with_trafilatura(page: Page) -> Extraction:
    """Return what trafilatura reads with the settings it advises, metadata included."""
    document = trafilatura.bare_extraction(page.body, url=page.url, include_comments=False, with_metadata=True)
    if document is None:
        return Extraction()
    authors = tuple(filter(None, re.split(r"\s*;\s*", document.author or "")))
    return Extraction(document.text or "", document.title or "", authors, "", document.date or "", document.image or "")


# ── the measures ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Fold:
    """The agreement over the pages of one fold; a segment found or avoided counts as one observation."""

    precision: list[float] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    segments: Counter[str] = field(default_factory=Counter)
    agreed: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))

    def values(self) -> Iterator[tuple[str, float, int]]:
        """Yield each measure with its value and the number of pages it stands on."""
        if self.precision:
            yield "body F1", compute_f1(mean(self.precision), mean(self.recall)), len(self.precision)
        if self.segments:
            found, wrong, missed = (self.segments[name] for name in ("found", "wrong", "missed"))
            f1 = compute_f1(found / max(found + wrong, 1), found / max(found + missed, 1))
            yield "segments F1", f1, self.segments["pages"]
        for name, agreed in self.agreed.items():
            yield name, mean(agreed), len(agreed)


def mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def compute_f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / ((precision + recall) or 1)


def make_shingles(text: str) -> Counter[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    if not words:
        return Counter()
    return Counter(tuple(words[at : at + 4]) for at in range(max(len(words) - 3, 1)))


def get_text(markup: str) -> str:
    spaced = BLOCKS.sub(" \\g<0> ", markup)
    return " ".join(html.fromstring(f"<div>{spaced}</div>").text_content().split())


def compare_texts(text: str, expected: str) -> tuple[float, float]:
    """Return the precision and the recall of a text in shingles of four words."""
    ours, theirs = make_shingles(text), make_shingles(expected)
    common = sum((ours & theirs).values())
    precision = common / sum(ours.values()) if ours else float(not theirs)
    recall = common / sum(theirs.values()) if theirs else float(not ours)
    return precision, recall


def fold_text(text: str) -> str:
    return " ".join(WORD.findall(text.lower()))


def strip_query(url: str) -> str:
    return unquote(url.partition("?")[0].partition("#")[0])


def check(page: Page, extraction: Extraction) -> Iterator[tuple[str, bool, object, object]]:
    """Yield the measure, whether it agrees, what is expected and what came, for all that the corpus says."""
    names = extraction.authors
    if page.title is not None:
        yield "title", fold_text(page.title) == fold_text(extraction.title), page.title, extraction.title
    if page.authors:
        yield "authors", set(map(fold_text, names)) == set(map(fold_text, page.authors)), page.authors, names
    if page.contained:
        ours = fold_text(" ".join(names))
        yield "author", all(fold_text(name) in ours for name in page.contained), page.contained, names
    if page.published is not None:
        yield "instant", is_same_instant(extraction.published, page.published), page.published, extraction.published
    if page.day:
        yield "date", extraction.day == page.day, page.day, extraction.day
    if page.images:
        yield "image", strip_query(extraction.image) in page.images, sorted(page.images)[:3], extraction.image


def is_same_instant(text: str, expected: datetime) -> bool:
    try:
        published = datetime.fromisoformat(text)
    except ValueError:
        return False
    return published.tzinfo is not None and abs((published - expected).total_seconds()) < 1


def score(page: Page, extraction: Extraction, result: Fold) -> Iterator[str]:
    """Add a page to the result of its fold; yield a sentence for each miss."""
    if page.text is not None:
        precision, recall = compare_texts(extraction.text, page.text)
        result.precision.append(precision)
        result.recall.append(recall)
        if min(precision, recall) < 0.95:
            yield f"body: precision {precision:.2f} recall {recall:.2f}"
    if page.present or page.absent:
        text = " ".join(extraction.text.split())
        missed = [segment for segment in page.present if " ".join(segment.split()) not in text]
        wrong = [segment for segment in page.absent if " ".join(segment.split()) in text]
        found = len(page.present) - len(missed)
        result.segments.update({"pages": 1, "found": found, "missed": len(missed), "wrong": len(wrong)})
        if missed or wrong:
            yield f"segments: missed {missed}, wrong {wrong}"
    for name, agrees, expected, came in check(page, extraction):
        result.agreed[name].append(agrees)
        if not agrees:
            yield f"{name}: expected {expected!r}, came {came!r}"


# ── the report ──────────────────────────────────────────────────────────────────────────────────────────────────────

Program = Callable[[Page], Extraction]


def summarize(folds: Iterable[Fold]) -> dict[str, str]:
    """Return, for each measure, the mean of the folds and the worst one, marked where it is too far below the mean."""
    values: dict[str, list[tuple[float, int, int]]] = defaultdict(list)
    for number, result in enumerate(folds):
        for name, value, count in result.values():
            values[name].append((value, number, count))
    lines = {}
    for name, rows in values.items():
        average = mean([value for value, _, _ in rows])
        worst, number, count = min(rows)
        margin = max(0.03, 2 * math.sqrt(average * (1 - average) / max(count, 1)))
        mark = " TOO FAR BELOW" if worst < average - margin else ""
        lines[name] = f"{average:.4f}  worst {worst:.4f} (fold {number}, {count}){mark}"
    return lines


def measure(pages: Sequence[Page], programs: Mapping[str, Program], verbose: bool) -> None:
    """Print the measures of one corpus, a column for each program."""
    numbers = divide(pages)
    results = {name: [Fold() for _ in range(FOLDS)] for name in programs}
    seconds: Counter[str] = Counter()
    for index, (page, number) in enumerate(zip(pages, numbers, strict=True)):
        for name, extract in programs.items():
            start = time.process_time()
            extraction = extract(page)
            seconds[name] += time.process_time() - start
            for sentence in score(page, extraction, results[name][number]):
                if verbose and name == "ours" and number != HELD_OUT:
                    print(f"{page.name} {sentence}")
        if "trafilatura" in programs and index % TEXT_ONLY_STEP == 0:
            start = time.process_time()
            trafilatura.extract(page.body, url=page.url, include_comments=False)
            seconds["its text alone"] += (time.process_time() - start) * TEXT_ONLY_STEP
    lines = {name: summarize(folds) for name, folds in results.items()}
    for measure_name in lines["ours"]:
        for name in programs:
            print(f"  {measure_name:<12} {name:<12} {lines[name][measure_name]}")
    figures = ", ".join(f"{name} {1000 * total / len(pages):.1f}" for name, total in seconds.items())
    print(f"  CPU milliseconds a page: {figures}")


CORPORA = {"aeb": read_aeb, "fundus": read_fundus, "trafilatura": read_trafilatura}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpora", nargs="*", choices=[*CORPORA, []])
    parser.add_argument("-v", dest="verbose", action="store_true")
    parser.add_argument("--ours", action="store_true")
    arguments = parser.parse_args()
    programs: dict[str, Program] = {"ours": extract_ours}
    if not arguments.ours:
        programs["trafilatura"] = extract_with_trafilatura
    root = Path(os.environ["FEEDS_CORPORA"]) / "extraction"
    for name in arguments.corpora or CORPORA:
        pages = list(CORPORA[name](root / name))
        print(f"{name}, {len(pages)} pages")
        measure(pages, programs, arguments.verbose)


if __name__ == "__main__":
    main()
