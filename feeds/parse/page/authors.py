"""The authors of a story page: every person named as one, or the organisation where no person is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from lxml import etree

from ...model import Person
from . import boilerplate, json_ld
from .html_tree import HIDDEN_TAGS, MAX_URL_LENGTH, Element, WebPage, collapse_spaces, get_path, get_text, resolve_url

META_NAMES = (
    "author", "article:author", "dc.creator", "dcterms.creator", "dc.contributor.author", "parsely-author",
    "sailthru.author", "byl", "cxenseparse:author", "dcsext.author", "articleauthor", "article:author_name",
    "citation_author", "citation_authors",
)  # fmt: skip
BYLINE_PREFIX = re.compile(
    r"\A\W*(?:(?:written|posted|published|reported|words|story|text|article|reporting)?\s*\bby\b\s*:?|author[s]?\s*:|autor(?:en|in|es)?\s*:"
    r"|(?:ein\s+\w+\s+|eine\s+\w+\s+|text\s*:?\s*)?\bvon\b|text\s*:|par\b|por\b|door\b|di\b|av\b|af\b|przez\b|yazar\s*:|haber\s*:|автор(?:ы)?\s*:|текст\s*:"
    r"|文[:：／/]\s*|記者[:：]|聞き手・)\s*",
    re.I,
)
NAME_SEPARATOR = re.compile(
    r"\s+(?:and|&|und|et|y|e|en|og|och|ja|i|ve|и|и|und\s+von)\s+|\s*[;|·•／/]\s*|、|・(?=\S+\s)"
)
COMMA = re.compile(r"\s*[,،，]\s*(?:(?:and|und|et|y|e)\s+)?")
JOB_TITLE = re.compile(
    r"\b(?:editor|reporter|correspondent|writer|staff|journalist|columnist|contributor|producer|author|photographer|analyst|critic|chief|freelance"
    r"|head|bureau|desk|redakteur\w*|redaktion\w*|korrespondent\w*|autor\w*|chef\w*|journalistin?|volont[äa]r\w*|reporterin|rédact\w+|journaliste"
    r"|envoy[ée]\w*|correspondant\w*|redactor\w*|periodista|corresponsal|redattore|giornalista|redacteur|verslaggever|correspondent|journalista?"
    r"|dziennikar\w+|muhabir\w*|editör\w*|profesor\w*|universit\w+|professor|director|lecturer|fellow|expert|manager|deputy|senior|associate"
    r"|doc\.|prof\.?|live|news|politics|sports?|health|business|science|technology|money|royal|showbiz|world|digital|international)\b",
    re.I,
)
ORGANISATION_NAME = re.compile(
    r"\b(?:news|press|agency|agencia|agence|agentur|staff|team|desk|redaktion\w*|redacción|rédaction|redactie|redazione|redakcja|redaksjonen|redaktionen|editorial|editors?"
    r"|reuters|afp|dpa|ap|efe|ansa|tass|xinhua|bloomberg|associated|online|zeitung|times|post|daily|journal|magazine|media|tv|radio|group|newsroom|network"
    r"|university|institute|foundation|association|ajansı|ajans|haber|gazete\w*|web|digital|service|inc|ltd|gmbh|le\s+monde|with|and\s+agencies|agencies|admin\w*|guest)\b"
    r"|新聞|デジタル|通信|編集部|Web|日報|뉴스|일보|기자단|\.(?:com|org|net|de|fr|it|es|co|tr|be|nl|pl|lt|no|se|uk|at|ch|eu|vn|za|jp|kr|ru|online)\b",
    re.I,
)
NOT_A_NAME = re.compile(
    r"https?:|www\.|@|\d{2}|[<>{}=_]|\b(?:min(?:ute)?s?\s+read|updated|published|comments?|share|follow|read|view|more|about|profile|posts|photo|foto|image|bild)\b",
    re.I,
)
NON_NAMES = frozenset(
    (
        "", "admin", "administrator", "author", "unknown", "none", "null", "n/a", "undefined", "web", "redaktion",
        "by", "von", "-",
    )
)  # fmt: skip
AUTHOR_WORDS = frozenset(
    (
        "author", "authors", "byline", "bylines", "autor", "autoren", "auteur", "writer", "yazar", "muhabir",
        "contributor", "skribent",
    )
)  # fmt: skip
NAME_ATTRIBUTES = ("class", "data-testid", "id")
PROFILE_PATH = re.compile(
    r"/(?:authors?|autor(?:en|es|as|a|i)?|auteurs?|profiles?|people|staff|journalists?|redakteure?|reporter|contributors?|by|byline|person(?:en)?|yazar(?:lar)?"
    r"|muhabir|correspondents?|team|firma|skribent|redactie|autorzy|autorius|journalist|writers?|user)/[^/?#]{3,}",
    re.I,
)
NAME_PARTICLES = frozenset(
    (
        "de", "del", "della", "di", "da", "do", "dos", "du", "van", "von", "der", "den", "zu", "la", "le", "el",
        "al", "bin", "ter", "y", "af", "av",
    )
)  # fmt: skip
MAX_AUTHORS = 20
MAX_BYLINE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Byline:
    """The authors of a story, and where they were found."""

    people: tuple[Person, ...] = ()
    where: str = ""


def find_authors(page: WebPage, story: json_ld.JsonLdNode) -> Byline:
    """Return the persons from the best place that names any, else the organisation of the best place."""
    places: tuple[tuple[str, Callable[[], Iterable[Person]]], ...] = (
        ("json-ld author", lambda: _find_in_json_ld(page, story)),
        ("byline", lambda: _find_marked(page)),
        ("meta author", lambda: _find_in_meta(page)),
    )
    bylines: list[Byline] = []
    for where, find in places:
        byline = Byline(_deduplicate(find()), where)
        bylines.append(byline)
        persons = tuple(person for person in byline.people if not _is_organisation(person, page))
        if persons:
            return Byline(persons, where)
    best = next((byline for byline in bylines if byline.people), Byline())
    return Byline(tuple(replace(person, role="author") for person in best.people), best.where)


def is_person_name(name: str) -> bool:
    """Return whether a name is two to five words that begin like names."""
    words = name.split()
    if not 2 <= len(words) <= 5 or any(sign in name for sign in ":!?/|") or any(char.isdigit() for char in name):
        return False
    return all(word[:1].isupper() or word.lower() in NAME_PARTICLES or word[1:2].isupper() for word in words)


def _is_organisation(person: Person, page: WebPage) -> bool:
    """Return whether a name is that of a newsroom, an agency or the site, not of a person."""
    name = person.name or ""
    if person.role == "organisation" or ORGANISATION_NAME.search(name):
        return True
    site_name = (page.site_name or "").casefold()
    return bool(site_name) and name.casefold() in (site_name, site_name.partition(".")[0])


def parse_byline(text: str) -> list[str]:
    """Return the names in a byline such as `By A and B, Staff Writer`, without job titles."""
    text = BYLINE_PREFIX.sub("", collapse_spaces(text)[: 4 * MAX_BYLINE_LENGTH]).strip(" ,.:;|–—-\u2022")
    parts: list[str] = []
    for group in NAME_SEPARATOR.split(text):
        members = [part for part in COMMA.split(group) if part]
        parts += [part for index, part in enumerate(members) if index == 0 or not _is_job_title(part, members[0])]
    return [name for part in parts if (name := _clean_name(part))][:MAX_AUTHORS]


def _is_job_title(part: str, first: str) -> bool:
    """Return whether a part behind a comma is a job, a place or a paper: all that does not look like a name."""
    words = part.split()
    if JOB_TITLE.search(part) or ORGANISATION_NAME.search(part):
        return True
    return not (
        2 <= len(words) <= 4 and len(first.split()) >= 2 and all(word[:1].isupper() or len(word) < 4 for word in words)
    )


def _clean_name(text: str) -> str:
    name = re.sub(r"\s*[(\[][^)\]]*[)\]]\s*$", "", BYLINE_PREFIX.sub("", text)).strip(" ,.:;|–—-/\u2022\"'*")
    if len(name) < 2 or len(name) > 80 or len(name.split()) > 7 or name.casefold() in NON_NAMES:
        return ""
    if "http" in name or "www." in name or "@" in name or not any(char.isalpha() for char in name):
        return ""
    return name


def _deduplicate(people: Iterable[Person]) -> tuple[Person, ...]:
    by_name: dict[str, Person] = {}
    for person in people:
        by_name.setdefault((person.name or "").casefold(), person)
        if len(by_name) >= MAX_AUTHORS:
            break
    return tuple(by_name.values())


# ── in JSON-LD and meta elements ────────────────────────────────────────────────────────────────────────────────────


def _find_in_json_ld(page: WebPage, story: json_ld.JsonLdNode) -> Iterator[Person]:
    for key in ("author", "creator"):
        values = [page.json_ld.resolve(value) for value in json_ld.as_list(story.get(key))[:MAX_AUTHORS]]
        for value in values:
            yield from _parse_author(value)
        if any(values):
            return


def _parse_author(value: object) -> Iterator[Person]:
    """Yield the persons of a value of `author`: a node or a text, with one name or several."""
    node: json_ld.JsonLdNode = value if isinstance(value, dict) else {}
    role = "organisation" if json_ld.get_types(node) & json_ld.ORGANISATION_TYPES else "author"
    url = json_ld.as_text(node.get("url")) or ""
    for name in json_ld.as_list(node.get("name") if node else value)[:MAX_AUTHORS]:
        text = json_ld.as_text(name)
        if not text and node.get("givenName"):
            text = f"{json_ld.as_text(node.get('givenName'))} {json_ld.as_text(node.get('familyName')) or ''}"
        names = [text] if role == "organisation" and text else parse_byline(text or "")
        is_profile = len(names) == 1 and url.startswith(("http://", "https://"))
        yield from (Person(name, url=url if is_profile else None, role=role) for name in names)


def _find_in_meta(page: WebPage) -> Iterator[Person]:
    for name in META_NAMES:
        for value in page.meta.get(name, ()):
            if not NOT_A_NAME.search(value):
                yield from map(Person, parse_byline(value))
    label, value = page.meta_value("twitter:label1") or "", page.meta_value("twitter:data1") or ""
    if value and not any(char.isdigit() for char in label + value) and len(value) < 60:
        yield from map(Person, parse_byline(value))


# ── in the visible page ─────────────────────────────────────────────────────────────────────────────────────────────


def _find_marked(page: WebPage) -> Iterator[Person]:
    """Yield the persons of the first element of the best rank: later ones belong to other stories.

    Elements of rank 3 often name one author each, so the persons of the next three are added.
    """
    ranked: dict[int, list[list[Person]]] = {}
    for element in _iter_author_elements(page.root):
        people = [
            person for person in _parse_author_element(element, page.base_url) if is_person_name(person.name or "")
        ]
        if people:
            ranked.setdefault(_rank_author_element(element), []).append(people)
    if ranked:
        rank = max(ranked)
        for people in ranked[rank][: 4 if rank == 3 else 1]:
            yield from people


def _iter_author_elements(root: Element) -> Iterator[Element]:
    """Yield the elements that name authors, except in lists of other stories."""
    walk = etree.iterwalk(root, events=("start",))
    count = 0
    for _, element in walk:
        if (
            element.tag in HIDDEN_TAGS
            or element.tag in ("nav", "footer", "aside", "head", "figure", "figcaption")
            or boilerplate.is_other_list(element)
        ):
            walk.skip_subtree()
        elif _rank_author_element(element):
            count += 1
            yield element
            walk.skip_subtree()
        if count > MAX_AUTHORS:
            return


def _rank_author_element(element: Element) -> int:
    """Return how plainly an element is marked as naming the author, 3 to 1; 0 where it is not."""
    attributes = element.attrib
    if "author" in (attributes.get("rel") or "").split() or (attributes.get("itemprop") or "") in ("author", "creator"):
        return 3
    names = (boilerplate.split_names(attributes[name]) for name in NAME_ATTRIBUTES if name in attributes)
    if any(not AUTHOR_WORDS.isdisjoint(words) for words in names):
        return 2
    return 1 if element.tag == "a" and _is_profile_link(element) else 0


def _is_profile_link(anchor: Element) -> bool:
    return PROFILE_PATH.search(get_path((anchor.get("href") or "")[:MAX_URL_LENGTH])) is not None


def _parse_author_element(element: Element, base_url: str) -> Iterator[Person]:
    """Yield the persons that an element names: those of its links to profiles, else its text."""
    for inner in element.iter(etree.Element):
        if (inner.get("itemprop") or "") == "name" and (text := inner.get("content") or get_text(inner)):
            yield from map(Person, parse_byline(text))
            return
    anchors = [anchor for anchor in element.iter("a") if anchor is element or _is_profile_link(anchor)]
    texts = [(anchor, get_text(anchor)) for anchor in anchors]
    profiles = [(anchor, text) for anchor, text in texts if 3 < len(text) < 60 and not NOT_A_NAME.search(text)]
    for anchor, text in profiles:
        url = resolve_url(base_url, anchor.get("href") or "")
        names = parse_byline(text)
        yield from (Person(name, url=url if len(names) == 1 else None) for name in names)
    if profiles:
        return
    text = element.get("content") or get_text(element)
    if 3 < len(text) < MAX_BYLINE_LENGTH and not NOT_A_NAME.search(text):
        yield from (Person(name) for name in parse_byline(text) if len(name.split()) > 1)
