"""The first schema: sources and their visits, hosts, articles, tombstones, ledgers, and the outbox."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE gone (
        feed TEXT NOT NULL,
        became TEXT,
        PRIMARY KEY (feed)
    )
    """,
    """
    CREATE TABLE hosts (
        host TEXT NOT NULL,
        last_request INTEGER,
        paused_until INTEGER,
        robots TEXT,
        robots_at INTEGER,
        PRIMARY KEY (host)
    )
    """,
    """
    CREATE TABLE ledgers (
        feed TEXT NOT NULL,
        recipe TEXT NOT NULL,
        changed INTEGER NOT NULL,
        updated INTEGER,
        files TEXT NOT NULL,
        edition TEXT NOT NULL,
        PRIMARY KEY (feed)
    )
    """,
    """
    CREATE TABLE meta (
        id INTEGER NOT NULL,
        authority TEXT NOT NULL,
        created INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE outbox (
        seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        feed TEXT NOT NULL,
        kind TEXT NOT NULL,
        article INTEGER NOT NULL,
        published_id TEXT NOT NULL,
        digest TEXT NOT NULL,
        item TEXT
    )
    """,
    "CREATE INDEX outbox_article ON outbox (feed, article, seq)",
    """
    CREATE TABLE sources (
        "key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL,
        declared INTEGER NOT NULL,
        address TEXT NOT NULL,
        recipe TEXT NOT NULL,
        changed INTEGER DEFAULT '0' NOT NULL,
        title TEXT,
        link TEXT,
        hub TEXT,
        self_url TEXT,
        listed INTEGER,
        identity TEXT DEFAULT 'id' NOT NULL,
        warnings TEXT,
        outlines TEXT,
        UNIQUE (id)
    )
    """,
    """
    CREATE TABLE articles (
        "key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        source INTEGER NOT NULL,
        upstream_id TEXT NOT NULL,
        published_id TEXT NOT NULL,
        story_digest TEXT NOT NULL,
        position INTEGER NOT NULL,
        first_seen INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        retracted INTEGER,
        link TEXT,
        story_key TEXT NOT NULL,
        tags TEXT NOT NULL,
        checksum INTEGER NOT NULL,
        body TEXT NOT NULL,
        html TEXT NOT NULL,
        CONSTRAINT articles_identity UNIQUE (source, upstream_id),
        CONSTRAINT articles_published UNIQUE (published_id),
        FOREIGN KEY(source) REFERENCES sources ("key")
    )
    """,
    "CREATE INDEX articles_known ON articles (source, upstream_id, story_digest)",
    "CREATE INDEX articles_position ON articles (position, first_seen, source, tags)",
    "CREATE INDEX articles_source_position ON articles (source, position, first_seen)",
    "CREATE INDEX articles_retracted ON articles (retracted) WHERE retracted IS NOT NULL",
    """
    CREATE TABLE shown (
        feed TEXT NOT NULL,
        article INTEGER NOT NULL,
        digest TEXT NOT NULL,
        first_shown INTEGER NOT NULL,
        archive INTEGER,
        PRIMARY KEY (feed, article),
        FOREIGN KEY(feed) REFERENCES ledgers (feed) ON DELETE CASCADE ON UPDATE CASCADE
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE tombstones (
        "key" INTEGER NOT NULL,
        source INTEGER NOT NULL,
        upstream_id TEXT NOT NULL,
        article INTEGER NOT NULL,
        published_id TEXT NOT NULL,
        at INTEGER NOT NULL,
        why TEXT NOT NULL,
        PRIMARY KEY ("key"),
        CONSTRAINT tombstones_identity UNIQUE (source, upstream_id),
        FOREIGN KEY(source) REFERENCES sources ("key")
    )
    """,
    "CREATE INDEX tombstones_article ON tombstones (article)",
    "CREATE INDEX tombstones_published ON tombstones (published_id)",
    """
    CREATE TABLE visits (
        "key" INTEGER NOT NULL,
        source INTEGER NOT NULL,
        upstream_id TEXT DEFAULT '' NOT NULL,
        url TEXT NOT NULL,
        host TEXT NOT NULL,
        due_at INTEGER,
        story TEXT,
        etag TEXT,
        last_modified TEXT,
        body_digest TEXT,
        last_at INTEGER,
        full_at INTEGER,
        worked_at INTEGER,
        failures INTEGER DEFAULT '0' NOT NULL,
        failing_since INTEGER,
        failure TEXT,
        attempts INTEGER DEFAULT '0' NOT NULL,
        move TEXT,
        interval FLOAT,
        hints TEXT,
        PRIMARY KEY ("key"),
        CONSTRAINT visits_identity UNIQUE (source, upstream_id),
        FOREIGN KEY(source) REFERENCES sources ("key")
    )
    """,
    "CREATE INDEX visits_due ON visits (due_at)",
)


def upgrade() -> None:
    """Create all tables. Frozen: a later change is a revision of its own."""
    for statement in STATEMENTS:
        op.execute(statement)
