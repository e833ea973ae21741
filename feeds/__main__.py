"""`python -m feeds`: the same as the command `feeds`."""

from __future__ import annotations

import signal

# Signals wait until the command can handle them (`daemon.signals`): importing it may take a second, and an interrupted
# import would print a traceback.
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))

from .cli import main  # noqa: E402 - after the signals

if __name__ == "__main__":
    main()
