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
from .read import DocumentReader, read, reading, recognised, saved, understand
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
    "reading",
    "recognised",
    "saved",
    "understand",
]
