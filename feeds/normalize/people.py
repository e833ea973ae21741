"""Authors: which bylines of a page name them, and single people with their addresses, each once (F22)."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from functools import lru_cache
from itertools import chain, groupby
from typing import Literal

from .. import wordlists
from ..model import Author, AuthorMark, Person, Story, replace
from ..person_names import WIDE, begins_name, is_person_name
from .links import web_url
from .text import LABEL_LIMIT, clean_label, collapse_whitespace, decode_references, strip_illegal_xml

# Every repetition is possessive or bounded, so that the time is linear in the length of a hostile byline (S15).
_EMAIL = r"[^\s@<>()\[\],;:\"]{1,64}@[^\s@<>()\[\],;:\"]{1,255}"
_ADDRESS = re.compile(_EMAIL)
_EMAIL_FIRST = re.compile(
    rf"<?(?:mailto:)?({_EMAIL})>?\s*+(?:\(([^()]*+(?:\([^()]*+\)[^()]*+)?)\)|[-–:]?\s*+([^@]*+))", re.IGNORECASE
)
_NAME_FIRST = re.compile(rf"([^<>(\[@]*+)[<(\[]\s*+(?:mailto:)?({_EMAIL})\s*+[>)\]]", re.IGNORECASE)
_BETWEEN_ADDRESSES = re.compile(r"(?<=[)>])\s*[,;]\s*")

# ── the words and signs of bylines: what holds for pages and feeds, and what for one of them ──────────────────────────

# Words before a name with which names begin, too: they are labels before two words or more.
_NAME_BEGINNINGS = frozenset(("di", "von", "par", "por", "av", "af", "door", "oleh", "od", "da"))
# Words behind a label that belong to it: `Texto de Ann Lee`.
_JOINTS = frozenset(
    ("de", "di", "da", "do", "del", "dos", "von", "av", "af", "van", "par", "por", "by", "door", "la", "el")
)
_LABEL_ROLES = ("byline", "author")
_FIRST_LABEL_ROLES = (*_LABEL_ROLES, "marked_byline")
_OTHER_FACTS = ("other_role", "source", "published", "updated", "counter")
_LABEL_SIGNS = " \t:：／/|·•-–—=＝՝៖︰｜"
_FIRST_WORD = re.compile(r"[^\s:：՝៖=＝]{1,40}")
_COLON = re.compile(r"\s{0,4}[:：／/=＝՝៖︰｜]|\s[-–—]\s")
_UNKNOWN_LABEL = re.compile(r"\s*([^\W\d_][^:：\d]{1,20}?)\s?[:：]\s?(?=\S)")
_BRACKETS = " 【】〔〕［］「」《》〈〉"
_NOTE_BEFORE = re.compile(r"\s*[\[(（［【][^\])）］】]{1,30}[\])）］】]\s*(?=\S)")
_PLACE_AND_VERB = re.compile(r"[\s／/]{1,3}[\u3400-\u9fff]{0,8}(?:報導|報道|报道|综合报道|電|电|訊|讯)\s*$")
_ACRONYM = re.compile(r"\b[^\W\d_]{3,8}\b")
_MAX_WIDE_BYLINE = 24  # letters; a longer text in an element with a class is more than names
_NICKNAME = re.compile(r"[^\W_][\w.’'-]{1,29}(?: [\w.’'-]{1,20}){0,2}")
_AND_WORDS = "and|&|und|et|y|e|en|og|och|i"
_AND = re.compile(rf"\s+(?:{_AND_WORDS})\s+")
_SEMICOLON = re.compile(r"\s*[;|·•]\s*")
_COMMA = re.compile(r"\s*,\s*(?:(?:and|&|und|et|y|e)\s+)?")
# Most names have no separator: one search spares them the rest.
_ANY_SEPARATOR = re.compile(rf"[,;|·•]|\s(?:{_AND_WORDS})\s")
_PAGE_SIGN = re.compile(r"\s*[;；|·•／/]\s*|、|・(?=\S+\s)|　")
_PAGE_COMMA = re.compile(r"\s*[,،，]\s*(?:(?:and|und|et|y|e)\s+)?")
_NOTE = re.compile(r"\s*[(\[][^)\]]*[)\]]\s*$")  # behind a name, in brackets
_NAME_SUFFIX = re.compile(
    r"(?:jr|sr|ii|iii|iv|ph\.?\s?d|m\.?d|esq|m\.?a|mba|dds|rn|d\.?phil|inc|ltd|llc|gmbh|co|corp|plc)\.?", re.IGNORECASE
)
_HOST_NAME = re.compile(r"\w\.(?:com|org|net|info|[a-z]{2})\b", re.IGNORECASE)
_JOB_ROLES = ("job", "desk")
_ORGANISATION_ROLES = ("organisation", "agency")
_NO_NAMES = frozenset(("", "-", "n/a", "none", "null", "unknown", "undefined"))
_PLACEHOLDERS = _NO_NAMES | {"noreply", "no-reply", "nobody", "anonymous@"}
_PAGE_PLACEHOLDERS = _NO_NAMES | {"admin", "administrator", "author", "web", "redaktion", "by", "von"}
_NO_REPLY = re.compile(r"(?:no-?reply|do-?not-?reply|nobody|unknown|none)@", re.IGNORECASE)
_AUTHOR_ROLES = {"author", "creator", "writer", "host", ""}

MAX_AUTHORS = 50
_MAX_BYLINE_AUTHORS = 20
_MAX_EXPLICIT_ELEMENTS = 4


# ── the authors of a page: one place of those that its parser found ─────────────────────────────────────────────────


def resolve_bylines(story: Story) -> Story:
    """Return a story whose bylines, as a page parser found them, are replaced by its authors, each a person.

    They are the persons of the best place that names any, else the organisations; `found` then names that place.
    """
    if not any(person.place for person in story.people):
        return story
    place, people = _choose_authors(story.people)
    found = {**story.found, "people": place}
    return replace(story, people=people, found={name: where for name, where in found.items() if where})


@lru_cache(maxsize=32)
def _choose_authors(candidates: tuple[Person, ...]) -> tuple[str, tuple[Person, ...]]:
    """Return the place that names the authors, and them; both empty where no place does.

    The result is cached, because a story needs it for its digest and again for its article.
    """
    publishers = {(person.name or "").casefold() for person in candidates if person.role == "publisher"}
    site_names = publishers | {name.partition(".")[0] for name in publishers}
    places: dict[str, list[Person]] = {}
    for candidate in candidates:
        if candidate.role != "publisher":
            places.setdefault(candidate.place, []).append(candidate)
    people = [(place, _split_candidates(located, _is_full_or_unmarked)) for place, located in places.items()]
    nicknames = [(place, _split_candidates(located, _is_nickname)) for place, located in places.items()]
    persons, named = (
        [(place, [person for person in row if not _is_organisation(person, site_names)]) for place, row in rows]
        for rows in (
            people,
            [(place, [person for person in row if person.mark == "explicit"]) for place, row in nicknames],
        )
    )
    place, authors = next((row for row in (*persons, *named, *people, *nicknames) if row[1]), ("", []))
    if (place, authors) in persons:  # an agency may be named beside them
        names = {person.name for person in places[place]} | wordlists.get_words("agency")
        everyone = next(row for where, row in people if where == place)
        authors = [person for person in everyone if person in authors or _is_agency(person, names, site_names)]
    return place, tuple(Person(author.name, url=author.url) for author in authors)


def _is_agency(person: Person, names: Container[str | None], site_names: set[str]) -> bool:
    """Return whether an organisation is one of these names, and is not the site itself."""
    name = (person.name or "").casefold()
    is_site = any(site and (name in site or site in name) for site in site_names)
    return person.role == "byline" and not is_site and (person.name in names or name in names)


def _split_candidates(candidates: list[Person], is_wanted: Callable[[Person], bool]) -> list[Person]:
    """Return the people that the candidates of one place name, each once.

    Of several elements the first one counts, as later ones belong to other stories; those with an explicit mark often
    name one author each, so that the next ones with it count too.
    """
    elements: list[tuple[AuthorMark, list[Person]]] = []
    for (mark, _), group in groupby(candidates, lambda candidate: (candidate.mark, candidate.element)):
        if people := [person for candidate in group for person in _split_candidate(candidate) if is_wanted(person)]:
            elements.append((mark, people))
    first_mark = elements[0][0] if elements else ""
    same_mark = [people for mark, people in elements if mark == first_mark]
    by_name: dict[str, Person] = {}
    for person in chain.from_iterable(same_mark[: _MAX_EXPLICIT_ELEMENTS if first_mark == "explicit" else 1]):
        name = person.name or ""
        by_name.setdefault(name if first_mark == "selector" else name.casefold(), person)
    return list(by_name.values())[: None if first_mark == "selector" else _MAX_BYLINE_AUTHORS]


def _split_candidate(candidate: Person) -> list[Person]:
    """Return the people that one candidate names."""
    text = _ADDRESS.sub(" ", candidate.name or "").strip()
    if candidate.mark in ("class", "link") and len(text) > _MAX_WIDE_BYLINE and WIDE.search(text):
        return []
    names = split_names(text, "byline") if candidate.role == "byline" else [text]
    url = candidate.url if len(names) == 1 else None
    return [replace(candidate, name=name, url=url) for name in names]


def _is_full_or_unmarked(person: Person) -> bool:
    """Return whether a candidate has a full name, which a marked element of a page must have."""
    return person.mark in ("", "selector") or _is_name(person.name or "")


def _is_nickname(person: Person) -> bool:
    """Return whether an element that says plainly that it is the author's holds one short name."""
    name = person.name or ""
    if person.mark not in ("explicit", "class") or not _NICKNAME.fullmatch(name) or WIDE.search(name):
        return False
    return not (name.isupper() and len(name) < 6) and not _is_label(name)


def _is_label(name: str) -> bool:
    return wordlists.match_start(name, *_LABEL_ROLES, *_OTHER_FACTS) == len(name)


def _is_organisation(person: Person, site_names: set[str]) -> bool:
    """Return whether a candidate is a newsroom, an agency or the site; a name that a selector takes is a person's."""
    if person.role != "byline" or person.mark == "selector":
        return person.role == "organisation"
    name = person.name or ""
    return name.casefold() in site_names or _names_organisation(name)


def _is_name(name: str) -> bool:
    return is_person_name(name) and not (WIDE.search(name) and _is_label(name))


# ── the authors of an article: clean, each once ─────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=512)
def select_authors(people: tuple[Person, ...], *bases: str | None) -> tuple[Author, ...]:
    """Return the authors among the people, split into single people, each once; contributors are no authors.

    The result is cached, because the same few people write most of a feed.
    """
    authors: dict[str, Author] = {}
    for person in people:
        if person.role in _AUTHOR_ROLES:
            for author in _split_person(person, bases):
                name = author.name.casefold()
                authors[name] = _merge_authors(authors[name], author) if name in authors else author
    return tuple(list(authors.values())[:MAX_AUTHORS])


def _merge_authors(first: Author, second: Author) -> Author:
    return replace(
        first,
        url=first.url or second.url,
        email=first.email or second.email,
        avatar=first.avatar or second.avatar,
    )


def _split_person(person: Person, bases: tuple[str | None, ...]) -> Iterator[Author]:
    byline = collapse_whitespace(strip_illegal_xml(decode_references((person.name or "")[:LABEL_LIMIT])))
    parts = _BETWEEN_ADDRESSES.split(byline) if byline.count("@") > 1 else [byline]
    if len(parts) > 1:
        yield from (author for part in parts[:MAX_AUTHORS] for author in _split_person(Person(part), bases))
        return
    name, email = _name_and_email(byline, person.email)
    names = split_names(name, "author") if name else []
    url, avatar = web_url(person.url, *bases), web_url(person.avatar, *bases)
    if len(names) > 1:
        yield from map(Author, names)
    elif names and names[0].casefold() not in _PLACEHOLDERS:
        yield Author(names[0], url, email, avatar)
    elif email and not _NO_REPLY.match(email):
        yield Author(email, url, email, avatar)
    elif url:
        yield Author(url, url, None, avatar)


def _name_and_email(byline: str, email: str | None) -> tuple[str, str | None]:
    """Return the name without the e-mail address in it, and the address, that of `email` first."""
    match = _ADDRESS.search(email[:LABEL_LIMIT]) if email else None
    address = clean_label(match[0].removeprefix("mailto:")) if match else None
    if "@" not in byline:
        return clean_label(byline) if "<" in byline else byline, address
    match = _NAME_FIRST.fullmatch(byline)
    if match:
        return clean_label(match[1].strip(" \"'")), address or clean_label(match[2])
    match = _EMAIL_FIRST.fullmatch(byline)
    if match:
        return clean_label((match[2] or match[3] or "").strip(" \"'")), address or clean_label(match[1])
    return clean_label(byline), address


# ── the names in one text ───────────────────────────────────────────────────────────────────────────────────────────


def split_names(text: str, role: Literal["byline", "author"]) -> list[str]:
    """Return the single names in a text.

    In the `byline` of a page every comma splits, and what does not look like a name behind it is a job, a place or a
    paper and is dropped. The `author` of a feed may be `Smith, John` or a firm, so that commas and `and` split it only
    where every part is a full name.
    """
    if role == "byline":
        return _split_byline(text)
    return _split_author(_strip_label(text, is_feed=True))


def _split_byline(text: str) -> list[str]:
    text = collapse_whitespace(text[:LABEL_LIMIT])  # the patterns below try each of many spaces
    if WIDE.search(text):
        text = _PLACE_AND_VERB.sub("", _NOTE_BEFORE.sub("", text.strip(_BRACKETS), count=1))
    text = _cut_other_facts(_strip_unknown_label(_strip_label(text, is_feed=False))).strip(" ,.:;|–—-•")
    parts: list[str] = []
    for group in (part for sign_part in _PAGE_SIGN.split(text) for part in _compile_and().split(sign_part)):
        members = [part for part in _PAGE_COMMA.split(group) if part]
        if parts and members and members[0][0].islower() and _is_job_or_place(members[0], parts[0]):
            continue
        parts += [part for index, part in enumerate(members) if index == 0 or not _is_job_or_place(part, members[0])]
    return [name for part in parts if (name := _clean_name(part))][:_MAX_BYLINE_AUTHORS]


@lru_cache(maxsize=1)
def _compile_and() -> re.Pattern[str]:
    """Return a pattern of the words between two names; single ones in lower case: `Y` is the initial of a name."""
    texts = sorted(wordlists.get_words("and"))
    words = [re.escape(text) for text in texts if " " not in text]
    phrases = [re.escape(text) for text in texts if " " in text]
    return re.compile(rf"\s(?:{'|'.join(words)}|(?i:{'|'.join(phrases)}))\s")


@lru_cache(maxsize=1)
def _get_first_words() -> frozenset[str]:
    return frozenset(wordlists.fold_case(word).split()[0] for word in wordlists.get_words(*_FIRST_LABEL_ROLES))


def _strip_label(text: str, *, is_feed: bool) -> str:
    """Return a byline without the words before its names; from a feed only where they can be no part of a name."""
    for _ in range(2):  # `Text: Von …`
        text = text.lstrip(None if is_feed else _LABEL_SIGNS)  # some feeds have `/u/name`
        first = _FIRST_WORD.match(wordlists.fold_case(text[:40]))
        if not first or not (first[0] in _get_first_words() or WIDE.match(text)):  # spares most names the patterns
            return text
        length = wordlists.match_start(text, *(_LABEL_ROLES if is_feed else _FIRST_LABEL_ROLES))
        if not length or not _is_label_of(text[:length], text[length:], is_feed=is_feed):
            return text
        text = text[length:].lstrip(_LABEL_SIGNS)
        joint, _, rest = text.partition(" ")
        if not is_feed and joint in _JOINTS and len(rest.split()) >= 2:
            text = rest.lstrip()
    return text


def _strip_unknown_label(text: str) -> str:
    """Return the byline of a page without the words before its first colon, if they name no other fact."""
    match = _UNKNOWN_LABEL.match(text)
    if not match or len(match[1].split()) > 3 or wordlists.has_word(text, *_OTHER_FACTS):
        return text
    return text[match.end() :]


def _is_label_of(label: str, rest: str, *, is_feed: bool) -> bool:
    """Return whether a word at the beginning of a byline is a label rather than a part of the name behind it."""
    word, count = wordlists.fold_case(label), len(rest.split())
    if _COLON.match(rest):
        return True
    if word not in wordlists.get_words("byline"):  # a noun, such as `author`, `text`
        return WIDE.match(label) is not None or (not is_feed and count >= 2)
    if word == "by" or word.endswith(" by"):
        return count >= 1
    if is_feed:
        return not label[0].islower() and count >= 2
    return count >= 1 and (count >= 2 or label[0].islower() or word not in _NAME_BEGINNINGS)


def _cut_other_facts(text: str) -> str:
    """Return a byline without the other facts of its line (editor, source …); a further author begins a new part."""
    parts, position, is_author = [], 0, True
    if ":" not in text and "：" not in text and not WIDE.search(text):
        return text
    for label in wordlists.find_labels(text, *_LABEL_ROLES, *_OTHER_FACTS):
        if not (WIDE.match(text, label.start) or _COLON.match(text, label.end)):
            continue
        part = text[position : label.start].strip(_LABEL_SIGNS)
        is_paper = bool(WIDE.match(text[label.start - 1 : label.start]) and WIDE.match(text[label.end : label.end + 1]))
        if is_author and not is_paper:  # as in `新华社记者李小明`
            parts.append(part)
        position, is_author = label.end, label.role in _LABEL_ROLES
    return ";".join((*parts, text[position:] if is_author else ""))


def _is_job_or_place(part: str, first: str) -> bool:
    """Return whether a part behind a comma is a job, a place or a paper: all that does not look like a name."""
    words = part.split()
    if part.casefold() in wordlists.get_words("agency"):
        return False
    has_acronym = not first.isupper() and any(map(str.isupper, _ACRONYM.findall(part)))
    if wordlists.has_word(part, *_JOB_ROLES) or _names_organisation(part) or has_acronym:
        return True
    return not (
        2 <= len(words) <= 4 and len(first.split()) >= 2 and all(begins_name(word) or len(word) < 4 for word in words)
    )


def _names_organisation(text: str) -> bool:
    return wordlists.has_word(text, *_ORGANISATION_ROLES) or _HOST_NAME.search(text) is not None


def _clean_name(text: str) -> str:
    """Return a name of a byline without what surrounds it; an empty string where it is no name."""
    name = _NOTE.sub("", _strip_label(text, is_feed=False)).strip(f" ,.:;|–—-/•\"'*：{_BRACKETS}")
    name = _strip_lower_case(name)
    if len(name) < 2 or len(name) > 80 or len(name.split()) > 7 or name.casefold() in _PAGE_PLACEHOLDERS:
        return ""
    if "http" in name or "www." in name or "@" in name or not any(char.isalpha() for char in name):
        return ""
    return name


def _strip_lower_case(text: str) -> str:
    """Return a name without the job before it and the verb behind it: `onze redacteur Ann Lee`, `Ayşe Yılmaz yazdı`.

    A text that would not leave two words of a name stays as it is.
    """
    words = text.split()
    if len(words) < 3 or not any(map(_is_lower_case, words)):
        return text
    first = next((index + 1 for index, word in enumerate(words) if wordlists.has_word(word, "job")), 0)
    if not all(map(_is_lower_case, words[: max(first - 1, 0)])):
        first = 0
    name = words[first : -1 if _is_lower_case(words[-1]) else None]
    return " ".join(name) if sum(map(begins_name, name)) >= 2 and is_person_name(" ".join(name)) else text


def _is_lower_case(word: str) -> bool:
    """Return whether a word is no part of a name, as it is in lower case and no small word within names."""
    return word[:1].islower() and not begins_name(word) and word not in wordlists.get_words("name_particle")


def _split_author(text: str) -> list[str]:
    if not _ANY_SEPARATOR.search(text):
        return [text]
    if _SEMICOLON.search(text):
        names = [name for part in _SEMICOLON.split(text) if part for name in _split_author(part)]
        return [name for name in names if not _names_organisation(name)] or names
    parts = _join_suffixes([part for part in _COMMA.split(text) if part])
    if len(parts) > 1 and _is_full_name(parts[0]):
        parts = [part for part in parts if not wordlists.has_word(part, "job")]
    names = [name for part in parts for name in _AND.split(part) if name]
    return names if len(names) <= MAX_AUTHORS and all(map(_is_full_name, names)) else [text]


def _join_suffixes(parts: list[str]) -> list[str]:
    """Join `John Smith` and `Jr.` again."""
    joined: list[str] = []
    for part in parts:
        if joined and _NAME_SUFFIX.fullmatch(part):
            joined[-1] += f", {part}"
        else:
            joined.append(part)
    return joined


def _is_full_name(name: str) -> bool:
    """Return whether a name has two to five words and is no organisation: `Smith` may be half of `Smith, John`."""
    words = name.partition(",")[0].split()
    return 2 <= len(words) <= 5 and not _names_organisation(name) and not any(char.isdigit() for char in name)
