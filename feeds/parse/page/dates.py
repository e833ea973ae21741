"""When a story was published and when it was changed: the exact instant, put together from all that tells of it.

A stamp of the last update is never the date of publication.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml import etree

from ..own_stories import plain_text
from . import boilerplate, json_ld
from .html_tree import HIDDEN, Element, WebPage, words_of

# Countries of one zone, or where nearly all live in one.
COUNTRIES = {
    "ad": "Andorra", "at": "Vienna", "ba": "Sarajevo", "be": "Brussels", "bg": "Sofia", "by": "Minsk",
    "ch": "Zurich", "cz": "Prague", "de": "Berlin", "dk": "Copenhagen", "ee": "Tallinn", "es": "Madrid",
    "fi": "Helsinki", "fr": "Paris", "gb": "London", "uk": "London", "gr": "Athens", "hr": "Zagreb",
    "hu": "Budapest", "ie": "Dublin", "it": "Rome", "li": "Vaduz", "lt": "Vilnius", "lu": "Luxembourg", "lv": "Riga",
    "mt": "Malta", "nl": "Amsterdam", "no": "Oslo", "pl": "Warsaw", "pt": "Lisbon", "ro": "Bucharest",
    "rs": "Belgrade", "ru": "Moscow", "se": "Stockholm", "si": "Ljubljana", "sk": "Bratislava", "tr": "Istanbul",
    "ua": "Kyiv", "ae": "Asia/Dubai", "am": "Asia/Yerevan", "az": "Asia/Baku", "bd": "Asia/Dhaka",
    "cn": "Asia/Shanghai", "ge": "Asia/Tbilisi", "hk": "Asia/Hong_Kong", "il": "Asia/Jerusalem",
    "in": "Asia/Kolkata", "ir": "Asia/Tehran", "is": "Atlantic/Reykjavik", "jp": "Asia/Tokyo", "kr": "Asia/Seoul",
    "lk": "Asia/Colombo", "my": "Asia/Kuala_Lumpur", "np": "Asia/Kathmandu", "ph": "Asia/Manila",
    "pk": "Asia/Karachi", "sa": "Asia/Riyadh", "sg": "Asia/Singapore", "th": "Asia/Bangkok", "tw": "Asia/Taipei",
    "vn": "Asia/Ho_Chi_Minh", "id": "Asia/Jakarta", "bw": "Africa/Gaborone", "dz": "Africa/Algiers",
    "eg": "Africa/Cairo", "et": "Africa/Addis_Ababa", "gh": "Africa/Accra", "ke": "Africa/Nairobi",
    "ma": "Africa/Casablanca", "na": "Africa/Windhoek", "ng": "Africa/Lagos", "sn": "Africa/Dakar",
    "tn": "Africa/Tunis", "tz": "Africa/Dar_es_Salaam", "ug": "Africa/Kampala", "za": "Africa/Johannesburg",
    "zw": "Africa/Harare", "ar": "America/Buenos_Aires", "bo": "America/La_Paz", "br": "America/Sao_Paulo",
    "cl": "America/Santiago", "co": "America/Bogota", "cr": "America/Costa_Rica", "cu": "America/Havana",
    "do": "America/Santo_Domingo", "mx": "America/Mexico_City", "pe": "America/Lima", "uy": "America/Montevideo",
    "ve": "America/Caracas", "nz": "Pacific/Auckland",
}  # fmt: skip
# Endings of names that belong to no country although they look so.
GENERIC = frozenset(("co", "io", "ai", "me", "tv", "eu", "cc", "is", "fm", "ly", "am", "so", "to"))
# Languages of one country's press.
LANGUAGES = {
    "bg": "bg", "cs": "cz", "da": "dk", "de": "de", "el": "gr", "et": "ee", "fi": "fi", "fr": "fr", "he": "il",
    "hr": "hr", "hu": "hu", "it": "it", "ja": "jp", "ko": "kr", "lt": "lt", "lv": "lv", "nb": "no", "nl": "nl",
    "nn": "no", "no": "no", "pl": "pl", "ro": "ro", "ru": "ru", "sk": "sk", "sl": "si", "sr": "rs", "sv": "se",
    "th": "th", "tr": "tr", "uk": "ua", "vi": "vn", "zu": "za", "xh": "za", "af": "za", "is": "is", "ka": "ge",
    "hy": "am", "fa": "ir",
}  # fmt: skip


def zone_of(url: str, *languages: str | None) -> str | None:
    """The name of the zone in the time zone database; none where a site may be anywhere."""
    ending = (urlsplit(url).hostname or "").rpartition(".")[2]
    countries = [ending] if ending not in GENERIC else []
    for language in languages:
        first, _, rest = (language or "").lower().replace("_", "-").partition("-")
        region = next((part for part in rest.split("-") if len(part) == 2), "")
        countries += [region] if region else [LANGUAGES.get(first, "")]
    found = next((COUNTRIES[country] for country in countries if country in COUNTRIES), None)
    return found if found is None or "/" in found else f"Europe/{found}"


# ── When a story was published and when it was changed: the exact instant, put together from all that tells of it ─────


PUBLISHED = (
    "article:published_time", "article:published", "og:published_time", "og:article:published_time", "datepublished",
    "parsely-pub-date", "sailthru.date", "article_date_original", "originalpublicationdate", "dc.date.issued",
    "dcterms.issued", "dcterms.created", "dc.date.created", "dc.date", "dcterms.date", "pubdate", "publishdate",
    "publish-date", "publish_date", "publication_date", "published_at", "published", "datecreated",
    "cxenseparse:recs:publishtime", "cxenseparse:publishtime", "iso-8601-publish-date", "citation_publication_date",
    "article.published", "article.created", "displaydate", "date",
)  # fmt: skip
UPDATED = (
    "article:modified_time", "article:modified", "og:updated_time", "og:modified_time", "datemodified",
    "dcterms.modified", "dc.date.modified", "lastmod", "last-modified", "article.updated", "revised", "moddate",
)  # fmt: skip
KEYS = {"published": ("datePublished", "dateCreated", "uploadDate"), "updated": ("dateModified",)}
METAS = {"published": PUBLISHED, "updated": UPDATED}
ITEMPROPS = {"datepublished": "published", "datecreated": "published", "datemodified": "updated"}
CLASSES = {
    "dt-published": "published",
    "published": "published",
    "entry-date": "published",
    "dt-updated": "updated",
    "updated": "updated",
}
CHANGED = re.compile(
    r"updat|modif|revis|edit|aktuali[sz]|geändert|mis\s+à\s+jour|màj|actuali[sz]|modificad|atualiza|aggiorn|bijgewerkt|gewijzigd|oppdater|uppdater|opdater"
    r"|päivitetty|zaktualizow|обновл|güncelle|更新|수정|cập\s*nhật|atnaujin",
    re.I,
)
ISO = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)(?:[T ]+(\d\d:\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s*(Z|[+-]\d\d:?(?:\d\d)?)?)?\s*\Z", re.I
)
DATED = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\d年")
CLOCK = re.compile(r"\b\d{1,2}[:.h時시]\s?\d\d|\b\d{1,2}\s?[ap]\.?m\b|\d時", re.I)
ZONED = re.compile(r"\b(?:[A-Z]{3,4}|Z|GMT|UTC|[+-]\d\d:?\d\d)\)?\s*\Z")
ENDING = re.compile(r"[\s,]*(?:uhr|hrs)?[\s.)]*\Z", re.I)
IN_ADDRESS = re.compile(r"/((?:19|20)\d\d)[/-]([01]\d)[/-]([0-3]\d)(?=[/_-])")
DATE_NAMES = frozenset(
    (
        "date", "time", "published", "pubdate", "publish", "posted", "timestamp", "datum", "datetime", "fecha",
        "data", "tarih",
    )
)  # fmt: skip
LONGEST = 100
UTC_SIGNS = ("Z", "+00:00", "+0000")


@dataclass(frozen=True, slots=True)
class DateMark:
    """One telling of a date: the text, and where it was found."""

    text: str
    where: str


def find(page: WebPage, story: json_ld.JsonLdNode, region: Element | None, home: str = "UTC") -> dict[str, DateMark]:
    """`published` and `updated`, with zones where they can be known; `home` is the zone the operator gave."""
    told: dict[str, list[DateMark]] = {"published": [], "updated": []}
    for tell in (_of_head, _of_page):
        for field, stamp in tell(page, story, region if region is not None else page.root):
            if (len(stamp.text) <= LONGEST and DATED.search(stamp.text)) or stamp.text.isdigit():
                told[field].append(stamp)
        if any(match and match[4] for stamp in told["published"] if (match := ISO.match(stamp.text))):
            break  # the instant is known: the page need not be searched
    everything = [stamp.text for stamps in told.values() for stamp in stamps]
    site = None if home != "UTC" else zone_of(page.url, page.language, page.says("og:locale"))
    found = {field: _exact(stamps, everything, site) for field, stamps in told.items() if stamps}
    if "published" not in found and (match := IN_ADDRESS.search(urlsplit(page.url).path)):
        found["published"] = DateMark("-".join(match.groups()), "address")
    return found


# ── what is told, best place first ──────────────────────────────────────────────────────────────────────────────────


def _of_head(page: WebPage, story: json_ld.JsonLdNode, region: Element) -> Iterator[tuple[str, DateMark]]:
    yield from _of_data(story, "json-ld")
    for field, names in METAS.items():
        for name in names:
            yield from ((field, DateMark(value, f"meta {name}")) for value in page.meta.get(name, ())[:1])


def _of_page(page: WebPage, story: json_ld.JsonLdNode, region: Element) -> Iterator[tuple[str, DateMark]]:
    yield from _of_marks(region)
    for node in page.data.pages():
        yield from _of_data(node, "json-ld page")
    yield from _of_times(region)
    yield from _of_words(region)


def _of_data(node: json_ld.JsonLdNode, where: str) -> Iterator[tuple[str, DateMark]]:
    for field, keys in KEYS.items():
        for key in keys:
            if text := json_ld.text(node.get(key)):
                yield field, DateMark(text.strip(), f"{where} {key}")


def _of_marks(region: Element) -> Iterator[tuple[str, DateMark]]:
    """Microdata, h-entry and hAtom."""
    for element in _visible(region):
        attributes = element.attrib
        for prop in (attributes.get("itemprop") or "").lower().split():
            if prop in ITEMPROPS and (text := value_of(element)):
                yield ITEMPROPS[prop], DateMark(text, f"itemprop {prop}")
        if element.tag in ("time", "abbr", "data") or "dt-" in (attributes.get("class") or ""):
            for name in (attributes.get("class") or "").split():
                if name in CLASSES and (text := value_of(element)):
                    yield CLASSES[name], DateMark(text, f"class {name}")


def _of_times(region: Element) -> Iterator[tuple[str, DateMark]]:
    """The first `time` that does not say of itself that it tells of a change."""
    times = [element for element in _visible(region) if element.tag == "time"][:6]
    for element in sorted(times, key=lambda one: one.get("pubdate") is None):
        if text := value_of(element):
            yield ("updated" if tells_of_change(element) else "published"), DateMark(text, "time")


def _of_words(region: Element) -> Iterator[tuple[str, DateMark]]:
    """Stamps in words, and short texts whose name says that they are dates."""
    for element in _visible(region):
        if (
            element.tag not in ("p", "div", "span", "li", "small", "em", "i", "td", "b", "strong", "font")
            or len(element) > 4
        ):
            continue
        words = words_of(element)
        if not 6 <= len(words) <= LONGEST or not DATED.search(words):
            continue
        if taken := plain_text.split_date_stamp(words):
            yield from ((field, DateMark(date, "stamp")) for field, date in taken[1].items())
        elif _is_named_date(element) and sum(char.isdigit() for char in words) >= 5:
            yield (
                ("updated" if CHANGED.search(words) or tells_of_change(element) else "published"),
                DateMark(words, "date"),
            )


def _is_named_date(element: Element) -> bool:
    return not DATE_NAMES.isdisjoint(boilerplate.names(element.get("class")) | boilerplate.names(element.get("id")))


def tells_of_change(element: Element) -> bool:
    """Whether the element, or the words just before it, speak of an update."""
    parent = element.getparent()
    before = element.getprevious()
    near = [element.get("class"), element.get("itemprop"), element.get("id"), element.get("title"), words_of(element)]
    if before is not None:
        near += [before.tail, words_of(before)[-60:] if before.tag != "time" else None]
    elif parent is not None:
        near += [parent.text, parent.get("class")]
    return any(CHANGED.search(text) for text in near if text)


def _visible(region: Element) -> Iterator[Element]:
    walk = etree.iterwalk(region, events=("start",))
    for _, element in walk:
        if (
            element.tag in HIDDEN
            or element.tag in ("nav", "footer", "aside")
            or boilerplate.is_of_other_stories(element)
        ):
            walk.skip_subtree()
        else:
            yield element


def value_of(element: Element) -> str:
    """The date of an element: for machines where it has one, else its words."""
    for name in ("datetime", "content", "title", "data-datetime"):
        if (value := (element.get(name) or "").strip()) and any(char.isdigit() for char in value):
            return value
    return words_of(element)[: LONGEST + 1]


# ── the exact instant ───────────────────────────────────────────────────────────────────────────────────────────────


def _exact(stamps: list[DateMark], everything: list[str], site: str | None) -> DateMark:
    """The first telling, with what others add to it: the time of day, the seconds, the zone."""
    first = stamps[0]
    match = ISO.match(first.text)
    if match is None:
        return DateMark(_in_words(first.text, site), first.where)
    day, clock, _, zone = match.groups()
    others = [other for other in map(ISO.match, everything) if other]
    if clock is None:
        same_day = [one for one in map(ISO.match, (stamp.text for stamp in stamps)) if one and one[1] == day and one[2]]
        return DateMark(_zoned(same_day[0], others, site), first.where) if same_day else first
    if zone is not None and zone.upper() not in UTC_SIGNS:
        return first
    if zone is not None:  # `Z` is often put behind a local time: another zone for the same clock knows better
        local = next(
            (
                one[4]
                for one in others
                if (one[1], one[2]) == (day, clock) and one[4] and one[4].upper() not in UTC_SIGNS
            ),
            None,
        )
        return DateMark(f"{first.text.strip()[: -len(zone)]}{local}", first.where) if local else first
    return DateMark(_zoned(match, others, site), first.where)


def _zoned(match: re.Match[str], others: list[re.Match[str]], site: str | None) -> str:
    """A clock with the zone that goes with it elsewhere on the page, else with that of the site."""
    text = match[0].strip()
    if match[4]:
        return text
    for other in others:
        if other[4] and (other[1], other[2]) == (match[1], match[2]):
            return f"{text}{other[4]}"
    for other in others:
        if other[4] and other[2] and _is_same_instant(match, other):
            return other[0].strip()
    return f"{text} {site}" if site else text


def _is_same_instant(naive: re.Match[str], zoned: re.Match[str]) -> bool:
    """Whether two clocks of one day differ by whole hours only and to the second: one moment in two zones."""
    if naive[3] is None or naive[3] != zoned[3] or naive[3] == "00":
        return False
    return naive[1][:7] == zoned[1][:7] and naive[2][3:] == zoned[2][3:]


def _in_words(text: str, site: str | None) -> str:
    """A date in words; where it has a clock and no zone, that of the site is added."""
    if text.isdigit() or not site or not CLOCK.search(text) or ZONED.search(text):
        return text
    return f"{ENDING.sub('', text)} {site}"


def found(stamps: Mapping[str, DateMark]) -> dict[str, str]:
    """Where each date was found."""
    return {field: stamp.where for field, stamp in stamps.items()}
