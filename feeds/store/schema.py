"""The tables in their newest form, to which `migrations/` brings older databases; `rows.values` says what columns hold.

Every row of a source refers to the source's integer key, so that renaming a source changes one row.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint, text

REVISION = "0014"

metadata = MetaData()


class TombstoneReason(StrEnum):
    """Why an article was removed."""

    RETRACTED = "retracted"  # by the operator
    FORGOTTEN = "forgotten"  # with all articles of its source
    WITHDRAWN = "withdrawn"  # by its source, until the source lists it again
    EXPIRED = "expired"  # as `retain` says


meta = Table(
    "meta",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("authority", Text, nullable=False),
    Column("created", Integer, nullable=False),
    Column("last_change_number", Integer, nullable=False),
    Column("push_number", Integer, nullable=False, server_default="0"),  # of the last push that was taken
    Column("announced_event", Integer, nullable=False, server_default="0"),  # the last one that a hub was told of
)

sources = Table(
    "sources",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("enabled", Integer, nullable=False),  # 0 also for a source that is no longer declared
    Column("address", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("change_number", Integer, nullable=False, server_default="0"),  # the highest of its articles
    Column("title", Text),
    Column("link", Text),
    Column("hub", Text),
    Column("self_url", Text),
    Column("listing_size", Integer),
    Column("identity", Text, nullable=False, server_default="id"),
    Column("warnings", Text),
    Column("outlines", Text),  # of an OPML list
    sqlite_autoincrement=True,
)

visits = Table(
    "visits",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("source", Integer, ForeignKey("sources.key"), nullable=False),
    Column("upstream_id", Text, nullable=False, server_default=""),  # of a story page; empty for the source itself
    Column("url", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("due_at", Integer),  # NULL: never, while its source is not enabled
    Column("story", Text),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("body_digest", Text),
    Column("last_at", Integer),
    Column("full_at", Integer),
    Column("worked_at", Integer),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", Integer),
    Column("failure", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("move", Text),
    Column("interval", Float),
    Column("hints", Text),
    Column("story_digest", Text),  # NULL if planned before there was such a column
    Column("is_addition", Integer, nullable=False, server_default="0"),
    Column("pushed_until", Integer),
    Column("history", Text, nullable=False, server_default=""),  # of the last visits, the newest first
    UniqueConstraint("source", "upstream_id", name="visits_identity"),
    Index("visits_due", "due_at"),
)

hosts = Table(
    "hosts",
    metadata,
    Column("host", Text, primary_key=True),
    Column("last_request", Integer),
    Column("paused_until", Integer),
    Column("robots", Text),
    Column("robots_at", Integer),
)

# AUTOINCREMENT: a ledger names articles by key, so the key of a forgotten one must not come back as another.
articles = Table(
    "articles",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("source", Integer, ForeignKey("sources.key"), nullable=False),
    Column("upstream_id", Text, nullable=False),
    Column("published_id", Text, nullable=False),
    Column("story_digest", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("first_seen", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("change_number", Integer, nullable=False),
    Column("retracted_at", Integer),
    Column("url", Text),
    Column("link_key", Text, nullable=False),
    Column("tags", Text, nullable=False),  # in lower case, one a line, with a line end before and after
    Column("checksum", Integer, nullable=False),
    Column("body", Text, nullable=False),  # all the rest, as JSON
    # Not in `body`: to escape it into JSON costs as much as to store it. BLOBs, as long ones are compressed; in older
    # rows text.
    Column("html", Text, nullable=False),
    Column("is_addition", Integer, nullable=False, server_default="0"),  # listed after its source's first listing
    Column("story_key", Text, nullable=False, server_default=""),  # of twins: the published id of the oldest
    Column("link_mark", Integer),  # digests of the keys that twins are found by; NULL: none
    Column("title_mark", Integer),
    Column("earlier_title_mark", Integer),  # of the title before the last change of it
    UniqueConstraint("source", "upstream_id", name="articles_identity"),
    UniqueConstraint("published_id", name="articles_published"),
    # Seen items are read from this index alone: three times as fast as from the rows.
    Index("articles_known", "source", "upstream_id", "story_digest"),
    # With source and tags in the index, rows that a feed does not select are skipped unread.
    Index("articles_position", "position", "first_seen", "source", "tags"),
    Index("articles_source_position", "source", "position", "first_seen"),
    Index("articles_retracted", "retracted_at", sqlite_where=text("retracted_at IS NOT NULL")),
    Index("articles_changes", "source", "change_number"),
    Index("articles_additions", "first_seen", sqlite_where=text("is_addition = 1")),
    Index("articles_story", "story_key", sqlite_where=text("story_key <> ''")),
    Index("articles_link", "link_mark", sqlite_where=text("link_mark IS NOT NULL")),
    Index("articles_title", "title_mark", sqlite_where=text("title_mark IS NOT NULL")),
    Index("articles_earlier_title", "earlier_title_mark", sqlite_where=text("earlier_title_mark IS NOT NULL")),
    sqlite_autoincrement=True,
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("source", Integer, ForeignKey("sources.key"), nullable=False),
    Column("upstream_id", Text, nullable=False),
    Column("article", Integer, nullable=False),
    Column("published_id", Text, nullable=False),
    Column("at", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("source", "upstream_id", name="tombstones_identity"),
    Index("tombstones_article", "article"),
    # No feed holds what expired, and of that there is more and more.
    Index("tombstones_removed", "article", "published_id", sqlite_where=text("reason <> 'expired'")),
    Index("tombstones_published", "published_id"),
)

ledgers = Table(
    "ledgers",
    metadata,
    Column("feed", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("change_number", Integer, nullable=False),
    Column("updated", Integer),
    Column("files", Text, nullable=False),
    Column("edition_digest", Text, nullable=False),
    Column("original_id", Text),  # the id of a renamed feed when it was first published
    Column("first_issued", Integer),
    Column("articles", Integer),  # of its edition
    Column("drops", Text),  # kind of step → number of articles that it did not pass on
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("feed", Text, ForeignKey("ledgers.feed", onupdate="CASCADE", ondelete="CASCADE"), primary_key=True),
    Column("article", Integer, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("first_published", Integer, nullable=False),
    Column("archive", Integer),  # the number of its archive document
    Column("state", Text, nullable=False, server_default="published"),
    Column("merged_into", Integer),
    Index("ledger_entries_archive", "feed", "state", "archive"),
    Index("ledger_entries_published", "article", sqlite_where=text("state = 'published'")),
    sqlite_with_rowid=False,
)

archive_documents = Table(
    "archive_documents",
    metadata,
    Column("feed", Text, ForeignKey("ledgers.feed", onupdate="CASCADE", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("files", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Of each feed: since when a change waits to be published, and the last failure to publish it.
publishing = Table(
    "publishing",
    metadata,
    Column("feed", Text, primary_key=True),
    Column("change_number", Integer, nullable=False, server_default="0"),  # the newest change of its sources
    Column("waiting_since", Integer),  # NULL: it is published
    Column("failed_at", Integer),
    Column("error", Text),
)

withdrawn_feeds = Table(
    "withdrawn_feeds",
    metadata,
    Column("feed", Text, primary_key=True),
    Column("successor", Text),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
    Column("feed", Text, nullable=False),
    Column("kind", Text, nullable=False),  # article, news (an article that is worth a notification) or retract
    Column("article", Integer, nullable=False),
    Column("published_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("item", Text),
    Index("outbox_article", "feed", "article", "seq"),
    sqlite_autoincrement=True,
)
