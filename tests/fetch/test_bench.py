"""The bench of 304s: that it runs, not what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NOT_MODIFIED = Path(__file__).parents[1] / "bench" / "not_modified.py"


def test_the_bench_of_304s_measures_every_kind_of_connection() -> None:
    command = [sys.executable, str(NOT_MODIFIED), "--visits", "2", "--rounds", "1"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line[:18].strip() for line in lines] == ["a new host", "a new connection", "a kept connection"]
    assert all(line.endswith(" µs") for line in lines)
