"""A clean end of a turn that is asked to stop: what came is recorded and published, the rest stays due (F38)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ..app import App


@contextmanager
def stopped_by_signals(app: App) -> Iterator[None]:
    """Stop the turn at SIGTERM while inside; what hangs is cut off."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: app.stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
