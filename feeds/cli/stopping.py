"""A clean end of a turn that is asked to stop: what came is recorded and published, the rest stays due (F38)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..app import App


@contextmanager
def stopped_by_signals(app: App) -> Iterator[None]:
    """Stop the turn at SIGTERM, and at Ctrl-C before it ends the program; what hangs is cut off."""
    # In a thread of its own: a handler runs in the middle of anything, and stopping takes locks.
    before = signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=app.stop).start())
    try:
        yield
    except KeyboardInterrupt:
        app.stop()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
