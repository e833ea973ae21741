"""The order of the stages, and nothing else.

pull(visit):  [robots] → fetch → parse → [seen?] → normalize → Outcome
issue(feed):  articles → steps → compose → render → publish → ledger and outbox
issue_pages(source): articles → render → publish → ledger: the pages of our own stories
read(bytes):  parse → normalize → JSON Feed, for one document without a store

No stage imports another one; I/O is passed in as functions.
"""

from __future__ import annotations

from .issue import STEP_CONTEXT, IssueIO, issue
from .own_stories import issue_pages
from .read import DocumentReader, as_json_feed, parse_document, parse_feed, read, saved_document
from .visit import VisitIO, pull

__all__ = [
    "STEP_CONTEXT",
    "IssueIO",
    "VisitIO",
    "DocumentReader",
    "issue",
    "issue_pages",
    "pull",
    "read",
    "as_json_feed",
    "parse_document",
    "saved_document",
    "parse_feed",
]
