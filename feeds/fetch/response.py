"""What the answer at the end of the redirects means for a visit: a document, nothing new, or a failure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from urllib.parse import urlsplit

from .. import http_headers
from ..model import Fetched, Hop, NotModified, Validators, Visit
from .decoding import plain_body
from .http1_parser import HttpResponse
from .problems import rejected
from .target import Target, target_of

DOCUMENTS = frozenset({200, 203})


@dataclass(frozen=True, slots=True)
class FinalResponse:
    """Where the redirects ended, and the answer that was given there."""

    target: Target
    answer: HttpResponse
    hops: tuple[Hop, ...]


def concluded(visit: Visit, arrival: FinalResponse) -> Fetched | NotModified:
    """What a visit brings back. Validators are those of this very answer, except that a 304 may leave some out."""
    answer, target = arrival.answer, arrival.target
    asked, headers = visit.state.validators, answer.headers
    given = Validators(
        http_headers.validator(headers.get("etag")), http_headers.validator(headers.get("last-modified"))
    )
    fresh = http_headers.fresh_for(headers)
    if answer.status == 304 and asked != Validators():
        kept = Validators(given.etag or asked.etag, given.last_modified or asked.last_modified)  # E3
        return NotModified(target.url, kept, fresh, arrival.hops)
    if answer.status not in DOCUMENTS:
        raise rejected(answer.status, headers, target.place, _elsewhere(visit, target))
    if given.etag is not None and given.etag == asked.etag:  # E4
        return NotModified(target.url, given, fresh, arrival.hops)
    body = plain_body(answer.chunks(), headers.get("content-encoding", ""), visit.source.max_bytes)
    digest = blake2b(body, digest_size=16).hexdigest()
    if digest == visit.state.body_digest:  # E4
        return NotModified(target.url, given, fresh, arrival.hops)
    media_type, charset = http_headers.content_type(headers.get("content-type"))
    return Fetched(
        target.url,
        body,
        media_type,
        charset,
        headers=headers,
        hops=arrival.hops,
        validators=given,
        body_digest=digest,
        fresh_for=fresh,
        retry_after=http_headers.retry_after(headers),
    )


def _elsewhere(visit: Visit, target: Target) -> str | None:
    """The host that answered, unless it is the one that is visited, however its name is spelled (IDNA)."""
    visited = visit.host.host
    own = target_of(visit.url).host if urlsplit(visit.url).hostname == visited else visited
    return None if target.host == own else target.host
