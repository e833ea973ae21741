"""Who wrote a story: every person named as its author, or the organisation where no person is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from lxml import etree

from ...model import Person
from . import boilerplate, json_ld
from .html_tree import HIDDEN, LONGEST_ADDRESS, Element, WebPage, joined, squeezed, words_of

METAS = (
    "author", "article:author", "dc.creator", "dcterms.creator", "dc.contributor.author", "parsely-author",
    "sailthru.author", "byl", "cxenseparse:author", "dcsext.author", "articleauthor", "article:author_name",
    "citation_author", "citation_authors",
)  # fmt: skip
LEAD = re.compile(
    r"\A\W*(?:(?:written|posted|published|reported|words|story|text|article|reporting)?\s*\bby\b\s*:?|author[s]?\s*:|autor(?:en|in|es)?\s*:"
    r"|(?:ein\s+\w+\s+|eine\s+\w+\s+|text\s*:?\s*)?\bvon\b|text\s*:|par\b|por\b|door\b|di\b|av\b|af\b|przez\b|yazar\s*:|haber\s*:|автор(?:ы)?\s*:|текст\s*:"
    r"|文[:：／/]\s*|記者[:：]|聞き手・)\s*",
    re.I,
)
AND = re.compile(r"\s+(?:and|&|und|et|y|e|en|og|och|ja|i|ve|и|и|und\s+von)\s+|\s*[;|·•／/]\s*|、|・(?=\S+\s)")
COMMA = re.compile(r"\s*[,،，]\s*(?:(?:and|und|et|y|e)\s+)?")
JOB = re.compile(
    r"\b(?:editor|reporter|correspondent|writer|staff|journalist|columnist|contributor|producer|author|photographer|analyst|critic|chief|freelance"
    r"|head|bureau|desk|redakteur\w*|redaktion\w*|korrespondent\w*|autor\w*|chef\w*|journalistin?|volont[äa]r\w*|reporterin|rédact\w+|journaliste"
    r"|envoy[ée]\w*|correspondant\w*|redactor\w*|periodista|corresponsal|redattore|giornalista|redacteur|verslaggever|correspondent|journalista?"
    r"|dziennikar\w+|muhabir\w*|editör\w*|profesor\w*|universit\w+|professor|director|lecturer|fellow|expert|manager|deputy|senior|associate"
    r"|doc\.|prof\.?|live|news|politics|sports?|health|business|science|technology|money|royal|showbiz|world|digital|international)\b",
    re.I,
)
ORGANISATION = re.compile(
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
NOBODY = frozenset(
    (
        "", "admin", "administrator", "author", "unknown", "none", "null", "n/a", "undefined", "web", "redaktion",
        "by", "von", "-",
    )
)  # fmt: skip
MARKS = frozenset(
    (
        "author", "authors", "byline", "bylines", "autor", "autoren", "auteur", "writer", "yazar", "muhabir",
        "contributor", "skribent",
    )
)  # fmt: skip
NAMING = ("class", "data-testid", "id")
PROFILE = re.compile(
    r"/(?:authors?|autor(?:en|es|as|a|i)?|auteurs?|profiles?|people|staff|journalists?|redakteure?|reporter|contributors?|by|byline|person(?:en)?|yazar(?:lar)?"
    r"|muhabir|correspondents?|team|firma|skribent|redactie|autorzy|autorius|journalist|writers?|user)/[^/?#]{3,}",
    re.I,
)
PARTICLES = frozenset(
    (
        "de", "del", "della", "di", "da", "do", "dos", "du", "van", "von", "der", "den", "zu", "la", "le", "el",
        "al", "bin", "ter", "y", "af", "av",
    )
)  # fmt: skip
MANY = 20
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Byline:
    """The authors, and where they were found."""

    people: tuple[Person, ...] = ()
    where: str = ""


def find(page: WebPage, story: json_ld.JsonLdNode) -> Byline:
    """Persons first, from the best place that names any; else the organisation of the best place."""
    places: tuple[tuple[str, Callable[[], Iterable[Person]]], ...] = (
        ("json-ld author", lambda: _of_data(page, story)),
        ("byline", lambda: _of_marks(page)),
        ("meta author", lambda: _of_head(page)),
    )
    told: list[Byline] = []
    for where, read in places:
        found = Byline(_distinct(read()), where)
        told.append(found)
        persons = tuple(person for person in found.people if not is_organisation(person, page))
        if persons:
            return Byline(persons, found.where)
    best = next((found for found in told if found.people), Byline())
    return Byline(tuple(replace(person, role="author") for person in best.people), best.where)


def looks_like_a_person(name: str) -> bool:
    """Two to five words that begin like names; what marks of a page say is believed only then."""
    words = name.split()
    if not 2 <= len(words) <= 5 or any(sign in name for sign in ":!?/|") or any(char.isdigit() for char in name):
        return False
    return all(word[:1].isupper() or word.lower() in PARTICLES or word[1:2].isupper() for word in words)


def is_organisation(person: Person, page: WebPage) -> bool:
    """Whether a name is that of a newsroom, an agency or the site, not of a person."""
    name = person.name or ""
    if person.role == "organisation" or ORGANISATION.search(name):
        return True
    site = (page.site or "").casefold()
    return bool(site) and name.casefold() in (site, site.partition(".")[0])


def names_in(text: str) -> list[str]:
    """The names in a byline: `By A and B`, without jobs."""
    text = LEAD.sub("", squeezed(text)[: 4 * LONGEST]).strip(" ,.:;|–—-\u2022")
    found: list[str] = []
    for part in AND.split(text):
        commas = [one for one in COMMA.split(part) if one]
        found += [one for at, one in enumerate(commas) if at == 0 or not _is_job(one, commas[0])]
    return [name for one in found if (name := _name(one))][:MANY]


def _is_job(part: str, first: str) -> bool:
    """What stands behind a comma: a job, a place or a paper, unless it looks just like another name."""
    words = part.split()
    if JOB.search(part) or ORGANISATION.search(part):
        return True
    return not (
        2 <= len(words) <= 4 and len(first.split()) >= 2 and all(word[:1].isupper() or len(word) < 4 for word in words)
    )


def _name(text: str) -> str:
    name = re.sub(r"\s*[(\[][^)\]]*[)\]]\s*$", "", LEAD.sub("", text)).strip(" ,.:;|–—-/\u2022\"'*")
    if len(name) < 2 or len(name) > 80 or len(name.split()) > 7 or name.casefold() in NOBODY:
        return ""
    if "http" in name or "www." in name or "@" in name or not any(char.isalpha() for char in name):
        return ""
    return name


def _distinct(people: Iterable[Person]) -> tuple[Person, ...]:
    found: dict[str, Person] = {}
    for person in people:
        found.setdefault((person.name or "").casefold(), person)
        if len(found) >= MANY:
            break
    return tuple(found.values())


# ── what data say ───────────────────────────────────────────────────────────────────────────────────────────────────


def _of_data(page: WebPage, story: json_ld.JsonLdNode) -> Iterator[Person]:
    for key in ("author", "creator"):
        values = [page.data.resolved(value) for value in json_ld.several(story.get(key))[:MANY]]
        for value in values:
            yield from _of_value(value)
        if any(values):
            return


def _of_value(value: object) -> Iterator[Person]:
    node: json_ld.JsonLdNode = value if isinstance(value, dict) else {}
    role = "organisation" if json_ld.types(node) & json_ld.ORGANISATIONS else "author"
    told = node.get("name") if node else value
    for name in json_ld.several(told)[:MANY]:
        text = json_ld.text(name)
        if not text and node.get("givenName"):
            text = f"{json_ld.text(node.get('givenName'))} {json_ld.text(node.get('familyName')) or ''}"
        names = [text] if role == "organisation" and text else names_in(text or "")
        for one in names:
            yield Person(one, url=_web(json_ld.text(node.get("url"))) if len(names) == 1 else None, role=role)


def _web(address: str | None) -> str | None:
    return address if address and address.startswith(("http://", "https://")) else None


def _of_head(page: WebPage) -> Iterator[Person]:
    for name in METAS:
        for value in page.meta.get(name, ()):
            if not NOT_A_NAME.search(value):
                yield from (Person(one) for one in names_in(value))
    label, value = page.says("twitter:label1") or "", page.says("twitter:data1") or ""
    if value and not any(char.isdigit() for char in label + value) and len(value) < 60:
        yield from (Person(one) for one in names_in(value))


# ── what the page shows ─────────────────────────────────────────────────────────────────────────────────────────────


def _of_marks(page: WebPage) -> Iterator[Person]:
    """Names marked as authors, those of the first mark that has any: later ones belong to other stories."""
    marks: list[tuple[int, list[Person]]] = []
    for element in _marked(page.root):
        people = [person for person in _named(element, page.base) if looks_like_a_person(person.name or "")]
        if people:
            marks.append((_rank(element), people))
    for rank in (3, 2, 1):
        ranked = [people for one, people in marks if one == rank]
        if ranked:
            yield from ranked[0]
            for people in ranked[1:4]:
                yield from people if rank == 3 else ()
            return


def _marked(root: Element) -> Iterator[Element]:
    """Elements that name authors: near the headline and after it, not in lists of other stories."""
    walk = etree.iterwalk(root, events=("start",))
    count = 0
    for _, element in walk:
        if (
            element.tag in HIDDEN
            or element.tag in ("nav", "footer", "aside", "head", "figure", "figcaption")
            or boilerplate.is_of_other_stories(element)
        ):
            walk.skip_subtree()
        elif _rank(element):
            count += 1
            yield element
            walk.skip_subtree()
        if count > MANY:
            return


def _rank(element: Element) -> int:
    """How plainly an element is marked as naming the author; 0 where it is not."""
    attributes = element.attrib
    if "author" in (attributes.get("rel") or "").split() or (attributes.get("itemprop") or "") in ("author", "creator"):
        return 3
    if any(not MARKS.isdisjoint(boilerplate.names(attributes[name])) for name in NAMING if name in attributes):
        return 2
    if element.tag == "a" and PROFILE.search(_path(attributes.get("href") or "")):
        return 1
    return 0


def _path(address: str) -> str:
    try:
        return urlsplit(address[:LONGEST_ADDRESS]).path
    except ValueError:
        return ""


def _named(element: Element, base: str) -> Iterator[Person]:
    """The persons that a marked element names: those of its links to them, else its words."""
    for inner in element.iter(etree.Element):
        if (inner.get("itemprop") or "") == "name" and (name := inner.get("content") or words_of(inner)):
            yield from (Person(one) for one in names_in(name))
            return
    links = [one for one in element.iter("a") if PROFILE.search(_path(one.get("href") or "")) or one is element]
    named = [(link, words_of(link)) for link in links]
    found = [(link, words) for link, words in named if 3 < len(words) < 60 and not NOT_A_NAME.search(words)]
    if found:
        for link, words in found:
            url = joined(base, link.get("href") or "")
            names = names_in(words)
            yield from (Person(one, url=url if len(names) == 1 else None) for one in names)
        return
    words = element.get("content") or words_of(element)
    if 3 < len(words) < LONGEST and not NOT_A_NAME.search(words):
        yield from (Person(one) for one in names_in(words) if len(one.split()) > 1)
