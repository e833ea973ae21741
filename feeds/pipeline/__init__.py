"""The order of the stages, and nothing else.

pull(visit):  [robots] → fetch → parse → [seen?] → normalize → Outcome
issue(feed):  articles → steps → compose, archives → render → publish → ledger and outbox
issue_front_page: published articles → compose → render → publish → ledger
issue_pages(source): articles → render → publish → ledger: the pages of our own stories
read(bytes):  parse → normalize → JSON Feed, for one document without a store

No stage imports another one; I/O is passed in as functions.
"""

from __future__ import annotations

from ..harvest.documents import WEB_PAGE_KINDS
from .archives import ArchiveIO
from .front_page import article_functions, issue_front_page, make_front_page, show_article, with_twin
from .issue import IssueIO, choose_articles, issue, make_documents
from .own_stories import issue_pages
from .read import (
    ReadAs,
    as_json_feed,
    child_sitemaps,
    parse_document,
    read,
    saved_document,
    source_to_read,
    with_child_sitemaps,
)
from .reading import STEP_CONTEXT, Reading
from .visit import VisitIO, pull

__all__ = [
    "STEP_CONTEXT",
    "WEB_PAGE_KINDS",
    "ArchiveIO",
    "IssueIO",
    "Reading",
    "VisitIO",
    "article_functions",
    "show_article",
    "with_twin",
    "ReadAs",
    "issue",
    "choose_articles",
    "issue_front_page",
    "issue_pages",
    "make_documents",
    "make_front_page",
    "pull",
    "read",
    "as_json_feed",
    "parse_document",
    "saved_document",
    "source_to_read",
    "child_sitemaps",
    "with_child_sitemaps",
]
