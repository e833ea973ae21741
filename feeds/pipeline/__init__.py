"""The order of the stages, and nothing else.

pull(visit):  [robots] → fetch → parse → [known?] → normalize → Outcome
issue(feed):  articles → steps → compose → render → publish → ledger and outbox
issue_pages(shelf): articles → render → publish → ledger: the pages of our own stories
read(bytes):  parse → normalize → JSON Feed, for those who have a document and no store

No stage knows another one; what touches the outside is handed in.
"""

from __future__ import annotations

from .issue import IssueIO, issue
from .own_stories import PageIO, issue_pages
from .read import DocumentReader, as_json_feed, parse_document, parse_feed, read, saved_document
from .visit import VisitIO, pull

__all__ = [
    "IssueIO",
    "PageIO",
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
