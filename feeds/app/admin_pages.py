"""The pages of the operator's site: what is stored and configured, made into the records that its templates show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote, urlencode

from .. import config as configuration
from ..compose import select_sources
from ..formatting import format_count, format_duration, format_relative, format_size, sanitize_line
from ..model import Cron, FeedStatus, ListedArticle
from ..render.html import admin_pages as pages
from ..serve.admin import PageRequest
from ..store import SqlStore, StoreReader
from .admin_actions import AdminActions
from .control_socket import SOCKET_NAME
from .declarations import with_outlines
from .feed_preview import preview_feed
from .health import MAX_TURN_AGE, HealthMonitor, read_state
from .source_sentence import ConditionGroup, SourceReport, compose_sentence, find_group
from .status_report import GROUPS, StatusReport, find_webhook_problems
from .step_report import ArticleMembers, StepReport
from .worker_sentences import describe_waiting

_Item = TypeVar("_Item")

PAGE_SIZE = 50
MAX_ARTICLES = 30
MAX_STEP_ARTICLES = 20
PLOT_TIME = timedelta(days=pages.PLOT_DAYS)
SUBSCRIBER_WORDS = {
    "service": "by services",
    "reader": "by other readers",
    "hub": "by WebSub",
    "web_push": "to notifications",
}


class AdminPages:
    """Makes the pages; each method may be called in any thread. `report` returns the status, some seconds old."""

    def __init__(
        self,
        report: Callable[[], StatusReport],
        monitor: HealthMonitor,
        reader: StoreReader,
        actions: AdminActions,
        subscribers: Callable[[], Mapping[tuple[str, str], int]],
        live_streams: Callable[[], int],
    ) -> None:
        self._report = report
        self._monitor = monitor
        self._reader = reader
        self._actions = actions
        self._subscribers = subscribers
        self._live_streams = live_streams

    def render(self, name: str, id: str, request: PageRequest) -> bytes | None:
        """Return a page by its name and the id it is about; None where there is no such page."""
        report = self._report()
        match name:
            case "sources":
                return self._render_source(report, id, request) if id else self._render_overview(report, request)
            case "feeds":
                return self._render_feed(report, id, request) if id else self._render_feeds(report, request)
        return None

    def render_message(self, title: str, text: str, request: PageRequest) -> bytes:
        """Return a page with a sentence."""
        return pages.render_message(self._frame(self._report(), "", request), title, text)

    def _frame(self, report: StatusReport, section: str, request: PageRequest) -> pages.PageFrame:
        state = read_state(report.config.data)
        is_alive = state is not None and state.is_daemon and report.now - state.turn_at <= MAX_TURN_AGE
        return pages.PageFrame(
            site=report.config.site,
            section=section,
            is_healthy=self._monitor.is_healthy(),
            problems=[
                self._mask(report, problem)
                for problem in (*self._monitor.problems, *find_webhook_problems(report.webhook))
            ],
            form_token=request.form_token,
            has_daemon=is_alive and (report.config.data / SOCKET_NAME).exists(),
            config_path=str(report.config.path),
            notice=self._actions.find(request.query.get("notice", "")),
        )

    @staticmethod
    def _mask(report: StatusReport, text: str) -> str:
        return configuration.mask_secrets(sanitize_line(text), report.config)

    def _path(self, report: StatusReport, section: str, id: str) -> str:
        """Return the address of a page; empty for an id that holds a secret, as those of a list of feeds may."""
        return f"/{section}/{quote(id)}" if self._mask(report, id) == id else ""

    # ── sources ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _render_overview(self, report: StatusReport, request: PageRequest) -> bytes:
        sources = report.sources
        groups = {group: len(members) for group, members in report.by_group.items()}
        group, query = request.query.get("group", ""), request.query.get("q", "").strip()
        wanted = [source for source in sources if _is_wanted(source, group, query.casefold())]
        shown, place = _cut(wanted, request, {"group": group, "q": query})
        frame = self._frame(report, "sources", request)
        figures = list(self._figures(report, groups))
        tabs = list(_tabs(groups, group))
        failing = groups[ConditionGroup.FAILING]
        heading = f"{format_count(failing, 'source')} of {len(sources):,} {'fails' if failing == 1 else 'fail'}"
        heading = "Degraded" if not frame.is_healthy else heading if failing else "All is well"
        listing = pages.SourceListing(self._source_rows(report, shown), place, query)
        return pages.render_overview(frame, heading, figures, tabs, listing)

    def _source_rows(self, report: StatusReport, sources: Sequence[SourceReport]) -> list[pages.SourceRow]:
        ids = [source.source.id for source in sources]
        stories = self._reader.stories_by_day(ids, report.now - PLOT_TIME)
        visits = self._reader.past_visits(ids)
        today = report.now.date()
        return [
            pages.SourceRow(
                id=self._mask(report, source.source.id),
                path=self._path(report, "sources", source.source.id),
                title=self._mask(report, (source.state.title if source.state else "") or ""),
                group=str(find_group(source)),
                sentence=self._mask(report, compose_sentence(source)),
                stories=pages.plot_days(stories.get(source.source.id, {}).items(), today, ("story", "stories")),
                visits=pages.plot_visits(visits.get(source.source.id, ())),
                next_visit=_moment(source.state.due_at if source.state else None, report.now),
                can_visit=source.source.enabled and bool(self._path(report, "sources", source.source.id)),
            )
            for source in sources
        ]

    def _figures(self, report: StatusReport, groups: Mapping[ConditionGroup, int]) -> Iterator[pages.Figure]:
        status, total = report.status, sum(groups.values())
        parts = [(str(group), groups[group]) for group in GROUPS]
        words = ", ".join(f"{count} {name}" for name, count in parts if count)
        yield pages.Figure(f"{total:,}", "Sources", words, pages.plot_parts(parts, words))
        days = self._reader.all_stories_by_day(report.now - PLOT_TIME)
        plot = pages.plot_days(days.items(), report.now.date(), ("story", "stories"))
        yield pages.Figure(f"{sum(status.articles.values()):,}", "Articles stored", plot.words, plot)
        if (state := read_state(report.config.data)) and (visits := sum(state.counts.visits.values())):
            outcomes = {name: state.counts.visits.get(name, 0) for name in ("failure", "harvest", "not_modified")}
            words = f"{outcomes['not_modified'] / visits:.0%} not modified, {outcomes['failure'] / visits:.0%} failed"
            yield pages.Figure(f"{visits:,}", "Visits so far", words, pages.plot_parts([*outcomes.items()], words))
        due = [state.due_at for state in report.states.values() if state.due_at < report.now]
        late = format_duration(report.now - min(due)) if due else "none"
        yield pages.Figure(late, "Delay of visits", f"{format_count(len(due), 'source')} due now")
        feeds = [feed for feed in status.feeds if feed.title is not None]
        waits = [wait for feed in feeds if feed.publishing and (wait := feed.publishing.waiting_since)]
        lag = format_duration(report.now - min(waits)) if waits else "none"
        yield pages.Figure(lag, "Delay of publishing", format_count(len(feeds), "feed"))
        subscribers = sum(self._subscribers().values())
        live = format_count(self._live_streams(), "page")
        yield pages.Figure(f"{subscribers:,}", "Subscribers, estimated", f"{live} open and live")
        if workers := status.workers:
            waiting = " ".join(describe_waiting(jobs, report.now) for jobs in status.waiting_jobs)
            held = format_count(sum(len(worker.shards) for worker in workers), "shard")
            yield pages.Figure(f"{len(workers)}", "Processes at work", f"{held} held. {waiting}".strip())

    def _render_source(self, report: StatusReport, id: str, request: PageRequest) -> bytes | None:
        if id not in report.states and id not in report.config.sources:
            return None
        source = report.find_source(id)
        (row,) = self._source_rows(report, [source])
        facts = [fact for fact in self._facts(report, source) if fact.text or fact.moment]
        warnings = [self._mask(report, warning) for warning in source.warnings]
        articles = self._article_rows(report, self._reader.newest_of_source(id, MAX_ARTICLES))
        return pages.render_source(self._frame(report, "sources", request), row, facts, warnings, articles)

    def _facts(self, report: StatusReport, source: SourceReport) -> Iterator[pages.Fact]:
        declared, state = source.source, source.state
        schedule = declared.schedule
        yield pages.Fact("Title", self._mask(report, (state.title if state else "") or ""))
        yield pages.Fact("Kind", str(declared.kind))
        yield pages.Fact("Address", "private" if declared.private else self._mask(report, declared.place))
        if isinstance(schedule, Cron):
            yield pages.Fact("Schedule", f"cron {schedule.expression} ({schedule.timezone})")
        else:
            yield pages.Fact("Schedule", f"every {format_duration(timedelta(seconds=schedule.seconds))}")
        yield pages.Fact("Tags", ", ".join(declared.tags))
        yield pages.Fact("Articles", f"{source.stored_articles:,}")
        if state is None:
            return
        moments = {
            "Newest story": state.newest,
            "Last visit": state.last_at,
            "Last success": state.worked_at,
            "Failing since": state.failing_since,
            "Next visit": state.due_at if declared.enabled else None,
        }
        yield from (pages.Fact(name, moment=_moment(moment, report.now)) for name, moment in moments.items())
        yield pages.Fact("Failures in a row", str(state.failures) if state.failures else "")

    # ── feeds ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _render_feeds(self, report: StatusReport, request: PageRequest) -> bytes:
        shown, place = _cut(report.status.feeds, request, {}, "/feeds")
        return pages.render_feeds(self._frame(report, "feeds", request), self._feed_rows(report, shown), place)

    def _feed_rows(self, report: StatusReport, feeds: Sequence[FeedStatus]) -> list[pages.FeedRow]:
        counts = self._reader.entries_by_day([feed.feed_id for feed in feeds], report.now - PLOT_TIME)
        subscribers, today = self._subscribers(), report.now.date()
        return [
            pages.FeedRow(
                id=self._mask(report, feed.feed_id),
                path=self._path(report, "feeds", feed.feed_id),
                title=self._mask(report, feed.title or "files of the site"),
                articles=pages.plot_days(counts.get(feed.feed_id, {}).items(), today, ("article", "articles")),
                size=_format_files(feed),
                newest=_moment(feed.newest, report.now),
                written=_moment(feed.written_at, report.now),
                drops=", ".join(f"{step} {number:,}" for step, number in feed.drops.items()),
                trouble=self._mask(report, _find_trouble(feed, report.now)),
                is_failing=_is_failing(feed),
                subscribers=[
                    (words, count)
                    for kind, words in SUBSCRIBER_WORDS.items()
                    if (count := subscribers.get((feed.feed_id, kind), 0))
                ],
            )
            for feed in feeds
        ]

    def _render_feed(self, report: StatusReport, id: str, request: PageRequest) -> bytes | None:
        feed = next((feed for feed in report.status.feeds if feed.feed_id == id), None)
        if feed is None:
            return None
        (row,) = self._feed_rows(report, [feed])
        site = report.config.site.url
        files = [
            (self._mask(report, path), self._mask(report, site + quote(path)), format_size(size) if size else "missing")
            for path, size in feed.files.items()
        ]
        articles = self._article_rows(report, self._reader.newest_of_feed(id, MAX_ARTICLES))
        steps = self._run_steps(report, id) if request.query.get("steps") else None
        return pages.render_feed(self._frame(report, "feeds", request), row, files, articles, steps)

    def _run_steps(self, report: StatusReport, id: str) -> list[pages.StepRow]:
        """Run the steps of a feed on what is stored, and return what they do."""
        config = report.config
        with SqlStore.open_read_only(config.database, config.sources.values()) or nullcontext() as store:
            sources = with_outlines(config.sources, store.outlines() if store else {})
            feed = report.feeds.get(id)
            if feed is None or not select_sources(feed, sources):
                return []
            _, reports = preview_feed(store, sources, feed, with_steps=True)
        return [self._step_row(report, step) for step in reports]

    def _step_row(self, report: StatusReport, step: StepReport) -> pages.StepRow:
        dropped = list(step.dropped.values())
        verbs = {"drops": dropped, "changes": step.changed, "merges": step.merged, "moves": step.moved}
        summary = ", ".join(f"{verb} {format_count(len(items), 'article')}" for verb, items in verbs.items() if items)
        items = [*dropped, *step.merged]
        shown = [self._step_article(report, members) for members in items[:MAX_STEP_ARTICLES]]
        more = len(items) - len(shown)
        return pages.StepRow(self._mask(report, step.step), summary or "drops nothing", shown, more)

    def _step_article(self, report: StatusReport, members: ArticleMembers) -> tuple[str, str, str]:
        reason = members.get("reason") or ("the same story as another" if "into" in members else "")
        return (
            self._mask(report, str(members["title"])),
            self._mask(report, str(members["source"])),
            self._mask(report, str(reason)),
        )

    def _article_rows(self, report: StatusReport, articles: Sequence[ListedArticle]) -> list[pages.ShownArticle]:
        private = {id for id, source in report.config.sources.items() if source.private}
        return [
            pages.ShownArticle(
                key=article.published_id if self._mask(report, article.published_id) == article.published_id else "",
                title=self._mask(report, article.title or article.published_id),
                url=_shown_url(article, article.source_id.partition("/")[0] in private, report),
                source_id=self._mask(report, article.source_id),
                source_path=self._path(report, "sources", article.source_id),
                moment=pages.make_moment(article.position, format_relative(article.position, report.now)),
                is_retracted=article.retracted_at is not None,
            )
            for article in sorted(articles, key=lambda article: article.position, reverse=True)
        ]


def _shown_url(article: ListedArticle, is_private: bool, report: StatusReport) -> str | None:
    """Return the address of an article; none of a private source, or that holds a secret."""
    url = article.url
    if url is None or is_private or configuration.mask_secrets(url, report.config) != url:
        return None
    return url if url.startswith(("https://", "http://")) else None


def _moment(moment: datetime | None, now: datetime) -> pages.Moment | None:
    return pages.make_moment(moment, format_relative(moment, now)) if moment else None


def _is_wanted(source: SourceReport, group: str, text: str) -> bool:
    if group and str(find_group(source)) != group:
        return False
    if not text:
        return True
    title = (source.state.title if source.state else "") or ""
    return text in source.source.id or text in title.casefold()


def _tabs(groups: Mapping[ConditionGroup, int], current: str) -> Iterator[pages.Tab]:
    yield pages.Tab("All", "/", sum(groups.values()), not current)
    for group in GROUPS:
        if groups[group]:
            yield pages.Tab(str(group).capitalize(), f"/?group={group}", groups[group], current == str(group))


def _cut(
    items: Sequence[_Item], request: PageRequest, query: Mapping[str, str], path: str = "/"
) -> tuple[Sequence[_Item], pages.PagerLinks]:
    """Return one page of a list, and the way to the pages before and after it."""
    number = request.query.get("page", "1")
    page = min(int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1, _count_pages(items))
    page = max(1, page)
    start = (page - 1) * PAGE_SIZE
    shown = items[start : start + PAGE_SIZE]
    kept = {name: value for name, value in query.items() if value}

    def link(to: int) -> str | None:
        return f"{path}?{urlencode({**kept, 'page': to})}" if 1 <= to <= _count_pages(items) else None

    place = f"{start + 1}–{start + len(shown)} of {len(items):,}" if items else ""
    return shown, (link(page - 1), place, link(page + 1))


def _count_pages(items: Sequence[object]) -> int:
    return -(-len(items) // PAGE_SIZE)


def _is_failing(feed: FeedStatus) -> bool:
    return feed.publishing is not None and feed.publishing.failed_at is not None


def _find_trouble(feed: FeedStatus, now: datetime) -> str:
    """Return why a feed cannot be published, or how long a change waits; empty for neither."""
    if feed.publishing and feed.publishing.failed_at:
        tried = format_relative(feed.publishing.failed_at, now)
        return f"cannot be published, last tried {tried}: {(feed.publishing.error or '').rstrip('.')}"
    since = feed.publishing.waiting_since if feed.publishing else None
    return f"a change has waited for {format_duration(now - since)}" if since and now - since > MAX_TURN_AGE else ""


def _format_files(feed: FeedStatus) -> str:
    sizes = [size for size in feed.files.values() if size is not None]
    held = f"{format_count(feed.articles, 'article')} in " if feed.articles is not None else ""
    return f"{held}{format_count(len(sizes), 'file')}, {format_size(sum(sizes))}" if feed.files else "not published yet"
