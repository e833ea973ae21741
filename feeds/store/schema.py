"""The tables in their newest form, to which `migrations/` brings older databases; `rows.values` says what columns hold.

Every row of a source refers to the source's integer key, so that renaming a source changes one row.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Column, Connection, Float, ForeignKey, Index, MetaData, Table, UniqueConstraint, text
from sqlalchemy.schema import CreateTable

from .column_types import BYTES, TEXT, WHOLE

REVISION = "0018"

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
    Column("id", WHOLE, primary_key=True),
    Column("authority", TEXT, nullable=False),
    Column("created", WHOLE, nullable=False),
    Column("last_change_number", WHOLE, nullable=False),
    Column("push_number", WHOLE, nullable=False, server_default="0"),  # of the last push that was taken
    Column("announced_event", WHOLE, nullable=False, server_default="0"),  # the last one that a hub was told of
    Column("last_event", WHOLE, nullable=False, server_default="0"),  # the number that was given out last
    Column("declaration_number", WHOLE, nullable=False, server_default="0"),  # of changes of the declared sources
    Column("publication_number", WHOLE, nullable=False, server_default="0"),  # of changes of the published files
)

sources = Table(
    "sources",
    metadata,
    Column("key", WHOLE, primary_key=True),
    Column("id", TEXT, nullable=False, unique=True),
    Column("enabled", WHOLE, nullable=False),  # 0 also for a source that is no longer declared
    Column("address", TEXT, nullable=False),
    Column("fingerprint", TEXT, nullable=False),
    Column("change_number", WHOLE, nullable=False, server_default="0"),  # the highest of its articles
    Column("title", TEXT),
    Column("link", TEXT),
    Column("hub", TEXT),
    Column("self_url", TEXT),
    Column("listing_size", WHOLE),
    Column("identity", TEXT, nullable=False, server_default="id"),
    Column("warnings", TEXT),
    Column("outlines", TEXT),  # of an OPML list
    sqlite_autoincrement=True,
)

visits = Table(
    "visits",
    metadata,
    Column("key", WHOLE, primary_key=True),
    Column("source", WHOLE, ForeignKey("sources.key"), nullable=False),
    Column("upstream_id", TEXT, nullable=False, server_default=""),  # of a story page; empty for the source itself
    Column("url", TEXT, nullable=False),
    Column("host", TEXT, nullable=False),
    Column("due_at", WHOLE),  # NULL: never, while its source is not enabled
    Column("story", TEXT),
    Column("etag", TEXT),
    Column("last_modified", TEXT),
    Column("body_digest", TEXT),
    Column("last_at", WHOLE),
    Column("full_at", WHOLE),
    Column("worked_at", WHOLE),
    Column("failures", WHOLE, nullable=False, server_default="0"),
    Column("failing_since", WHOLE),
    Column("failure", TEXT),
    Column("attempts", WHOLE, nullable=False, server_default="0"),
    Column("move", TEXT),
    Column("interval", Float),
    Column("hints", TEXT),
    Column("story_digest", TEXT),  # NULL if planned before there was such a column
    Column("is_addition", WHOLE, nullable=False, server_default="0"),
    Column("pushed_until", WHOLE),
    Column("history", TEXT, nullable=False, server_default=""),  # of the last visits, the newest first
    Column("shard", WHOLE, nullable=False, server_default="0"),  # of the host
    UniqueConstraint("source", "upstream_id", name="visits_identity"),
    Index("visits_due", "due_at"),
    # One machine, which has SQLite, never looks for the visits of a shard.
    Index("visits_shard_due", "shard", "due_at").ddl_if(dialect="postgresql"),
)

hosts = Table(
    "hosts",
    metadata,
    Column("host", TEXT, primary_key=True),
    Column("last_request", WHOLE),
    Column("paused_until", WHOLE),
    Column("robots", TEXT),
    Column("robots_at", WHOLE),
)

# AUTOINCREMENT: a ledger names articles by key, so the key of a forgotten one must not come back as another.
articles = Table(
    "articles",
    metadata,
    Column("key", WHOLE, primary_key=True),
    Column("source", WHOLE, ForeignKey("sources.key"), nullable=False),
    Column("upstream_id", TEXT, nullable=False),
    Column("published_id", TEXT, nullable=False),
    Column("story_digest", TEXT, nullable=False),
    Column("position", WHOLE, nullable=False),
    Column("first_seen", WHOLE, nullable=False),
    Column("updated", WHOLE, nullable=False),
    Column("change_number", WHOLE, nullable=False),
    Column("retracted_at", WHOLE),
    Column("url", TEXT),
    Column("link_key", TEXT, nullable=False),
    Column("tags", TEXT, nullable=False),  # in lower case, one a line, with a line end before and after
    Column("checksum", WHOLE, nullable=False),
    Column("body", TEXT, nullable=False),  # all the rest, as JSON
    # Not in `body`: to escape it into JSON costs as much as to store it. Long ones are compressed; in older rows of
    # SQLite it is text.
    Column("html", BYTES, nullable=False),
    Column("is_addition", WHOLE, nullable=False, server_default="0"),  # listed after its source's first listing
    Column("story_key", TEXT, nullable=False, server_default=""),  # of twins: the published id of the oldest
    Column("link_mark", WHOLE),  # digests of the keys that twins are found by; NULL: none
    Column("title_mark", WHOLE),
    Column("earlier_title_mark", WHOLE),  # of the title before the last change of it
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
    Column("key", WHOLE, primary_key=True),
    Column("source", WHOLE, ForeignKey("sources.key"), nullable=False),
    Column("upstream_id", TEXT, nullable=False),
    Column("article", WHOLE, nullable=False),
    Column("published_id", TEXT, nullable=False),
    Column("at", WHOLE, nullable=False),
    Column("reason", TEXT, nullable=False),
    UniqueConstraint("source", "upstream_id", name="tombstones_identity"),
    Index("tombstones_article", "article"),
    # No feed holds what expired, and of that there is more and more.
    Index("tombstones_removed", "article", "published_id", sqlite_where=text("reason <> 'expired'")),
    Index("tombstones_published", "published_id"),
)

ledgers = Table(
    "ledgers",
    metadata,
    Column("feed", TEXT, primary_key=True),
    Column("fingerprint", TEXT, nullable=False),
    Column("change_number", WHOLE, nullable=False),
    Column("updated", WHOLE),
    Column("files", TEXT, nullable=False),
    Column("edition_digest", TEXT, nullable=False),
    Column("original_id", TEXT),  # the id of a renamed feed when it was first published
    Column("first_issued", WHOLE),
    Column("articles", WHOLE),  # of its edition
    Column("drops", TEXT),  # kind of step → number of articles that it did not pass on
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("feed", TEXT, ForeignKey("ledgers.feed", onupdate="CASCADE", ondelete="CASCADE"), primary_key=True),
    Column("article", WHOLE, primary_key=True),
    Column("digest", TEXT, nullable=False),
    Column("first_published", WHOLE, nullable=False),
    Column("archive", WHOLE),  # the number of its archive document
    Column("state", TEXT, nullable=False, server_default="published"),
    Column("merged_into", WHOLE),
    Index("ledger_entries_archive", "feed", "state", "archive"),
    Index("ledger_entries_published", "article", sqlite_where=text("state = 'published'")),
    sqlite_with_rowid=False,
)

archive_documents = Table(
    "archive_documents",
    metadata,
    Column("feed", TEXT, ForeignKey("ledgers.feed", onupdate="CASCADE", ondelete="CASCADE"), primary_key=True),
    Column("number", WHOLE, primary_key=True),
    Column("files", TEXT, nullable=False),
    sqlite_with_rowid=False,
)

# Of each feed: since when a change waits to be published, and the last failure to publish it.
publishing = Table(
    "publishing",
    metadata,
    Column("feed", TEXT, primary_key=True),
    Column("change_number", WHOLE, nullable=False, server_default="0"),  # the newest change of its sources
    Column("waiting_since", WHOLE),  # NULL: it is published
    Column("failed_at", WHOLE),
    Column("error", TEXT),
)

# One row: what the webhook of `on_publish` was told.
webhook = Table(
    "webhook",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("version", WHOLE, nullable=False),
    Column("state", TEXT, nullable=False),
)

withdrawn_feeds = Table(
    "withdrawn_feeds",
    metadata,
    Column("feed", TEXT, primary_key=True),
    Column("successor", TEXT),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", WHOLE, primary_key=True),
    Column("at", WHOLE, nullable=False),
    Column("feed", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),  # article, news (an article that is worth a notification) or retract
    Column("article", WHOLE, nullable=False),
    Column("published_id", TEXT, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("item", TEXT),
    Index("outbox_article", "feed", "article", "seq"),
    sqlite_autoincrement=True,
)


def create_schema(connection: Connection, metadata: MetaData) -> None:
    """Make the tables and their indexes, in the same order each time: SQLAlchemy keeps the indexes as a set."""
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            index.create(connection)
