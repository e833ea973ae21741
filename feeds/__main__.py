"""`python -m feeds`: the same as the command `feeds`."""

from __future__ import annotations

import gc
import signal

# Signals wait until the command can handle them (`daemon.signals`): importing it may take a second, and an interrupted
# import would print a traceback.
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))

from . import cli  # noqa: E402 - after the signals


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        cli.main()
    finally:
        gc.freeze()  # the interpreter would look for cycles among all objects: a sixth of the time of a short command


if __name__ == "__main__":
    main()
