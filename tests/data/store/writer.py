"""A process that records numbered articles without end and says after each commit how far it is, until it is killed."""

from __future__ import annotations

import sys
from pathlib import Path

from database import add_articles, open_store
from factories import article, source

with open_store(Path(sys.argv[1]), source()) as store:
    for batch in range(int(sys.argv[2]), 1_000_000):
        add_articles(store, *(article(f"{batch}-{number}", html="<p>long</p>" * 400) for number in range(10)))
        print(batch, flush=True)
