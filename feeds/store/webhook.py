"""What the webhook was told of the published files, and what stands in the ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, cast, exists, func, insert, literal_column, select, update

from ..model import PublicationNumbers, PublishedFile, WebhookState, replace
from .column_types import TEXT
from .schema import archive_documents, ledgers, meta, outbox, webhook
from .statements import Query

_FILES = msgspec.json.Decoder(tuple[PublishedFile, ...])
_STATE = Query(select(webhook.c.version, webhook.c.state))
_FIRST_ROW: Any = select(literal_column("1"), literal_column("1"), cast(bindparam("state"), TEXT)).where(
    ~exists(select(webhook.c.id))
)
_INSERT = Query(insert(webhook).from_select(["id", "version", "state"], _FIRST_ROW))
_UPDATE = Query(
    update(webhook)
    .where(webhook.c.version == bindparam("known"))
    .values(version=webhook.c.version + 1, state=bindparam("state"))
)
_NUMBERS = Query(
    select(
        meta.c.publication_number.label("files"),
        select(func.max(outbox.c.seq)).scalar_subquery().label("event"),
        meta.c.announced_event.label("announced"),
        select(webhook.c.version).scalar_subquery().label("webhook"),
    )
)
_LEDGER_FILES = Query(select(ledgers.c.files))
_ARCHIVE_FILES = Query(select(archive_documents.c.files))


def select_webhook(connection: Connection) -> WebhookState:
    """Return what the webhook was told."""
    row = _STATE.run(connection).first()
    return replace(msgspec.json.decode(row.state, type=WebhookState), version=row.version) if row else WebhookState()


def set_webhook(connection: Connection, state: WebhookState) -> bool:
    """Store what the webhook was told, unless it was stored otherwise since it was read; return whether it was not."""
    text = msgspec.json.encode(state).decode()
    if not state.version:
        return _INSERT.run(connection, state=text).rowcount > 0
    return _UPDATE.run(connection, known=state.version, state=text).rowcount > 0


def forget_told(connection: Connection, jump: int) -> None:
    """Let the webhook be told everything, with a number that it never had: the database is an older one."""
    state = select_webhook(connection)
    if state.version:
        set_webhook(connection, WebhookState(number=state.number + jump, version=state.version))


def select_publication_numbers(connection: Connection) -> PublicationNumbers:
    """Return by what is seen that something was published, or told."""
    row = _NUMBERS.rows(connection)[0]
    return PublicationNumbers(row.files, row.event or 0, row.announced, row.webhook or 0)


def select_published_digests(connection: Connection) -> dict[str, str]:
    """Return path → digest of all files that the ledgers name, or where none is known what changes with the bytes."""
    return {file.path: file.digest or f"{file.size} {file.modified_ns}" for file in _all_files(connection)}


def _all_files(connection: Connection) -> Iterator[PublishedFile]:
    for query in (_LEDGER_FILES, _ARCHIVE_FILES):
        for files in query.run(connection).scalars():
            yield from _FILES.decode(files)
