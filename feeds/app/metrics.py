"""The metrics of an installation: what the store, the state of the turns and the server say, as measurements.

No label holds an address or a text from outside: they are ids of the configuration and words of this program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from .. import __version__
from .. import config as configuration
from ..model import FeedStatus
from ..serve import Traffic
from ..serve.metrics import Measurement
from .health import HealthFacts, ProcessState
from .source_sentence import CONDITIONS, find_condition
from .status_report import StatusReport
from .visit_counts import OUTCOMES

_Labels = TypeVar("_Labels", bound=tuple[str, ...])

MAX_FEEDS = 1000  # with values of their own: `each` may make any number


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """What one way of delivering events says of itself, such as Web Push or the hub: `kind` is its name.

    `outcomes` are of all deliveries since the start, by a word for each; `queue` is what waits now. `by_feed` counts
    the subscribers of single feeds.
    """

    kind: str
    subscribers: int
    queue: int
    outcomes: Mapping[str, int]
    by_feed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What the metrics are made of, at the time of the report."""

    report: StatusReport
    health: HealthFacts
    is_healthy: bool
    traffic: Traffic
    live_streams: int
    removed_articles: Mapping[str, int]  # reason → number
    last_event: int
    deliveries: Sequence[DeliveryCounts]


def collect_metrics(facts: MetricFacts) -> Iterator[Measurement]:
    """Yield all metrics."""
    yield _labelled("feeds_info", "The version of the program.", ["version"], {(__version__,): 1})
    yield measure_health(facts.is_healthy)
    state = facts.health.state
    if state:
        yield from _turn_metrics(state)
    yield from _source_metrics(facts.report)
    yield from _article_metrics(facts)
    yield from _feed_metrics(facts.report)
    yield from _disk_metrics(facts.report, facts.health)
    yield from _server_metrics(facts)
    yield from _delivery_metrics(facts.deliveries)
    yield from _webhook_metrics(facts.report)
    yield from _worker_metrics(facts.report)


def measure_health(is_healthy: bool) -> Measurement:
    """Return whether all is well."""
    return _plain("feeds_healthy", "1 while the installation does its work, as /health says.", is_healthy)


def _plain(name: str, description: str, value: float) -> Measurement:
    return Measurement(name, description, (), [((), value)])


def _labelled(name: str, description: str, labels: Sequence[str], values: Mapping[_Labels, float]) -> Measurement:
    return Measurement(name, description, labels, [*values.items()])


def _turn_metrics(state: ProcessState) -> Iterator[Measurement]:
    yield _plain("feeds_turn_timestamp_seconds", "When a turn last made progress.", state.turn_at.timestamp())
    yield _plain("feeds_turn_successful", "1 unless the last turn failed.", not state.turn_error)
    reloaded = not state.reload_error
    yield _plain("feeds_config_last_reload_successful", "1 unless the edited configuration was refused.", reloaded)
    counts = state.counts
    outcomes = {(outcome,): counts.visits.get(outcome, 0) for outcome in OUTCOMES.values()}
    yield _labelled("feeds_visits_total", "Visits by outcome.", ["outcome"], outcomes)
    failures = {(kind,): number for kind, number in sorted(counts.failures.items())}
    yield _labelled("feeds_visit_failures_total", "Failed visits by kind of failure.", ["kind"], failures)
    yield _plain("feeds_visit_bytes_total", "Bytes of the bodies that visits brought, decoded.", counts.bytes)
    yield _plain("feeds_visit_seconds_total", "The time that visits took.", counts.seconds)
    yield _plain("feeds_visit_late_seconds_total", "How late visits began after they were due.", counts.late_seconds)
    articles = {(change,): counts.articles.get(change, 0) for change in ("new", "changed", "removed")}
    description = "Articles that visits brought: new, changed, or taken back by their source."
    yield _labelled("feeds_articles_in_total", description, ["change"], articles)


def _source_metrics(report: StatusReport) -> Iterator[Measurement]:
    sources = report.sources
    numbers = Counter(find_condition(source).name for source in sources)
    conditions = {(str(each.group), each.name): numbers[each.name] for each in CONDITIONS}
    yield _labelled("feeds_sources", "Sources by condition.", ["group", "condition"], conditions)
    due = [state.due_at for state in report.states.values() if state.due_at <= report.now]
    yield _plain("feeds_sources_due", "Sources that are due and not visited yet.", len(due))
    lag = _age(min(due, default=None), report.now)
    yield _plain("feeds_visit_lag_seconds", "How long the source has been due that waits longest.", lag)
    pending = sum(state.pending for state in report.states.values())
    yield _plain("feeds_story_pages_pending", "Pages of stories still to visit.", pending)


def _article_metrics(facts: MetricFacts) -> Iterator[Measurement]:
    yield _plain("feeds_articles", "Articles in the store.", sum(facts.report.status.articles.values()))
    removed = {(reason,): number for reason, number in sorted(facts.removed_articles.items())}
    yield _labelled("feeds_articles_dropped", "Articles that are stored no more, by reason.", ["reason"], removed)
    yield _plain(
        "feeds_events_total", "Changes of feeds that went out, numbered: articles and retractions.", facts.last_event
    )


def _feed_metrics(report: StatusReport) -> Iterator[Measurement]:
    now, feeds = report.now, [feed for feed in report.status.feeds if feed.title is not None]
    yield _plain("feeds_feeds", "Declared feeds.", len(feeds))
    failed = sum(feed.publishing is not None and feed.publishing.failed_at is not None for feed in report.status.feeds)
    yield _plain("feeds_feeds_failed", "Feeds that could not be published the last time.", failed)
    waits = [wait for feed in feeds if (wait := _waiting_since(feed))]
    lag = _age(min(waits, default=None), now)
    yield _plain("feeds_publishing_lag_seconds", "How long the change has waited that waits longest.", lag)
    shown = [feed for feed in feeds[:MAX_FEEDS] if _is_plain(feed, report)]
    sizes = {(feed.feed_id,): sum(filter(None, feed.files.values())) for feed in shown}
    yield _labelled("feeds_feed_bytes", "The size of the files of a feed.", ["feed"], sizes)
    newest = {(feed.feed_id,): feed.newest.timestamp() for feed in shown if feed.newest}
    yield _labelled("feeds_feed_newest_timestamp_seconds", "The date of the newest article.", ["feed"], newest)
    written = {(feed.feed_id,): feed.written_at.timestamp() for feed in shown if feed.written_at}
    yield _labelled("feeds_feed_written_timestamp_seconds", "When a file of it last changed.", ["feed"], written)
    held = {(feed.feed_id,): feed.articles for feed in shown if feed.articles is not None}
    yield _labelled("feeds_feed_articles", "Articles that a feed holds.", ["feed"], held)
    drops = {(feed.feed_id, step): number for feed in shown for step, number in sorted(feed.drops.items())}
    description = "Articles that the steps of a feed, other than limit, did not pass on when it was last made."
    yield _labelled("feeds_feed_dropped", description, ["feed", "step"], drops)
    lags = {(feed.feed_id,): _age(_waiting_since(feed), now) for feed in shown}
    yield _labelled("feeds_feed_lag_seconds", "How long a change of it has waited.", ["feed"], lags)


def _is_plain(feed: FeedStatus, report: StatusReport) -> bool:
    """Return whether the id of a feed holds no secret: one of `each` has the name of a source in it."""
    return configuration.mask_secrets(feed.feed_id, report.config) == feed.feed_id


def _waiting_since(feed: FeedStatus) -> datetime | None:
    return feed.publishing.waiting_since if feed.publishing else None


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def _disk_metrics(report: StatusReport, health: HealthFacts) -> Iterator[Measurement]:
    names = {report.config.public: "public", report.config.data: "data"}
    free = {(names[disk.folder],): disk.free_bytes for disk in health.disks}
    yield _labelled("feeds_disk_free_bytes", "Free bytes where the folder is.", ["folder"], free)


def _webhook_metrics(report: StatusReport) -> Iterator[Measurement]:
    """Yield how the webhook of `on_publish` fares, if there is one."""
    if report.config.on_publish is None:
        return
    lag = _age(report.webhook.failing_since, report.now)
    yield _plain("feeds_webhook_lag_seconds", "How long the webhook has not been told what is new.", lag)


def _worker_metrics(report: StatusReport) -> Iterator[Measurement]:
    """Yield what there is only in an installation on several machines."""
    workers, waiting = report.status.workers, report.status.waiting_jobs
    if not workers:
        return
    roles = Counter((worker.role,) for worker in workers)
    yield _labelled("feeds_workers", "Processes that visit and publish, by role.", ["role"], roles)
    held = sum(len(worker.shards) for worker in workers)
    yield _plain("feeds_shards_held", "Shards that processes visit now.", held)
    counts = {(jobs.kind,): jobs.count for jobs in waiting}
    yield _labelled("feeds_jobs_waiting", "Jobs that wait for a process, by kind.", ["kind"], counts)
    ages = {(jobs.kind,): _age(jobs.since, report.now) for jobs in waiting}
    yield _labelled("feeds_jobs_lag_seconds", "How long the job has waited that waits longest.", ["kind"], ages)


def _server_metrics(facts: MetricFacts) -> Iterator[Measurement]:
    traffic = facts.traffic
    requests = {(kind, str(status)): count for (kind, status), count in sorted(traffic.requests.items())}
    description = "Requests by what was asked for and status, since the server started."
    yield _labelled("feeds_requests_total", description, ["kind", "status"], requests)
    yield _plain("feeds_response_bytes_total", "Bytes of bodies sent.", traffic.bytes)
    yield _plain("feeds_live_streams", "Open live streams.", facts.live_streams)
    declared = {feed.feed_id for feed in facts.report.status.feeds[:MAX_FEEDS] if _is_plain(feed, facts.report)}
    counts = count_subscribers(traffic, facts.deliveries)
    subscribers = {key: count for key, count in sorted(counts.items()) if key[0] in declared}
    description = (
        "Subscribers of a feed: `service` as services say, `reader` all other readers, which are estimates; `hub` and"
        " `web_push` as the server knows them."
    )
    yield _labelled("feeds_feed_subscribers", description, ["feed", "kind"], subscribers)


def count_subscribers(traffic: Traffic, deliveries: Sequence[DeliveryCounts]) -> Mapping[tuple[str, str], int]:
    """Return the number of subscribers by feed id and kind."""
    known = {(feed_id, each.kind): count for each in deliveries for feed_id, count in each.by_feed.items()}
    return {**traffic.count_subscribers(), **known}


def _delivery_metrics(deliveries: Sequence[DeliveryCounts]) -> Iterator[Measurement]:
    subscribers = {(each.kind,): each.subscribers for each in deliveries}
    yield _labelled("feeds_delivery_subscribers", "Subscriptions by way of delivery.", ["kind"], subscribers)
    queues = {(each.kind,): each.queue for each in deliveries}
    yield _labelled("feeds_delivery_queue", "Deliveries that wait.", ["kind"], queues)
    outcomes = {(each.kind, outcome): count for each in deliveries for outcome, count in sorted(each.outcomes.items())}
    description = "Deliveries by outcome, since the server started."
    yield _labelled("feeds_deliveries_total", description, ["kind", "outcome"], outcomes)
