"""YAML front matter: where it begins and ends, its values by our names, and whether the story may be published.

What begins as front matter never becomes text: where it cannot be understood to its end, the file is left out. Values
are text as it is written, as in the configuration: YAML would make 750 of a title `12:30`, and a truth of a tag `on`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, ClassVar

# python-frontmatter lets YAML's own error through; only config imports YAML itself.
from frontmatter.default_handlers import SafeLoader, YAMLHandler, yaml  # type: ignore[attr-defined]

from ...model import PublicationWindow

FIELDS = frozenset(
    ("id", "title", "date", "updated", "author", "tags", "image", "draft", "summary", "language", "link", "enclosure")
)
# Other common name → ours.
SYNONYMS = {
    "authors": "author",
    "published": "date",
    "modified": "updated",
    "lastmod": "updated",
    "categories": "tags",
    "keywords": "tags",
    "description": "summary",
    "excerpt": "summary",
    "lang": "language",
    "cover": "image",
    "url": "link",
    "canonical": "link",
    "guid": "id",
    "enclosures": "enclosure",
    "attachments": "enclosure",
    "audio": "enclosure",
}
# The same, where no name above is given.
SPARE_SYNONYMS = {
    **dict.fromkeys(("byline", "creator", "writer"), "author"),
    **dict.fromkeys(("created", "created_at", "posted"), "date"),
    **dict.fromkeys(("last_modified", "last_modified_at", "updated_at"), "updated"),
    **dict.fromkeys(("category", "tag", "topics"), "tags"),
    **dict.fromkeys(("abstract", "teaser"), "summary"),
    **dict.fromkeys(("cover_image", "featured_image", "thumbnail"), "image"),
}
MAX_LENGTH = 65_536  # characters of front matter

# ── drafts and dates of publication ──────────────────────────────────────────────────────────────────────────────────

NULL_WORDS = ("~", "null")
YES_WORDS = ("true", "yes", "y", "on", "1", "t")
NO_WORDS = ("false", "no", "n", "off", "0", "f")
# Value of a key → whether the story is a draft. Any other value is not understood.
_DRAFT_IF_YES = {**dict.fromkeys(YES_WORDS, True), **dict.fromkeys(NO_WORDS, False)}
_DRAFT_IF_NO = {word: not draft for word, draft in _DRAFT_IF_YES.items()}
_NO_DATE = dict.fromkeys(NO_WORDS, False)
_STATUS_WORDS = {
    **dict.fromkeys(("publish", "published", "public", "live", "posted", "sent", "active", "final", "done"), False),
    **dict.fromkeys(("approved", "complete", "completed"), False),
    **dict.fromkeys(("draft", "auto-draft", "private", "password", "pending", "future", "scheduled", "hidden"), True),
    **dict.fromkeys(("unpublished", "unlisted", "inactive", "skip", "trash", "deleted", "archived", "inherit"), True),
    **dict.fromkeys(("withdrawn", "rejected", "expired", "embargo", "embargoed", "idea", "todo", "wip"), True),
    **dict.fromkeys(("review", "in review", "in-review", "in progress", "in-progress", "not published"), True),
}
# A key in lower case without separators (`post_status`, `postStatus`) → the values it may have.
DRAFT_KEYS: Mapping[str, Mapping[str, bool]] = {
    **dict.fromkeys(("draft", "isdraft", "private", "isprivate", "hidden", "unlisted", "unpublished"), _DRAFT_IF_YES),
    **dict.fromkeys(("wip", "nopublish", "donotpublish", "dontpublish", "notready"), _DRAFT_IF_YES),
    **dict.fromkeys(("published", "ispublished", "publish", "public", "ispublic", "ready"), _DRAFT_IF_NO),
    **dict.fromkeys(("status", "poststatus", "publishstatus", "visibility"), _STATUS_WORDS),
}
# Keys of other meanings as well, which hold a story back only by a word that says so.
_WEAK_KEYS = frozenset(("state", "workflow", "workflowstate", "poststate"))
# Keys whose value is a date as often as yes or no. A date makes no draft; a later one in `publish` opens the window.
_KEYS_WITH_DATES = frozenset(("published", "publish"))
_START_KEYS = frozenset(
    ("publishdate", "pubdate", "publish", "publishat", "publishon", "publishfrom", "publishedat", "publisheddate")
) | {"embargo", "embargountil", "embargoeduntil"}
_END_KEYS = frozenset(
    ("expirydate", "expiry", "expiredate", "expirationdate", "expire", "expires", "expiresat", "expireson")
) | {"unpublishdate", "unpublishat", "unpublishon"}

# ── where it begins and ends ─────────────────────────────────────────────────────────────────────────────────────────

_LINE_BREAKS = r"\n\r\x85\u2028\u2029"
_BLANKS = rf"(?>(?:[^\S{_LINE_BREAKS}]|[\ufeff\u200b\u2060])*)"  # atomic: several in a row take quadratic time
_LINE_END = rf"{_BLANKS}(?:(?=[{_LINE_BREAKS}])|\Z)"
_BLANK_CHARACTERS = " \t\r\n\ufeff\u200b\u2060"
_BEFORE = r"[\s\ufeff\u200b\u2060]*+"  # blank lines, and the byte order marks of files that were joined
_OPENING = re.compile(
    rf"{_BEFORE}(?:(?P<dashes>-{{3,}}){_BLANKS}(?P<label>ya?ml|toml|json5?|js)?(?:{_BLANKS}\#[^{_LINE_BREAKS}]*)?|\+{{3,}}|;{{3,}})"
    rf"{_LINE_END}",
    re.I,
)
_JSON_OPENING = re.compile(
    rf"{_BEFORE}\{{(?:{_LINE_END}|\s*\"[^\"{_LINE_BREAKS}]*\"\s*:"
    rf"|\s*(?:{'|'.join(sorted(FIELDS | SYNONYMS.keys() | DRAFT_KEYS.keys()))})\s*:)",
    re.I,
)
# `...`, YAML's end of a document, closes it as well, as in Pandoc and Jekyll.
_CLOSING = re.compile(rf"(?:^|(?<=[{_LINE_BREAKS}]))(?:-{{3,}}|\.{{3}}){_LINE_END}", re.M)
_BLANK_LINES = re.compile(r"\s*$", re.M)
_HEADING_BELOW = re.compile(rf"(?>\r\n|[{_LINE_BREAKS}]){_BLANKS}(?>\r\n|[{_LINE_BREAKS}])\s*+#{{1,6}}\s")
_FIELD_LINE = re.compile(rf"(?:^|(?<=[{_LINE_BREAKS}]))[^\w{_LINE_BREAKS}]*[^\W\d][\w-]*[\"']?\s*[:=](?!//)", re.M)
# `Status: draft`, `:status: draft` (reStructuredText), `#+DRAFT: true` (Org), `% draft: true`.
_HEADER_LINE = re.compile(r"(?:[:%]|#\+)? {0,3}([^\W\d][\w -]{0,40}?)[ \t]*[:=](?!//)[ \t]*(.*)")
_DATE_FIELDS = ("date", "updated")
# What PyYAML raises for a date that does not exist, a tag whose text does not fit it, and the like.
_VALUE_ERRORS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class UnreadableFile(Exception):
    """A file that is left out, with the reason."""


class _TextLoader(SafeLoader):  # type: ignore[valid-type, misc]
    """A loader that makes text of every scalar without a tag; `<<` merges mappings."""

    yaml_implicit_resolvers: ClassVar = {"<": SafeLoader.yaml_implicit_resolvers["<"]}


_TextLoader.add_constructor("tag:yaml.org,2002:merge", SafeLoader.construct_yaml_str)  # of a value `<<`


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The values above a text by our names, and the text below them.

    `is_draft`: the story is a draft, private, or otherwise not to be published at any time. `window` is when it may be.
    """

    body: str
    values: Mapping[str, object] = field(default_factory=dict)
    is_draft: bool = False
    window: PublicationWindow | None = None


def read_front_matter(text: str) -> FrontMatter:
    """Divide a text into front matter and body.

    Raise UnreadableFile where the text begins as front matter does and is not understood. Only plain YAML is
    understood (S23). A line of dashes around or above prose is not front matter.
    """
    text = text.lstrip("\ufeff")
    opening = _OPENING.match(text)
    if opening is None:
        if _JSON_OPENING.match(text):
            raise UnreadableFile("it begins like JSON front matter; only YAML between two lines of `---` is understood")
        if _begins_with_draft_fields(text):
            raise UnreadableFile("it begins like front matter of a draft, but not between two lines of `---`")
        return FrontMatter(text)
    if not opening["dashes"] or (opening["label"] or "yaml").lower() not in ("yaml", "yml"):
        raise UnreadableFile("its front matter is not YAML between two lines of `---`")
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        is_rule = len(opening["dashes"]) > len("---") or _HEADING_BELOW.match(text, opening.end())
        if is_rule and not _has_fields(text[opening.end() : MAX_LENGTH]):
            return FrontMatter(text)
        raise UnreadableFile("it begins with `---`, as front matter does, but has no second line of `---`")
    block = text[opening.end() : closing.start()]
    values = _load_yaml(block, _TextLoader)
    if isinstance(values, Mapping):
        blank_lines = _BLANK_LINES.match(text, closing.end())
        return _interpret(values, text[blank_lines.end() if blank_lines else closing.end() :])
    if isinstance(values, list | tuple | set) or _has_fields(block):
        raise UnreadableFile("its front matter is not a mapping of names to values (`title: …`)")
    return FrontMatter(text)


def _load_yaml(block: str, loader: Any) -> object:
    if len(block) > MAX_LENGTH:
        raise UnreadableFile("its front matter is too long")
    try:
        return YAMLHandler().load(block, Loader=loader)
    except yaml.YAMLError as error:
        raise UnreadableFile(f"its front matter is not YAML: {_shorten(error)}") from error
    except _VALUE_ERRORS as error:
        raise UnreadableFile(f"its front matter holds an invalid value: {_shorten(error)}") from error


def _has_fields(block: str) -> bool:
    """Return whether lines that YAML takes for prose look like fields: `draft:true`, `draft = true`, `draft true`."""
    return bool(_FIELD_LINE.search(block)) or any(map(_is_draft_line, block.splitlines()))


def _is_draft_line(line: str) -> bool:
    """Return whether a line is a key of DRAFT_KEYS, alone or with one of its values."""
    name, *values = re.findall(r"[\w-]+", line)[:3] or [""]
    words = DRAFT_KEYS.get(_normalize_key(name), {})
    return bool(words) and (not values or (len(values) == 1 and values[0].casefold() in words))


def _begins_with_draft_fields(text: str) -> bool:
    """Return whether the first paragraph is a header of fields as Pelican and MultiMarkdown have it, and of a draft.

    A single line `Draft: a word` is prose as long as the word is not one that holds a story back.
    """
    lines = list(takewhile(_is_header_line, text[:MAX_LENGTH].lstrip(_BLANK_CHARACTERS).splitlines()))
    fields = [match for line in lines if (match := _HEADER_LINE.fullmatch(line))]
    if len(fields) < len(lines):
        return False
    drafts = [_is_draft(field[1], field[2]) for field in fields]
    return True in drafts or (None in drafts and len(fields) > 1)


def _is_header_line(line: str) -> bool:
    return bool(line.strip() and line.strip(" \t-=."))


def _shorten(error: object) -> str:
    return " ".join(str(error).split())[:200]


# ── its values ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _interpret(values: Mapping[object, object], body: str) -> FrontMatter:
    names = {str(name).strip().lower(): value for name, value in values.items() if not _is_switch(name, value)}
    spare = {SPARE_SYNONYMS[name]: value for name, value in reversed(names.items()) if name in SPARE_SYNONYMS}
    renamed = spare | {SYNONYMS.get(name, name): value for name, value in reversed(names.items())}
    fields = {name: value for name, value in renamed.items() if name in FIELDS}
    fields |= {name: _read_timestamp(fields[name]) for name in _DATE_FIELDS if name in fields}
    if any(_is_draft(name, value) is True for name, value in values.items()):
        return FrontMatter(body, fields, is_draft=True)
    for name, value in values.items():
        if _is_draft(name, value) is None:
            shown = "…" if isinstance(value, list | dict | set) else _shorten(value)
            raise UnreadableFile(
                f"its front matter says `{name}: {shown}`, which is not understood, so the story is not published"
            )
    starts, ends = (_find_dates(values, keys) for keys in (_START_KEYS, _END_KEYS))
    return FrontMatter(body, fields, window=PublicationWindow(starts, ends) if starts or ends else None)


def _read_timestamp(value: object) -> object:
    """Return a date that is spelled as YAML spells dates in the spelling of ISO 8601, other values unchanged.

    Raise UnreadableFile where the calendar has no such date.
    """
    if not (isinstance(value, str) and SafeLoader.timestamp_regexp.match(value)):
        return value
    return str(_load_yaml(value, SafeLoader))


def read_typed(value: str) -> object:
    """Return what YAML makes of a scalar: a number, truth, date or None."""
    try:
        return _load_yaml(value, SafeLoader)
    except UnreadableFile:
        return value


def _is_draft(name: object, value: object) -> bool | None:
    """Return whether a field makes its story a draft; None where it is one that can and its value is not understood."""
    key, word = _normalize_key(name), _normalize_value(value)
    if key in _WEAK_KEYS:
        return _STATUS_WORDS.get(word or "", False)
    if word == "" or key not in DRAFT_KEYS.keys() | _START_KEYS | _END_KEYS:
        return False
    if word is None:
        return None
    words = DRAFT_KEYS.get(key, _NO_DATE)
    may_be_date = key not in DRAFT_KEYS or key in _KEYS_WITH_DATES
    return words.get(word, False if may_be_date and any(map(str.isnumeric, word)) else None)


def _is_switch(name: object, value: object) -> bool:
    """Return whether a field says yes or no under a name that stands for a date as well: `published: true`."""
    return _normalize_key(name) in _KEYS_WITH_DATES and _normalize_value(value) in YES_WORDS + NO_WORDS


def _find_dates(values: Mapping[object, object], keys: frozenset[str]) -> tuple[str, ...]:
    """Return the values of fields with these keys as text, without those that mean yes or no."""
    words = (_normalize_value(value) for name, value in values.items() if _normalize_key(name) in keys)
    return tuple(word for word in words if word and word not in YES_WORDS + NO_WORDS)


def _normalize_key(name: object) -> str:
    return re.sub(r"[\s_-]", "", str(name)).lower()


def _normalize_value(value: object) -> str | None:
    """Return a scalar in lower case with single spaces, empty for null; None for what is no scalar."""
    if isinstance(value, list | dict | set):
        return None
    word = " ".join(str(value).split()).casefold()
    return "" if value is None or word in NULL_WORDS else word
