"""The pages of the operator's site. What they show comes in as records, texts of which are masked already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ...model import PastVisit, Site, VisitResult
from .. import formatting
from .templates import render_template

PLOT_DAYS = 30
_BAR, _GAP, _HEIGHT = 3, 1, 24  # of a plot, in its own units
_VISIT_HEIGHTS = {VisitResult.NEWS: 14, VisitResult.NO_NEWS: 6, VisitResult.NOT_MODIFIED: 6, VisitResult.FAILED: 10}
_BASE_LINE = 14  # of the plot of visits: failures hang below it
_RESULT_WORDS = {
    VisitResult.NEWS: "with news",
    VisitResult.NO_NEWS: "nothing new",
    VisitResult.NOT_MODIFIED: "not modified",
    VisitResult.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class Plot:
    """A small plot: a path for each kind of bar, as (class, `d` of SVG), and what it says in words."""

    width: int
    height: int
    paths: Sequence[tuple[str, str]]
    words: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: as a machine reads it, how long ago it was, and exactly."""

    machine: str
    relative: str
    exact: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value: a text or a moment."""

    name: str
    text: str = ""
    moment: Moment | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that stands out, what it counts, and a note."""

    value: str
    name: str
    note: str = ""
    plot: Plot | None = None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as the list and its page show it; `group` is how it is: failing, doubtful, new, ok or disabled.

    `path` is empty where the id holds a secret.
    """

    id: str
    path: str
    title: str
    group: str
    sentence: str
    stories: Plot
    visits: Plot
    next_visit: Moment | None
    can_visit: bool


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A feed as the list and its page show it; `trouble` is why it cannot be published, or what waits.

    `drops` are the steps that dropped something, with the number of articles.
    """

    id: str
    path: str
    title: str
    articles: Plot
    size: str
    newest: Moment | None
    written: Moment | None
    drops: str
    trouble: str
    is_failing: bool
    subscribers: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class ShownArticle:
    """A stored article; `key` is what retracts it, empty where that holds a secret."""

    key: str
    title: str
    url: str | None
    source_id: str
    source_path: str
    moment: Moment
    is_retracted: bool


@dataclass(frozen=True, slots=True)
class StepRow:
    """What one step of a feed did: how many articles it dropped, changed, merged and moved, and some of them."""

    name: str
    summary: str
    articles: Sequence[tuple[str, str, str]]  # title, source, reason
    more: int


@dataclass(frozen=True, slots=True)
class Tab:
    """One of the ways to narrow a list."""

    name: str
    path: str
    count: int
    is_current: bool


PagerLinks = tuple[str | None, str, str | None]  # the page before, what is shown of how many, the page after


@dataclass(frozen=True, slots=True)
class SourceListing:
    """Some of the sources, and what was searched for."""

    sources: Sequence[SourceRow]
    pages: PagerLinks
    query: str


@dataclass(frozen=True, slots=True)
class OperationNotice:
    """What became of what the operator asked for. `state` is pending, done or failed."""

    state: str
    text: str


@dataclass(frozen=True, slots=True)
class PageFrame:
    """What all pages have: where one is, the problems of the installation, and what its forms need.

    Without a daemon there are no buttons, but the commands that do the same with the configuration at `config_path`.
    """

    site: Site
    section: str
    is_healthy: bool
    problems: Sequence[str]
    form_token: str
    has_daemon: bool
    config_path: str
    notice: OperationNotice | None = None


def render_overview(
    frame: PageFrame,
    heading: str,
    figures: Sequence[Figure],
    tabs: Sequence[Tab],
    listing: SourceListing,
) -> bytes:
    """Return the first page: the installation at a glance, and its sources, the sick first."""
    values = {"heading": heading, "figures": figures, "tabs": tabs, "listing": listing}
    return _render("admin/overview.html", frame, values)


def render_source(
    frame: PageFrame,
    source: SourceRow,
    facts: Sequence[Fact],
    warnings: Sequence[str],
    articles: Sequence[ShownArticle],
) -> bytes:
    """Return the page of a source."""
    values = {"source": source, "facts": facts, "warnings": warnings, "articles": articles}
    return _render("admin/source.html", frame, values)


def render_feeds(frame: PageFrame, feeds: Sequence[FeedRow], pages: PagerLinks) -> bytes:
    """Return the list of feeds."""
    return _render("admin/feeds.html", frame, {"feeds": feeds, "pages": pages})


def render_feed(
    frame: PageFrame,
    feed: FeedRow,
    files: Sequence[tuple[str, str, str]],
    articles: Sequence[ShownArticle],
    steps: Sequence[StepRow] | None,
) -> bytes:
    """Return the page of a feed. `files`: path, address and size; `steps` where they were asked for."""
    return _render("admin/feed.html", frame, {"feed": feed, "files": files, "articles": articles, "steps": steps})


def render_message(frame: PageFrame, title: str, text: str) -> bytes:
    """Return a page with a sentence, such as why something was refused."""
    return _render("admin/message.html", frame, {"title": title, "text": text})


def _render(name: str, frame: PageFrame, values: Mapping[str, object]) -> bytes:
    return render_template(name, frame.site, {**values, "frame": frame})


# ── plots ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def plot_days(counts: Iterable[tuple[date, int]], today: date, nouns: tuple[str, str], days: int = PLOT_DAYS) -> Plot:
    """Return a bar for each of the last days, as high as its number; a day with few of many is still seen."""
    by_day = dict(counts)
    numbers = [by_day.get(today - timedelta(days=ago), 0) for ago in range(days - 1, -1, -1)]
    highest = max(1, *numbers)
    bars = "".join(
        f"M{place * (_BAR + _GAP)} {_HEIGHT}v-{max(2, round(number / highest * _HEIGHT))}h{_BAR}V{_HEIGHT}z"
        for place, number in enumerate(numbers)
        if number
    )
    width = days * (_BAR + _GAP) - _GAP
    total = sum(numbers)
    words = f"{total} {nouns[total != 1]} in {days} days, at most {max(numbers)} a day"
    return Plot(width, _HEIGHT, [("axis", f"M0 {_HEIGHT}h{width}"), ("bars", bars)], words)


def plot_visits(visits: Sequence[PastVisit], places: int = 32) -> Plot:
    """Return a bar for each of the last visits, the newest on the right: upwards what worked, downwards what failed."""
    shown = visits[:places][::-1]
    paths = dict.fromkeys(VisitResult, "")
    for place, visit in enumerate(shown, places - len(shown)):
        height = _VISIT_HEIGHTS[visit.result]
        rise = height if visit.result is VisitResult.FAILED else -height
        paths[visit.result] += f"M{place * (_BAR + _GAP)} {_BASE_LINE}v{rise}h{_BAR}v{-rise}z"
    counts = ((sum(visit.result is result for visit in shown), _RESULT_WORDS[result]) for result in VisitResult)
    words = ", ".join(f"{count} {word}" for count, word in counts if count)
    heading = "Last visit" if len(shown) == 1 else f"Last {len(shown)} visits"
    width = places * (_BAR + _GAP) - _GAP
    drawn = [(f"visit-{result.name.lower().replace('_', '-')}", path) for result, path in paths.items() if path]
    axis = ("axis", f"M0 {_BASE_LINE}h{width}")
    return Plot(width, _HEIGHT, [axis, *drawn], f"{heading}: {words}" if shown else "No visit yet")


def plot_parts(parts: Sequence[tuple[str, int]], words: str) -> Plot:
    """Return one bar, divided as the numbers are; a part with any has at least a hundredth of it."""
    total = sum(count for _, count in parts) or 1
    shares = [(name, max(1, round(count / total * 100))) for name, count in parts if count]
    paths: list[tuple[str, str]] = []
    start = 0
    for name, share in shares:
        paths.append((f"part-{name}", f"M{start} 0h{share}v{_HEIGHT}h-{share}z"))
        start += share + 1
    return Plot(max(1, start - 1), _HEIGHT, paths, words)


def make_moment(moment: datetime, relative: str) -> Moment:
    """Return a time for a page."""
    exact = moment.strftime("%Y-%m-%d %H:%M UTC")
    return Moment(formatting.format_rfc3339(moment), relative, exact)
