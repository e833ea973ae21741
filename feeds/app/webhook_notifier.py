"""Tells the webhook of `on_publish` which files changed, in the process that publishes: beside cron as in a daemon.

What it is to be told is the difference between what it was told and the ledgers, so nothing is missed whenever the
program dies. A delivery is stored before it is sent, and sent again as it was until it is taken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from ..errors import StoreError
from ..model import Config, SendRequest, WebhookDelivery, WebhookState, replace
from ..push.webhook import conclude_delivery, deliver, plan_delivery
from ..store import Store
from .background_sender import RETRY_SECONDS, BackgroundSender

log = logging.getLogger("feeds.app")


class WebhookNotifier:
    """Delivers what the webhook was not told of yet. One for the life of an `App`."""

    def __init__(self, current_config: Callable[[], Config], store: Store, now: Callable[[], datetime]) -> None:
        self._current_config = current_config
        self._store = store
        self._now = now
        self._sender = BackgroundSender("webhook", current_config, self._deliver)
        self.notify, self.close = self._sender.notify, self._sender.close

    def _deliver(self, open_client: Callable[[], SendRequest]) -> str:
        """Deliver until nothing is left; return what went wrong."""
        config = self._current_config()
        webhook = config.on_publish
        try:
            while (state := self._plan()) and state.pending is not None and webhook is not None:
                if state.due_at is not None and self._now() < state.due_at:
                    return state.error
                problem, wish = deliver(webhook, state.pending, config.site.url, open_client())
                self._conclude(state, state.pending, problem, wish)
                if problem:
                    return problem
        except StoreError as error:
            _log_problem(str(error))
            return str(error)
        return ""

    def _plan(self) -> WebhookState:
        """Return the state with the next delivery, which is stored; without one where there is nothing to tell.

        Where several processes publish, the first to store a delivery plans it, and any may send it.
        """
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
