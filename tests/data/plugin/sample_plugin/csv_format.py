"""An output format: a table of date, title and address for spreadsheets (RFC 4180)."""

from __future__ import annotations

import csv
from io import StringIO

from feeds.model import Edition
from feeds.registry import Format


def write(edition: Edition, format: Format) -> bytes:
    """Return an edition as CSV."""
    table = StringIO()
    writer = csv.writer(table)
    writer.writerow(["date", "title", "url"])
    for article in edition.articles:
        writer.writerow([article.position.date().isoformat(), article.title, article.url])
    return table.getvalue().encode()


FORMAT = Format("csv", "CSV", "text/csv; charset=utf-8", write)
