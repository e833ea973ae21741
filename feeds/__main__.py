"""`python -m feeds`: the same as the command `feeds`."""

from __future__ import annotations

import signal
import sys

# The signals of a service wait until it can handle them (`daemon.signals`): importing it may take a second.
if {"daemon", "serve"}.intersection(sys.argv[1:]):
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))

from .cli import main

if __name__ == "__main__":
    main()
