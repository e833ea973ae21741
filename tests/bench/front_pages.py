"""How well front pages are read: python tests/bench/front_pages.py [-v].

For the pages of tests/data/pages/front_pages, each with the stories that it lists (address, title, date where one is
shown): precision and recall of the links, and the titles and dates that are right among the stories found. `tuned`
pages were at hand while the rules were made; `held-out` ones were written afterwards, and no rule was made for them.
-v names every difference.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from feeds.model import Fetched, Story, Text
from feeds.parse.page import read_page
from feeds.parse.page.url_patterns import url_key

PAGES = sorted((Path(__file__).parents[1] / "data" / "pages" / "front_pages").glob("*.html"))
HALVES = ("tuned", "held-out")


@dataclass(frozen=True)
class FrontPage:
    """A page, the half it belongs to, and the stories that are expected and read, by the keys of their addresses."""

    name: str
    half: str
    reader: str
    expected: dict[str, dict[str, str]]
    stories: dict[str, Story]

    @property
    def found(self) -> set[str]:
        """The keys of the stories that are expected and were read."""
        return self.expected.keys() & self.stories.keys()

    @property
    def with_title(self) -> set[str]:
        """The keys of the stories that were read with their titles."""
        return {key for key in self.found if get_value(self.stories[key].title) == self.expected[key]["title"]}

    @property
    def with_date(self) -> set[str]:
        """The keys of the stories that were read with the dates they are shown with, or with none."""
        return {key for key in self.found if self.stories[key].published == self.expected[key].get("date")}

    def differences(self) -> Iterator[str]:
        """Yield a line for each difference."""
        for key, story in self.expected.items():
            if key not in self.stories:
                yield f"missing: {story['title']}"
            elif key not in self.with_title:
                yield f"title: {get_value(self.stories[key].title)} instead of {story['title']}"
            if key in self.found - self.with_date:
                yield f"date: {self.stories[key].published} instead of {story.get('date')}"
        for key in self.stories.keys() - self.expected.keys():
            yield f"no story: {get_value(self.stories[key].title)} ({key})"


def get_value(text: Text | None) -> str | None:
    return text.value if text else None


def read_front_page(path: Path) -> FrontPage:
    case = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    parsed = read_page(Fetched(case["url"], path.read_bytes(), "text/html"))
    return FrontPage(
        path.stem,
        case["half"],
        parsed.reader,
        {url_key(story["url"]): story for story in case["stories"]},
        {url_key(story.links[0].href): story for story in parsed.stories},
    )


def summarize(pages: list[FrontPage]) -> dict[str, float]:
    """Return precision and recall of links, and the shares of titles and dates that are right, over some pages."""
    found = sum(len(page.found) for page in pages)
    return {
        "precision": found / max(sum(len(page.stories) for page in pages), 1),
        "recall": found / max(sum(len(page.expected) for page in pages), 1),
        "titles": sum(len(page.with_title) for page in pages) / max(found, 1),
        "dates": sum(len(page.with_date) for page in pages) / max(found, 1),
    }


def main() -> None:
    pages = list(map(read_front_page, PAGES))
    for half in HALVES:
        chosen = [page for page in pages if page.half == half]
        figures = ", ".join(f"{name} {share:.1%}" for name, share in summarize(chosen).items())
        print(f"{half}: {len(chosen)} pages, {sum(len(page.expected) for page in chosen)} stories: {figures}")
        for page in chosen if "-v" in sys.argv else ():
            for difference in page.differences():
                print(f"  {page.name}: {difference}")


if __name__ == "__main__":
    main()
