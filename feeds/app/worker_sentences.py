"""Sentences about the processes of an installation on several machines, for `feeds status` and the operator's page."""

from __future__ import annotations

from datetime import datetime

from ..formatting import format_count, format_relative
from ..model import WaitingJobs, WorkerStatus

SHOWN_FEEDS = 3
WAITING = {"pull": "shard", "issue": "feed", "lock": "command"}


def describe_worker(worker: WorkerStatus, now: datetime) -> str:
    """Return what a process works on: `16 shards, issues world; version 1.2.0, seen 2 s ago`."""
    parts = [format_count(len(worker.shards), "shard")]
    if worker.feeds:
        more = " …" if len(worker.feeds) > SHOWN_FEEDS else ""
        parts.append(f"issues {', '.join(worker.feeds[:SHOWN_FEEDS])}{more}")
    return f"{', '.join(parts)}; version {worker.version}, seen {format_relative(worker.seen_at, now)}"


def describe_waiting(jobs: WaitingJobs, now: datetime) -> str:
    """Return how many shards or feeds wait for a process: `3 shards wait for a process, the first for 2 s`."""
    thing = format_count(jobs.count, WAITING.get(jobs.kind, f"{jobs.kind} job"))
    seconds = max(0.0, (now - jobs.since).total_seconds())
    return f"{thing} wait{'s' * (jobs.count == 1)} for a process, the first for {seconds:.0f} s."
