"""The operator's site of a server process: what it shows, and its listener beside that of the published files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue
from typing import Any

from .. import __version__
from .. import config as configuration
from ..errors import FeedsError, StoreError
from ..formatting import format_rfc3339
from ..model import Config
from ..render import read_admin_style
from ..serve import LiveStreams, ServerAddress, Traffic, run
from ..serve.admin import AdminIO, create_admin_app
from ..serve.metrics import Measurement
from ..store import StoreReader
from .admin_actions import AdminActions
from .admin_pages import AdminPages
from .health import HealthFacts, HealthMonitor, read_facts
from .metrics import DeliveryCounts, MetricFacts, collect_metrics, count_subscribers, measure_health
from .operations import OperationRequest, PublishRequest, RetractRequest, RunRequest
from .status_report import StatusReport, read_report

MAX_CONNECTIONS = 16  # of one operator and a few scrapers
REPORT_SECONDS = 5.0  # that a report is used again: scrapes and pages may come close together
STOP_SECONDS = 2.0
WAIT_FOR_HOST = 3.0  # seconds that a visit may wait for the gap between two requests to its host


@dataclass(frozen=True, slots=True)
class ServerParts:
    """The parts of a server process that its operator's site looks at.

    `config` returns the configuration in use, `deliveries` what each way of delivering events says of itself.
    """

    config: Callable[[], Config]
    now: Callable[[], datetime]
    monitor: HealthMonitor
    reader: StoreReader
    live: LiveStreams
    traffic: Traffic
    deliveries: Callable[[], Sequence[DeliveryCounts]] = tuple


class AdminServer:
    """Serves the operator's site while the published files are served."""

    def __init__(self, parts: ServerParts) -> None:
        self._parts = parts
        self._since = parts.now()
        self._lock = threading.Lock()
        self._report: tuple[float, StatusReport] | None = None
        self._actions = AdminActions(parts.config)
        self._pages = AdminPages(
            self._read_report,
            parts.monitor,
            parts.reader,
            self._actions,
            lambda: count_subscribers(parts.traffic, parts.deliveries()),
            lambda: parts.live.stream_count,
        )
        io = AdminIO(
            self.read_health,
            self.read_metrics,
            lambda: read_admin_style(parts.config().site),
            self._pages.render,
            self._pages.render_message,
            self._act,
            self._mask,
        )
        self._app = create_admin_app(io, parts.config().server.admin_token)

    @contextmanager
    def serve(self, address: tuple[str, int], stop: threading.Event) -> Iterator[int]:
        """Listen in a thread; yield the port once it is bound. Raise FeedsError where it cannot be.

        It ends with `stop`, at the same time as the server of the published files, or with the context.
        """
        ended, outcome = threading.Event(), SimpleQueue[int | FeedsError]()

        def should_stop() -> bool:
            return stop.is_set() or ended.is_set()

        def listen() -> None:
            try:
                listener = ServerAddress(*address, "admin", MAX_CONNECTIONS)
                run(self._app, listener, on_ready=outcome.put, should_stop=should_stop)
            except FeedsError as error:
                outcome.put(error)

        thread = threading.Thread(target=listen, name="admin", daemon=True)
        thread.start()
        try:
            result = outcome.get()
            if isinstance(result, FeedsError):
                raise result
            yield result
        finally:
            ended.set()
            thread.join(STOP_SECONDS)

    def read_health(self) -> tuple[Mapping[str, object], bool]:
        """Return the members of the details of health, secrets masked, and whether all is well."""
        facts, is_healthy = self._read_facts(), self._parts.monitor.is_healthy()
        state = facts.state
        waiting = [status.waiting_since for status in facts.publishing if status.waiting_since]
        members = {
            "status": "ok" if is_healthy else "degraded",
            "problems": list(map(self._mask, self._parts.monitor.problems)),
            "version": __version__,
            "turns": {
                "by": "daemon" if state and state.is_daemon else "run",
                "last": format_rfc3339(state.turn_at) if state else None,
                "error": self._mask(state.turn_error) if state and state.turn_error else None,
                "reload_error": self._mask(state.reload_error) if state and state.reload_error else None,
            },
            "next_visit": format_rfc3339(facts.next_due),
            "feeds": {
                "waiting": len(waiting),
                "waiting_since": format_rfc3339(min(waiting, default=None)),
                "failed": sum(status.failed_at is not None for status in facts.publishing),
            },
            "webhook": self._describe_webhook(),
            "disks": {str(disk.folder): {"free_bytes": disk.free_bytes} for disk in facts.disks},
            "server": {"since": format_rfc3339(self._since), "live_streams": self._parts.live.stream_count},
        }
        return members, is_healthy

    def _describe_webhook(self) -> Mapping[str, object] | None:
        """Return how the webhook of `on_publish` fares; None where there is none, or the store cannot be read."""
        if self._parts.config().on_publish is None:
            return None
        with suppress(StoreError):  # which health tells as a problem
            state = self._parts.reader.webhook()
            return {
                "failures": state.failures,
                "failing_since": format_rfc3339(state.failing_since),
                "error": self._mask(state.error) if state.error else None,
                "next_attempt": format_rfc3339(state.due_at),
            }
        return None

    def read_metrics(self) -> Iterator[Measurement]:
        """Return the metrics; of a store that cannot be read, that nothing is well."""
        parts = self._parts
        try:
            facts = MetricFacts(
                report=self._read_report(),
                health=self._read_facts(),
                is_healthy=parts.monitor.is_healthy(),
                traffic=parts.traffic,
                live_streams=parts.live.stream_count,
                removed_articles=parts.reader.removed_articles(),
                last_event=parts.reader.event_range().stop - 1,
                deliveries=parts.deliveries(),
            )
        except StoreError:
            return iter([measure_health(False)])
        return collect_metrics(facts)

    def _act(self, action: str, form: Mapping[str, str]) -> str:
        """Do what a form asks for; return the key of what became of it. Raise ValueError where a field is missing."""
        source, feed, article = (form.get(name, "") for name in ("source", "feed", "article"))
        requests: Mapping[str, tuple[str, OperationRequest[Any]]] = {
            "visit": (source, RunRequest((source,), wait=WAIT_FOR_HOST)),
            "publish": (feed, PublishRequest((feed,))),
            "retract": (article, RetractRequest(article, bool(form.get("undo")))),
        }
        subject, request = requests[action]
        if not subject:
            raise ValueError(f"{action} needs to know what")
        key = self._actions.start(request)
        with self._lock:
            self._report = None  # what is shown next is to be as it is now
        return key

    def _read_facts(self) -> HealthFacts:
        return read_facts(self._parts.config(), self._parts.reader)

    def _read_report(self) -> StatusReport:
        """Return a report that is at most some seconds old, and of the configuration in use."""
        config = self._parts.config()
        with self._lock:
            if self._report is None or time.monotonic() > self._report[0] or self._report[1].config is not config:
                report = read_report(config, self._parts.now())
                self._report = time.monotonic() + REPORT_SECONDS, report
            return self._report[1]

    def _mask(self, text: str) -> str:
        return configuration.mask_secrets(text, self._parts.config())
