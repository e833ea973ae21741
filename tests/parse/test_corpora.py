"""Agreement with other parsers on their own test documents, as `tests/bench/corpus.py` measures it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[1] / "bench" / "corpus.py"
CORPORA = os.environ.get("FEEDS_CORPORA")


@pytest.mark.skipif(not CORPORA, reason="FEEDS_CORPORA names no folder")
@pytest.mark.parametrize(("collection", "least"), [("feedparser", 99.0), ("goldens", 86.0), ("real-feeds", 100.0)])
def test_most_cases_agree_in_all_their_facts(collection: str, least: float) -> None:
    process = subprocess.run(
        [sys.executable, str(CORPUS), collection, "-v", CORPORA or ""], capture_output=True, text=True, check=True
    )
    figure = re.search(r"^cases \d+/\d+ = ([\d.]+)%", process.stdout, re.M)
    assert figure and float(figure[1]) >= least, process.stdout
