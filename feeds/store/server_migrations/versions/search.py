"""The full-text index of what was published, which the server fills by itself."""

from __future__ import annotations

from alembic import op

revision = "search"
down_revision = "source_hubs"

# Words come folded and with spaces between them (`search_text`): the tokenizer only parts them there. Marks belong to
# words, as the vowel signs of Indic scripts do. An index of the beginnings of words would double its size.
STATEMENTS = (
    """
    CREATE TABLE search_stories (
        "key" INTEGER PRIMARY KEY NOT NULL,
        mark INTEGER NOT NULL,
        position INTEGER NOT NULL,
        story INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE search_texts (
        "key" INTEGER PRIMARY KEY NOT NULL,
        words BLOB NOT NULL
    )
    """,
    """
    CREATE VIRTUAL TABLE search_words USING fts5 (
        title, facts, text, content='',
        tokenize="unicode61 remove_diacritics 2 categories 'L* N* M* Co'"
    )
    """,
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
