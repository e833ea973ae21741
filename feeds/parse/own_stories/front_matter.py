"""Front matter: where it begins and ends, what it says by our names, and whether it holds its story back.

What begins as front matter never becomes text: where it cannot be understood to its end, the file is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

# The library lets YAML's own error through; YAML itself belongs to config.
from frontmatter.default_handlers import YAMLHandler, yaml  # type: ignore[attr-defined]

from ...model import PublicationWindow

FIELDS = frozenset(
    ("id", "title", "date", "updated", "author", "tags", "image", "draft", "summary", "language", "link", "enclosure")
)
# The word a writer used → ours.
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
PREAMBLE = 65_536

# ── words that hold a story back ────────────────────────────────────────────────────────────────────────────────────

YES = ("true", "yes", "y", "on", "1", "t")
NO = ("false", "no", "n", "off", "0", "f")
# What a key may say → whether that holds the story back. Any other word is not understood.
_HELD_BY_YES = {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}
_HELD_BY_NO = {word: not held for word, held in _HELD_BY_YES.items()}
_NO_DATE = dict.fromkeys(NO, False)
_STATES = {
    **dict.fromkeys(("publish", "published", "public", "live", "posted", "sent", "active", "final", "done"), False),
    **dict.fromkeys(("approved", "complete", "completed"), False),
    **dict.fromkeys(("draft", "auto-draft", "private", "password", "pending", "future", "scheduled", "hidden"), True),
    **dict.fromkeys(("unpublished", "unlisted", "inactive", "skip", "trash", "deleted", "archived", "inherit"), True),
    **dict.fromkeys(("withdrawn", "rejected", "expired", "embargo", "embargoed", "idea", "todo", "wip"), True),
    **dict.fromkeys(("review", "in review", "in-review", "in progress", "in-progress", "not published"), True),
}
# A key, in lower case and without what divides its words (`post_status`, `postStatus`) → the words it may say.
FLAGS: Mapping[str, Mapping[str, bool]] = {
    **dict.fromkeys(("draft", "isdraft", "private", "hidden", "unlisted", "unpublished"), _HELD_BY_YES),
    **dict.fromkeys(("published", "ispublished", "publish", "public"), _HELD_BY_NO),
    **dict.fromkeys(("status", "poststatus", "publishstatus", "visibility"), _STATES),
}
# These name a day as often as they say yes or no: a story is not held back by a day, but by a later one in `publish`.
_ALSO_DATES = frozenset(("published", "publish"))
_STARTS = frozenset(
    ("publishdate", "pubdate", "publish", "publishat", "publishon", "publishfrom", "publishedat", "publisheddate")
) | {"embargo", "embargountil", "embargoeduntil"}
_ENDS = frozenset(
    ("expirydate", "expiry", "expiredate", "expirationdate", "expire", "expires", "expiresat", "expireson")
) | {"unpublishdate", "unpublishat", "unpublishon"}

# ── where it begins and ends ────────────────────────────────────────────────────────────────────────────────────────

_BREAKS = r"\n\r\x85\u2028\u2029"
_BLANKS = rf"(?:[^\S{_BREAKS}]|[\ufeff\u200b\u2060])*"
_LINE_END = rf"{_BLANKS}(?:(?=[{_BREAKS}])|\Z)"
_BEFORE = r"[\s\ufeff\u200b\u2060]*"  # blank first lines, and byte order marks wherever they were put together
_OPENING = re.compile(
    rf"{_BEFORE}(?:(?P<dashes>-{{3,}}){_BLANKS}(?P<label>ya?ml|toml|json5?|js)?(?:{_BLANKS}\#[^{_BREAKS}]*)?|\+{{3,}}|;{{3,}})"
    rf"{_LINE_END}",
    re.I,
)
_JSON_OPENING = re.compile(
    rf"{_BEFORE}\{{(?:{_LINE_END}|\s*\"[^\"{_BREAKS}]*\"\s*:"
    rf"|\s*(?:{'|'.join(sorted(FIELDS | SYNONYMS.keys() | FLAGS.keys()))})\s*:)",
    re.I,
)
# YAML's end of a document closes it as well, as Pandoc and Jekyll have it.
_CLOSING = re.compile(rf"(?:^|(?<=[{_BREAKS}]))(?:-{{3,}}|\.{{3}}){_LINE_END}", re.M)
_BLANK_LINES = re.compile(r"\s*$", re.M)
_FIELD_LINE = re.compile(rf"(?:^|(?<=[{_BREAKS}]))[^\w{_BREAKS}]*[^\W\d][\w-]*[\"']?\s*[:=](?!//)", re.M)
# What building values out of YAML raises for a day that does not exist, a tag whose text does not fit it, and the like.
_UNBUILT = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class Unreadable(Exception):
    """Why one file is no story."""


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What stands above a text, by our names.

    `held` says that it holds the story back whatever the time is; `window` is when it lets the story be published.
    """

    body: str
    values: Mapping[str, object] = field(default_factory=dict)
    held: bool = False
    window: PublicationWindow | None = None


def read_front_matter(text: str) -> FrontMatter:
    """Divide a text into front matter and body; Unreadable where it begins as front matter and is not understood.

    Only plain YAML is understood (S23). A rule of dashes around or above prose is no front matter.
    """
    text = text.lstrip("\ufeff")
    opening = _OPENING.match(text)
    if opening is None:
        if _JSON_OPENING.match(text):
            raise Unreadable("it begins as JSON front matter does; only YAML between two lines of `---` is understood")
        return FrontMatter(text)
    if not opening["dashes"] or (opening["label"] or "yaml").lower() not in ("yaml", "yml"):
        raise Unreadable("its front matter is not YAML between two lines of `---`")
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        if len(opening["dashes"]) > len("---") and not _has_fields(text[opening.end() : PREAMBLE]):
            return FrontMatter(text)
        raise Unreadable("it begins with `---`, as front matter does, and no second line of `---` ends that")
    block = text[opening.end() : closing.start()]
    values = _loaded(block)
    if isinstance(values, Mapping):
        rest = _BLANK_LINES.match(text, closing.end())
        return _understood(values, text[rest.end() if rest else closing.end() :])
    if isinstance(values, list | tuple | set) or _has_fields(block):
        raise Unreadable("its front matter is no list of names with their values (`title: …`)")
    return FrontMatter(text)


def _loaded(block: str) -> object:
    if len(block) > PREAMBLE:
        raise Unreadable("its front matter is too long")
    try:
        return YAMLHandler().load(block)
    except yaml.YAMLError as error:
        raise Unreadable(f"its front matter is not YAML: {_shortly(error)}") from error
    except _UNBUILT as error:
        raise Unreadable(f"its front matter holds a value that cannot be: {_shortly(error)}") from error


def _has_fields(block: str) -> bool:
    """Whether lines that YAML takes for prose look like fields: `draft:true`, `draft = true`, `draft true`, `draft`."""
    return bool(_FIELD_LINE.search(block)) or any(map(_is_flag, block.splitlines()))


def _is_flag(line: str) -> bool:
    name, *said = re.findall(r"[\w-]+", line)[:3] or [""]
    words = FLAGS.get(_folded(name), {})
    return bool(words) and (not said or (len(said) == 1 and said[0].casefold() in words))


def _shortly(error: object) -> str:
    return " ".join(str(error).split())[:200]


# ── what it says ────────────────────────────────────────────────────────────────────────────────────────────────────


def _understood(values: Mapping[object, object], body: str) -> FrontMatter:
    names = {str(name).strip().lower(): value for name, value in values.items()}
    ours = {SYNONYMS.get(name, name): value for name, value in reversed(names.items())}
    told = {name: value for name, value in ours.items() if name in FIELDS}
    if any(_holds(name, value) is True for name, value in values.items()):
        return FrontMatter(body, told, held=True)
    for name, value in values.items():
        if _holds(name, value) is None:
            shown = _shortly(value) if isinstance(value, str | int | float) else "…"
            raise Unreadable(f"its front matter says `{name}: {shown}`, which is not understood, so it is held back")
    starts, ends = (_dates(values, keys) for keys in (_STARTS, _ENDS))
    return FrontMatter(body, told, window=PublicationWindow(starts, ends) if starts or ends else None)


def _holds(name: object, value: object) -> bool | None:
    """Whether a field holds its story back; None where it should say so and is not understood."""
    key, word = _folded(name), _word(value)
    if word == "" or key not in FLAGS.keys() | _STARTS | _ENDS:
        return False
    if word is None:
        return None
    words = FLAGS.get(key, _NO_DATE)
    names_date = key not in FLAGS or key in _ALSO_DATES
    return words.get(word, False if names_date and any(map(str.isnumeric, word)) else None)


def _dates(values: Mapping[object, object], keys: frozenset[str]) -> tuple[str, ...]:
    """What fields with these keys say, as text; a word for no says nothing."""
    words = (_word(value) for name, value in values.items() if _folded(name) in keys)
    return tuple(word for word in words if word and word not in YES + NO)


def _folded(name: object) -> str:
    return re.sub(r"[\s_-]", "", str(name)).lower()


def _word(value: object) -> str | None:
    """A scalar as a folded word, empty where nothing is said; None for what is no scalar."""
    if value is None:
        return ""
    return " ".join(str(value).split()).casefold() if isinstance(value, str | int | float | date) else None
