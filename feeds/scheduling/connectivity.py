"""Whether our own network is down, judged by the last outcomes (F26)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from ..errors import FailureKind
from ..model import Failure, Interval, Outcome, replace
from .intervals import MINUTE, is_local, jitter_fraction

MIN_SILENT_HOSTS = 8  # that fell silent one after another
SILENT_KINDS = frozenset({FailureKind.DNS, FailureKind.CONNECTION, FailureKind.TIMEOUT})  # no answer at all
DISCOUNTED_RETRY = 5 * MINUTE
PROBE_EVERY = 15.0  # seconds between two visits while the network is down


class Connectivity:
    """The state of our network: down when host after host falls silent and none answers in between.

    `addresses` are those of all sources, where there may be fewer hosts than that; with fewer than three, our failure
    looks like that of a publisher.
    """

    def __init__(self, addresses: Iterable[str] | None = None) -> None:
        hosts = None if addresses is None else _count_hosts(addresses)
        self._threshold = MIN_SILENT_HOSTS if hosts is None else max(3, hosts)
        self._silent: set[str] = set()
        self._answered_at: datetime | None = None

    @property
    def down(self) -> bool:
        """Return whether visits should pause, but for a probe now and then."""
        return len(self._silent) >= self._threshold

    def observe(self, outcome: Outcome) -> Outcome:
        """Take an outcome into account; return it, without the failure if our network failed."""
        if is_local(outcome.visit):
            return outcome
        if not _is_silent(outcome):
            self._silent.clear()
            self._answered_at = outcome.at
        elif not outcome.visit.state.failures and not self._was_up(
            outcome
        ):  # a host that was silent before shows nothing of our network
            self._silent.add(outcome.host.host)
        return discount_failure(outcome) if self.down and _is_silent(outcome) else outcome

    def observe_batch(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Take a batch of outcomes into account; if the last prove our network down, discount the first, too."""
        observed = [self.observe(outcome) for outcome in outcomes]
        for index in range(len(observed) - 1, -1, -1) if self.down else ():
            if is_local(outcomes[index].visit):
                continue
            if not _is_silent(outcomes[index]):
                break
            observed[index] = discount_failure(outcomes[index])
        return observed

    def _was_up(self, outcome: Outcome) -> bool:
        """Return whether a host may have answered while this visit waited: visits that time out end last."""
        time_limit = timedelta(seconds=outcome.visit.source.timeout)
        return self._answered_at is not None and self._answered_at > outcome.at - time_limit


def _count_hosts(addresses: Iterable[str]) -> int:
    """Return how many different hosts there are, up to `MIN_SILENT_HOSTS`: there may be as many as sources."""
    hosts: set[str | None] = set()
    for address in addresses:
        hosts.add(urlsplit(address).hostname)
        if len(hosts) == MIN_SILENT_HOSTS:
            break
    return len(hosts)


def discount_failure(outcome: Outcome) -> Outcome:
    """Return the outcome of a visit that our network failed: no failure is counted, and it is due again soon."""
    visit, schedule = outcome.visit, outcome.visit.source.schedule
    regular = schedule.seconds if isinstance(schedule, Interval) else DISCOUNTED_RETRY
    soon = timedelta(seconds=min(regular, DISCOUNTED_RETRY) * (1 + jitter_fraction(visit)))
    state = replace(outcome.state, failures=visit.state.failures, attempts=visit.state.attempts)
    return replace(outcome, state=state, due_at=outcome.at + soon)


def _is_silent(outcome: Outcome) -> bool:
    return isinstance(outcome.result, Failure) and outcome.result.status is None and outcome.result.kind in SILENT_KINDS
