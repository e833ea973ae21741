"""How well story pages are read: python tests/bench/extraction.py [-v] [aeb|fundus …].

Measures of the corpora's README on FEEDS_CORPORA/extraction: body F1 of 4-word shingles, title, authors, exact instant,
lead image, and CPU milliseconds a page. Pages go through `feeds.parse` and `feeds.normalize`; -v names every miss.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from lxml import html

from feeds.errors import ParseError
from feeds.model import Article, Fetched, Kind, Source
from feeds.normalize import Context, document_context, normalize, story_digest, upstream_id
from feeds.parse.page.article import read_story

AT = datetime(2026, 11, 22, tzinfo=UTC)
WORD = re.compile(r"\w+")
BLOCKS = re.compile(
    r"</?(?:p|div|h\d|li|ul|ol|br|blockquote|figure|figcaption|table|tr|td|th|pre|section)\b[^>]*>", re.I
)


@dataclass(frozen=True)
class Page:
    """One page of a corpus, with what is expected of it; None where the corpus does not say."""

    name: str
    url: str
    body: bytes
    text: str
    title: str | None = None
    authors: tuple[str, ...] | None = None
    published: datetime | None = None
    images: frozenset[str] = frozenset()


@dataclass
class Score:
    """Agreement over the pages of one corpus."""

    precision: list[float] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    agreed: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def f1(self) -> float:
        """F1 of the mean precision and the mean recall."""
        precision, recall = mean(self.precision), mean(self.recall)
        return 2 * precision * recall / ((precision + recall) or 1)

    def __str__(self) -> str:
        figures = [
            f"pages {len(self.precision)}",
            f"body F1 {self.f1:.4f} (precision {mean(self.precision):.4f}, recall {mean(self.recall):.4f})",
            *(
                f"{name} {self.agreed[name]}/{count} = {self.agreed[name] / count:.1%}"
                for name, count in self.counts.items()
            ),
            f"{1000 * self.seconds / max(len(self.precision), 1):.1f} ms of CPU a page",
        ]
        return "\n  ".join(figures)


def mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


# ── the corpora ─────────────────────────────────────────────────────────────────────────────────────────────────────


def aeb(root: Path) -> Iterator[Page]:
    """News pages whose ground truth is the text of the article."""
    expected = json.loads((root / "ground-truth.json").read_text(encoding="utf-8"))
    for name, truth in expected.items():
        body = gzip.decompress((root / "html" / f"{name}.html.gz").read_bytes())
        yield Page(name, truth.get("url", ""), body, truth["articleBody"])


def fundus(root: Path) -> Iterator[Page]:
    """Newspaper pages; the versions of a file belong to the pages beside it, oldest first."""
    for file in sorted(root.glob("*/*.json")):
        if file.name.endswith(".meta.json"):
            continue
        versions = json.loads(file.read_text(encoding="utf-8"))
        pages = sorted(file.parent.glob(f"{file.stem}_*.html.gz"))
        for page, (version, truth) in zip(pages, versions.items(), strict=False):
            meta = json.loads(page.with_name(page.name + ".meta.json").read_text(encoding="utf-8"))
            yield _newspaper(f"{file.parent.name}/{file.stem}/{version}", meta["url"], page, truth)


def _newspaper(name: str, url: str, page: Path, truth: dict) -> Page:  # type: ignore[type-arg]
    published = datetime.fromisoformat(truth["publishing_date"]) if truth.get("publishing_date") else None
    images = {version["url"] for image in truth.get("images") or [] for version in image["versions"]}
    return Page(
        name=name,
        url=url,
        body=gzip.decompress(page.read_bytes()),
        text=expected_text(truth.get("body") or {}),
        title=truth.get("title"),
        authors=tuple(truth["authors"]) if truth.get("authors") else None,
        published=published.astimezone(UTC) if published and published.tzinfo else None,
        images=frozenset(map(strip_query, images)),
    )


def expected_text(body: dict) -> str:  # type: ignore[type-arg]
    sections = body.get("sections") or []
    parts = list(body.get("summary") or [])
    for section in sections:
        parts += [*section.get("headline", []), *section.get("paragraphs", [])]
    return "\n".join(parts)


# ── the measures ────────────────────────────────────────────────────────────────────────────────────────────────────


def shingles(text: str) -> Counter[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    if not words:
        return Counter()
    return Counter(tuple(words[at : at + 4]) for at in range(max(len(words) - 3, 1)))


def get_text(markup: str) -> str:
    spaced = BLOCKS.sub(" \\g<0> ", markup)
    return " ".join(html.fromstring(f"<div>{spaced}</div>").text_content().split())


def overlap(text: str, expected: str) -> tuple[float, float]:
    ours, theirs = shingles(text), shingles(expected)
    common = sum((ours & theirs).values())
    precision = common / sum(ours.values()) if ours else float(not theirs)
    recall = common / sum(theirs.values()) if theirs else float(not ours)
    return precision, recall


def fold(text: str) -> str:
    return " ".join(WORD.findall(text.lower()))


def strip_query(url: str) -> str:
    return unquote(url.partition("?")[0].partition("#")[0])


def checks(page: Page, article: Article) -> Iterator[tuple[str, bool, object, object]]:
    """(measure, whether it agrees, expected, ours) for all that the corpus says."""
    if page.title is not None:
        yield "title", fold(page.title) == fold(article.title), page.title, article.title
    if page.authors is not None:
        ours = [author.name for author in article.authors]
        yield "authors", set(map(fold, ours)) == set(map(fold, page.authors)), list(page.authors), ours
    if page.published is not None:
        same = article.published is not None and abs((article.published - page.published).total_seconds()) < 1
        yield "instant", same, page.published, article.published
    if page.images:
        ours_image = strip_query(article.image or "")
        yield "image", ours_image in page.images, sorted(page.images)[:3], article.image


def extract(page: Page) -> Article | None:
    source = Source("bench", Kind.PAGE, page.url, read_as="story")
    try:
        parsed = read_story(Fetched(page.url, page.body, "text/html"), source)
    except ParseError:
        return None
    story = parsed.stories[0]
    context = Context(source_id="bench", authority="bench.example,2026", now=AT, source=source)
    document = document_context(parsed, context)
    return normalize(story, document, upstream_id(story, parsed.base), story_digest(story), context)


def measure(pages: Iterator[Page], verbose: bool) -> Score:
    score = Score()
    for page in pages:
        start = time.process_time()
        article = extract(page)
        score.seconds += time.process_time() - start
        precision, recall = overlap(get_text(article.html) if article else "", page.text)
        score.precision.append(precision)
        score.recall.append(recall)
        if verbose and min(precision, recall) < 0.95:
            print(f"{page.name} body: precision {precision:.2f} recall {recall:.2f}")
        for name, agrees, expected, ours in checks(page, article) if article else ():
            score.counts[name] += 1
            score.agreed[name] += agrees
            if verbose and not agrees:
                print(f"{page.name} {name}: expected {expected!r}\n{' ' * 20}ours {ours!r}")
    return score


CORPORA = {"aeb": aeb, "fundus": fundus}


def main(arguments: Sequence[str]) -> None:
    root = Path(os.environ["FEEDS_CORPORA"]) / "extraction"
    chosen = [name for name in arguments if name in CORPORA] or list(CORPORA)
    for name in chosen:
        print(f"{name}\n  {measure(CORPORA[name](root / name), '-v' in arguments)}")


if __name__ == "__main__":
    main(sys.argv[1:])
