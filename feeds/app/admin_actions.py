"""What the operator's buttons do: operations of the daemon, asked for through its socket, and what became of them."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .. import config as configuration
from ..errors import FeedsError
from ..formatting import format_count
from ..model import Config
from ..render.html.admin_pages import OperationNotice
from .control_socket import connect
from .operations import OperationReport, OperationRequest, PublishReport, RetractReport, RunReport

MAX_NOTICES = 200  # that are remembered; the oldest is forgotten
MAX_IN_PROGRESS = 8
WAIT_SECONDS = 2.0  # for the result, before a page says that it is to come

NO_DAEMON = "No daemon runs on this data, and this process changes nothing by itself: use the command line"
BUSY = "Too much is in progress; try again in a moment"
PENDING = OperationNotice("pending", "In progress. This page looks again by itself.")


class AdminActions:
    """Performs operations in threads, and keeps what became of each under a key that cannot be guessed."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._notices: OrderedDict[str, OperationNotice] = OrderedDict()

    def start(self, request: OperationRequest[Any]) -> str:
        """Have the daemon perform an operation; return the key of its notice, after a moment for its result."""
        key = secrets.token_hex(8)
        with self._lock:
            in_progress = sum(notice is PENDING for notice in self._notices.values())
            self._notices[key] = PENDING if in_progress < MAX_IN_PROGRESS else OperationNotice("failed", BUSY)
            while len(self._notices) > MAX_NOTICES:
                self._notices.popitem(last=False)
        if self._notices[key] is PENDING:
            thread = threading.Thread(target=self._perform, args=[key, request], name="operation", daemon=True)
            thread.start()
            thread.join(WAIT_SECONDS)
        return key

    def find(self, key: str) -> OperationNotice | None:
        """Return what became of an operation; None for an unknown key."""
        return self._notices.get(key)

    def _perform(self, key: str, request: OperationRequest[Any]) -> None:
        try:
            connection = connect(self._config().data)
            if connection is None:
                raise FeedsError(NO_DAEMON)
            with connection:
                notice = OperationNotice("done", describe_report(connection.perform(request)))
        except FeedsError as error:
            notice = OperationNotice("failed", str(error))
        masked = OperationNotice(notice.state, configuration.mask_secrets(notice.text, self._config()))
        with self._lock:
            if key in self._notices:
                self._notices[key] = masked


def describe_report(report: OperationReport) -> str:
    """Return what was done, in a sentence."""
    match report:
        case RunReport(answers=answers) if answers:
            return "; ".join(f"{answer.source}: {answer.sentence}" for answer in answers)
        case PublishReport(files=files):
            return f"Published: {format_count(len(files), 'file')} changed"
        case RetractReport(retracted=retracted, files=files):
            done = "Taken out of everything published" if retracted else "Shown again"
            return f"{done}: {format_count(len(files), 'file')} changed"
    return "Done"
