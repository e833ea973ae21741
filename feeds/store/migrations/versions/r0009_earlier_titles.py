"""An article keeps the mark of its earlier title, by which a copy with that title is still found."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column and its index; the earlier titles of articles that are stored already are not known."""
    op.execute("ALTER TABLE articles ADD COLUMN earlier_title_mark INTEGER")
    op.execute(
        "CREATE INDEX articles_earlier_title ON articles (earlier_title_mark) WHERE earlier_title_mark IS NOT NULL"
    )
