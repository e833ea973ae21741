"""Identity of a story: its id at its source, the id we publish, and the digest that shows edits (R2, R3, S20).

The order of the fallbacks and the spelling of ids are frozen: tests/data/normalize/ids.json holds them across releases
(R3). A new way to make ids would need a new version beside this one, for sources that are added from then on.
"""

from __future__ import annotations

import re

from ..iri import is_absolute_iri
from ..model import Story
from ..revision import sign_digest
from .links import canonical_link, story_url, web_url
from .people import resolve_bylines
from .text import collapse_whitespace, digest, strip_illegal_xml

_SEPARATOR = "\x1f"
# An absolute IRI (RFC 3987), roughly: a scheme that names things, and no character that an IRI forbids.
_IRI = re.compile(
    r"(?:https?://[^\s/?#<>\"{}|\\^`\x00-\x20]|(?:tag|urn|info|at|ftp|gemini|gopher|news|mid|cid|acct|did|doi|ipfs|nntp|ni):)"
    r"[^\s<>\"{}|\\^`\x00-\x20\x7f-\x9f]*",
    re.IGNORECASE,
)
_IRI_LIMIT = 2_000

MIN_TITLE_WORDS = 4  # that a title must have to tell one story from others
MIN_UNSPACED_LETTERS = 8
_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]+")


def upstream_id(story: Story, base: str | None, identity: str = "id") -> str:
    """Return the id of a story at its source: its own id, its canonical link, or a hash of title, date and link.

    With identity `link` or `page` (F21: a source whose ids change at every visit) the story's own id is ignored.
    """
    by_link = identity in ("link", "page")
    declared = strip_illegal_xml(story.id).strip() if story.id and not by_link else ""
    if declared:
        return declared
    url = story_url(story, base, guid=not by_link)
    return canonical_link(url) if url else f"hash:{digest(_title_date_link(story, base))[:32]}"


def _title_date_link(story: Story, base: str | None) -> str:
    """Return title, date and link in one string; a story without a title is known by its text."""
    title = story.title or story.summary or next(iter(story.content), None)
    link = next((url for link in story.links if (url := web_url(link.href, link.base, base))), "")
    date = story.published or story.updated or ""
    words = collapse_whitespace(strip_illegal_xml(title.value)) if title else ""
    return _SEPARATOR.join((words, collapse_whitespace(date), link))


def published_id(upstream: str, minted: str) -> str:
    """Return the upstream id unchanged if it is an absolute IRI (RFC 4287 §4.2.6), else the minted id."""
    is_id = len(upstream) <= _IRI_LIMIT and _IRI.fullmatch(upstream) and is_absolute_iri(upstream)
    return upstream if is_id else minted


def minted_id(upstream: str, source_id: str, authority: str) -> str:
    """Return a `tag:` URI (RFC 4151) of our own; `authority` is `HOST,YEAR`."""
    return f"tag:{authority}:{source_id}/{digest(upstream)[:24]}"


def title_key(title: str) -> str:
    """Return what equal titles have in common whatever their case, signs and spaces; empty for a short title.

    Short are three words, and in scripts that write no spaces seven letters.
    """
    words = _WORD.findall(title.casefold())
    if len(words) < MIN_TITLE_WORDS and sum(map(len, _UNSPACED.findall(title))) < MIN_UNSPACED_LETTERS:
        return ""
    return " ".join(words)


def story_digest(story: Story) -> str:
    """Return a digest of a story that stays the same as long as its publisher changes nothing that matters.

    Each fact is digested with its name, and empty ones are left out, so that a new field of `Story` changes no digest
    of a story without it. The number of comments is left out: it would make every visit a change (R11).
    """
    return sign_digest(digest(_SEPARATOR.join(_facts(resolve_bylines(story))))[:32])


def _facts(story: Story) -> list[str]:
    texts = (("title", story.title), ("summary", story.summary), ("rights", story.rights))
    values = (("published", story.published), ("updated", story.updated), ("language", story.language))
    facts = [f"{name}={text.type}:{text.value}" for name, text in texts if text]
    facts += [f"content={text.type}:{text.value}" for text in story.content]
    facts += [f"{name}={value}" for name, value in values if value]
    facts += [f"link={link.rel} {link.href} {link.type or ''} {link.length or ''}" for link in story.links]
    facts += [f"person={each.role} {each.name or ''} {each.email or ''} {each.url or ''}" for each in story.people]
    facts += [f"category={each.term} {each.scheme or ''} {each.label or ''}" for each in story.categories]
    facts += [f"medium={each.role} {each.url} {each.type or ''} {each.duration or ''}" for each in story.media]
    if story.image:
        facts.append(f"image={story.image.href}")
    if story.origin:
        facts.append(f"origin={story.origin.id or ''} {story.origin.title or ''} {story.origin.url or ''}")
    if story.comments and story.comments.url:
        facts.append(f"comments={story.comments.url}")
    for name, members in (("podcast", story.podcast), ("extra", story.extra)):
        facts += [f"{name}.{key}={members[key]}" for key in sorted(members)]
    return facts
