"""Tells the webhook of `on_publish` which files changed, in the process that publishes: beside cron as in a daemon.

What it is to be told is the difference between what it was told and the ledgers, so nothing is missed whenever the
program dies. A delivery is stored before it is sent, and sent again as it was until it is taken.

Of several processes that share a database, one at a time delivers: each delivery is sent once, and again where the
receiver did not take it, or where the process was killed before it could store that the receiver did.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..errors import StoreError
from ..model import Config, PublicationNumbers, SendRequest, WebhookDelivery, WebhookState, replace
from ..push.webhook import conclude_delivery, deliver, plan_delivery
from ..store import DeliveryLock, Store
from .background_sender import RETRY_SECONDS, BackgroundSender

log = logging.getLogger("feeds.app")


@dataclass(frozen=True, slots=True)
class _Look:
    """The numbers of publication at which there was nothing to deliver, or nothing before `due_at`."""

    files: int = -1
    webhook: int = -1
    due_at: datetime | None = None


class WebhookNotifier:
    """Delivers what the webhook was not told of yet. One for the life of an `App`; `lock` is held while it does."""

    def __init__(
        self, current_config: Callable[[], Config], store: Store, now: Callable[[], datetime], lock: DeliveryLock
    ) -> None:
        self._current_config = current_config
        self._store = store
        self._now = now
        self._lock = lock
        self._last_look = _Look()
        self._sender = BackgroundSender("webhook", current_config, self._deliver)
        self.notify = self._sender.notify

    def close(self, *, wait: bool) -> None:
        """End the thread; `wait` for what is still to be told, but not for long."""
        self._sender.close(wait=wait)
        self._lock.close()

    def follow(self, numbers: PublicationNumbers) -> None:
        """Deliver soon what other processes have published, or another one has not delivered that was to."""
        look = self._last_look
        is_same = (look.files, look.webhook) == (numbers.files, numbers.webhook)
        if not is_same or (look.due_at is not None and self._now() >= look.due_at):
            self.notify()

    def _deliver(self, open_client: Callable[[], SendRequest]) -> str:
        """Deliver until nothing is left, unless another process does; return what went wrong."""
        if not self._lock.hold():
            return ""
        try:
            return self._deliver_all(open_client)
        except StoreError as error:
            _log_problem(str(error))
            return str(error)
        finally:
            self._lock.close()

    def _deliver_all(self, open_client: Callable[[], SendRequest]) -> str:
        config = self._current_config()
        webhook = config.on_publish
        if webhook is None:
            return ""
        while True:
            files = self._store.publication_numbers().files  # before it is read what is published
            state = self._plan()
            is_early = state.due_at is not None and self._now() < state.due_at
            if state.pending is None or is_early:
                self._last_look = _Look(files, state.version, state.due_at)
                return state.error
            problem, wish = deliver(webhook, state.pending, config.site.url, open_client())
            self._conclude(state, state.pending, problem, wish)
            if problem:
                return problem

    def _plan(self) -> WebhookState:
        """Return the state with the next delivery, which is stored; without one where there is nothing to tell."""
        state = self._store.webhook()
        if state.pending is None:
            number = state.number + 1
            if delivery := plan_delivery(state.told, self._store.published_digests(), number, self._now()):
                self._store.set_webhook(replace(state, number=number, pending=delivery))
                state = self._store.webhook()
        return state

    def _conclude(self, state: WebhookState, delivery: WebhookDelivery, problem: str, wish: float | None) -> None:
        """Store how a delivery ended, unless another process did; `wish`: the seconds that the receiver asks for."""
        now = self._now()
        if problem and problem != state.error:  # told once, also by commands that follow each other
            _log_problem(problem)
        if problem:
            pause = max(RETRY_SECONDS[min(state.failures, len(RETRY_SECONDS) - 1)], wish or 0.0)
            state = replace(
                state,
                failures=state.failures + 1,
                failing_since=state.failing_since or now,
                due_at=now + timedelta(seconds=pause),
                error=problem,
            )
        else:
            told = conclude_delivery(state.told, delivery)
            state = WebhookState(told, state.number, version=state.version)
        self._store.set_webhook(state)


def _log_problem(problem: str) -> None:
    log.warning("the webhook of `on_publish` was not told what is new: %s", problem)
