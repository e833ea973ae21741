"""The dates of a story page, published and updated, completed with the time and zone found elsewhere on it.

A date of the last update is never the date of publication.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml import etree

from ..own_stories import plain_text
from . import boilerplate, json_ld
from .html_tree import HIDDEN_TAGS, Element, WebPage, get_text

# Countries with one time zone, or where nearly all live in one; a name without a continent is in Europe.
COUNTRY_TIMEZONES = {
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
# Country-code domains that sites of any country use.
GENERIC_TLDS = frozenset(("co", "io", "ai", "me", "tv", "eu", "cc", "is", "fm", "ly", "am", "so", "to"))
# The country whose press a language stands for.
LANGUAGE_COUNTRIES = {
    "bg": "bg", "cs": "cz", "da": "dk", "de": "de", "el": "gr", "et": "ee", "fi": "fi", "fr": "fr", "he": "il",
    "hr": "hr", "hu": "hu", "it": "it", "ja": "jp", "ko": "kr", "lt": "lt", "lv": "lv", "nb": "no", "nl": "nl",
    "nn": "no", "no": "no", "pl": "pl", "ro": "ro", "ru": "ru", "sk": "sk", "sl": "si", "sr": "rs", "sv": "se",
    "th": "th", "tr": "tr", "uk": "ua", "vi": "vn", "zu": "za", "xh": "za", "af": "za", "is": "is", "ka": "ge",
    "hy": "am", "fa": "ir",
}  # fmt: skip
PUBLISHED_META = (
    "article:published_time", "article:published", "og:published_time", "og:article:published_time", "datepublished",
    "parsely-pub-date", "sailthru.date", "article_date_original", "originalpublicationdate", "dc.date.issued",
    "dcterms.issued", "dcterms.created", "dc.date.created", "dc.date", "dcterms.date", "pubdate", "publishdate",
    "publish-date", "publish_date", "publication_date", "published_at", "published", "datecreated",
    "cxenseparse:recs:publishtime", "cxenseparse:publishtime", "iso-8601-publish-date", "citation_publication_date",
    "article.published", "article.created", "displaydate", "date",
)  # fmt: skip
UPDATED_META = (
    "article:modified_time", "article:modified", "og:updated_time", "og:modified_time", "datemodified",
    "dcterms.modified", "dc.date.modified", "lastmod", "last-modified", "article.updated", "revised", "moddate",
)  # fmt: skip
JSON_LD_KEYS = {"published": ("datePublished", "dateCreated", "uploadDate"), "updated": ("dateModified",)}
META_NAMES = {"published": PUBLISHED_META, "updated": UPDATED_META}
ITEMPROP_FIELDS = {"datepublished": "published", "datecreated": "published", "datemodified": "updated"}
CLASS_FIELDS = {
    "dt-published": "published",
    "published": "published",
    "entry-date": "published",
    "dt-updated": "updated",
    "updated": "updated",
}
UPDATE_WORDS = re.compile(
    r"updat|modif|revis|edit|aktuali[sz]|geändert|mis\s+à\s+jour|màj|actuali[sz]|modificad|atualiza|aggiorn|bijgewerkt|gewijzigd|oppdater|uppdater|opdater"
    r"|päivitetty|zaktualizow|обновл|güncelle|更新|수정|cập\s*nhật|atnaujin",
    re.I,
)
ISO_DATE = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)(?:[T ]+(\d\d:\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s*(Z|[+-]\d\d:?(?:\d\d)?)?)?\s*\Z", re.I
)
DATE_PATTERN = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\d年")
CLOCK_PATTERN = re.compile(r"\b\d{1,2}[:.h時시]\s?\d\d|\b\d{1,2}\s?[ap]\.?m\b|\d時", re.I)
TIMEZONE_SUFFIX = re.compile(r"\b(?:[A-Z]{3,4}|Z|GMT|UTC|[+-]\d\d:?\d\d)\)?\s*\Z")
CLOCK_SUFFIX = re.compile(r"[\s,]*(?:uhr|hrs)?[\s.)]*\Z", re.I)
URL_DATE = re.compile(r"/((?:19|20)\d\d)[/-]([01]\d)[/-]([0-3]\d)(?=[/_-])")
DATE_WORDS = frozenset(
    (
        "date", "time", "published", "pubdate", "publish", "posted", "timestamp", "datum", "datetime", "fecha",
        "data", "tarih",
    )
)  # fmt: skip
MAX_DATE_LENGTH = 100
UTC_OFFSETS = ("Z", "+00:00", "+0000")


@dataclass(frozen=True, slots=True)
class DateMark:
    """A date on the page: its text, and where it was found."""

    text: str
    where: str


def find_dates(page: WebPage, story: json_ld.JsonLdNode, region: Element, timezone: str) -> dict[str, DateMark]:
    """Return the dates `published` and `updated`, with zones where they can be known.

    `timezone` is the source's setting; the site's own zone is guessed only where that is UTC.
    """
    marks: dict[str, list[DateMark]] = {"published": [], "updated": []}
    for find in (_find_in_head, _find_in_body):
        for field, mark in find(page, story, region):
            if (len(mark.text) <= MAX_DATE_LENGTH and DATE_PATTERN.search(mark.text)) or mark.text.isdigit():
                marks[field].append(mark)
        if any(match and match[4] for mark in marks["published"] if (match := ISO_DATE.match(mark.text))):
            break  # the instant is known: the body need not be searched
    texts = [mark.text for field_marks in marks.values() for mark in field_marks]
    site_timezone = None if timezone != "UTC" else guess_timezone(page.url, page.language, page.meta_value("og:locale"))
    dates = {field: _complete(field_marks, texts, site_timezone) for field, field_marks in marks.items() if field_marks}
    if "published" not in dates and (match := URL_DATE.search(urlsplit(page.url).path)):
        dates["published"] = DateMark("-".join(match.groups()), "address")
    return dates


def guess_timezone(url: str, *languages: str | None) -> str | None:
    """Return the IANA name of a site's time zone, from its domain or languages; None where it may be anywhere."""
    tld = (urlsplit(url).hostname or "").rpartition(".")[2]
    countries = [tld] if tld not in GENERIC_TLDS else []
    for tag in languages:
        language, _, subtags = (tag or "").lower().replace("_", "-").partition("-")
        country = next((subtag for subtag in subtags.split("-") if len(subtag) == 2), "")
        countries += [country] if country else [LANGUAGE_COUNTRIES.get(language, "")]
    name = next((COUNTRY_TIMEZONES[country] for country in countries if country in COUNTRY_TIMEZONES), None)
    return name if name is None or "/" in name else f"Europe/{name}"


def get_date_text(element: Element) -> str:
    """Return the date of an element: that of an attribute where it has one, else its text."""
    for name in ("datetime", "content", "title", "data-datetime"):
        if (value := (element.get(name) or "").strip()) and any(char.isdigit() for char in value):
            return value
    return get_text(element)[: MAX_DATE_LENGTH + 1]


def is_update_date(element: Element) -> bool:
    """Return whether the element, or the words just before it, speak of an update."""
    parent = element.getparent()
    previous = element.getprevious()
    texts = [element.get("class"), element.get("itemprop"), element.get("id"), element.get("title"), get_text(element)]
    if previous is not None:
        texts += [previous.tail, get_text(previous)[-60:] if previous.tag != "time" else None]
    elif parent is not None:
        texts += [parent.text, parent.get("class")]
    return any(UPDATE_WORDS.search(text) for text in texts if text)


# ── candidates, the most reliable first ─────────────────────────────────────────────────────────────────────────────


def _find_in_head(page: WebPage, story: json_ld.JsonLdNode, region: Element) -> Iterator[tuple[str, DateMark]]:
    yield from _find_in_json_ld(story, "json-ld")
    for field, names in META_NAMES.items():
        for name in names:
            yield from ((field, DateMark(value, f"meta {name}")) for value in page.meta.get(name, ())[:1])


def _find_in_body(page: WebPage, story: json_ld.JsonLdNode, region: Element) -> Iterator[tuple[str, DateMark]]:
    yield from _find_marked(region)
    for node in page.json_ld.page_nodes():
        yield from _find_in_json_ld(node, "json-ld page")
    yield from _find_time_elements(region)
    yield from _find_in_text(region)


def _find_in_json_ld(node: json_ld.JsonLdNode, where: str) -> Iterator[tuple[str, DateMark]]:
    for field, keys in JSON_LD_KEYS.items():
        for key in keys:
            if text := json_ld.as_text(node.get(key)):
                yield field, DateMark(text.strip(), f"{where} {key}")


def _find_marked(region: Element) -> Iterator[tuple[str, DateMark]]:
    """Yield the dates marked as microdata, h-entry or hAtom."""
    for element in _iter_visible(region):
        attributes = element.attrib
        for name in (attributes.get("itemprop") or "").lower().split():
            if name in ITEMPROP_FIELDS and (text := get_date_text(element)):
                yield ITEMPROP_FIELDS[name], DateMark(text, f"itemprop {name}")
        if element.tag in ("time", "abbr", "data") or "dt-" in (attributes.get("class") or ""):
            for name in (attributes.get("class") or "").split():
                if name in CLASS_FIELDS and (text := get_date_text(element)):
                    yield CLASS_FIELDS[name], DateMark(text, f"class {name}")


def _find_time_elements(region: Element) -> Iterator[tuple[str, DateMark]]:
    """Yield the dates of the first `time` elements, those with `pubdate` before the others."""
    elements = [element for element in _iter_visible(region) if element.tag == "time"][:6]
    for element in sorted(elements, key=lambda element: element.get("pubdate") is None):
        if text := get_date_text(element):
            yield ("updated" if is_update_date(element) else "published"), DateMark(text, "time")


def _find_in_text(region: Element) -> Iterator[tuple[str, DateMark]]:
    """Yield date lines such as `Last updated: …`, and short texts whose class or id says that they are dates."""
    for element in _iter_visible(region):
        if (
            element.tag not in ("p", "div", "span", "li", "small", "em", "i", "td", "b", "strong", "font")
            or len(element) > 4
        ):
            continue
        text = get_text(element)
        if not 6 <= len(text) <= MAX_DATE_LENGTH or not DATE_PATTERN.search(text):
            continue
        if date_line := plain_text.split_date_stamp(text):
            yield from ((field, DateMark(date, "stamp")) for field, date in date_line[1].items())
        elif _is_named_date(element) and sum(char.isdigit() for char in text) >= 5:
            is_update = UPDATE_WORDS.search(text) or is_update_date(element)
            yield ("updated" if is_update else "published"), DateMark(text, "date")


def _is_named_date(element: Element) -> bool:
    names = boilerplate.split_names(element.get("class")) | boilerplate.split_names(element.get("id"))
    return not DATE_WORDS.isdisjoint(names)


def _iter_visible(region: Element) -> Iterator[Element]:
    walk = etree.iterwalk(region, events=("start",))
    for _, element in walk:
        if (
            element.tag in HIDDEN_TAGS
            or element.tag in ("nav", "footer", "aside")
            or boilerplate.is_other_list(element)
        ):
            walk.skip_subtree()
        else:
            yield element


# ── the exact instant ───────────────────────────────────────────────────────────────────────────────────────────────


def _complete(marks: list[DateMark], texts: list[str], site_timezone: str | None) -> DateMark:
    """Return the first date, completed with the time of day, the seconds and the zone that others add to it.

    `marks` are the dates of one field, `texts` those of all fields.
    """
    first = marks[0]
    match = ISO_DATE.match(first.text)
    if match is None:
        return DateMark(_add_site_timezone(first.text, site_timezone), first.where)
    day, clock, _, zone = match.groups()
    others = [other for other in map(ISO_DATE.match, texts) if other]
    if clock is None:
        same_day = next(
            (other for mark in marks if (other := ISO_DATE.match(mark.text)) and other[1] == day and other[2]), None
        )
        return DateMark(_add_timezone(same_day, others, site_timezone), first.where) if same_day else first
    if zone is None:
        return DateMark(_add_timezone(match, others, site_timezone), first.where)
    if zone.upper() not in UTC_OFFSETS:
        return first
    # `Z` is often written behind a local time: another zone beside the same clock is more reliable.
    offsets = (other[4] for other in others if (other[1], other[2]) == (day, clock) and other[4])
    offset = next((offset for offset in offsets if offset.upper() not in UTC_OFFSETS), None)
    return DateMark(f"{first.text.strip()[: -len(zone)]}{offset}", first.where) if offset else first


def _add_timezone(match: re.Match[str], others: list[re.Match[str]], site_timezone: str | None) -> str:
    """Return a date and clock with the zone beside it elsewhere on the page, else with that of the site."""
    text = match[0].strip()
    if match[4]:
        return text
    for other in others:
        if other[4] and (other[1], other[2]) == (match[1], match[2]):
            return f"{text}{other[4]}"
    for other in others:
        if other[4] and other[2] and _is_same_instant(match, other):
            return other[0].strip()
    return f"{text} {site_timezone}" if site_timezone else text


def _is_same_instant(naive: re.Match[str], zoned: re.Match[str]) -> bool:
    """Return whether two clocks of one month agree in minutes and seconds: one instant in two zones."""
    if naive[3] is None or naive[3] != zoned[3] or naive[3] == "00":
        return False
    return naive[1][:7] == zoned[1][:7] and naive[2][3:] == zoned[2][3:]


def _add_site_timezone(text: str, site_timezone: str | None) -> str:
    """Return a date in words with the zone of the site, where it has a clock and no zone."""
    if text.isdigit() or not site_timezone or not CLOCK_PATTERN.search(text) or TIMEZONE_SUFFIX.search(text):
        return text
    return f"{CLOCK_SUFFIX.sub('', text)} {site_timezone}"
