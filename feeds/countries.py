"""The country of a site, told by its address or its language, and the time zone there."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

# Domains of countries that sites of any country use.
GENERIC_TLDS = frozenset(("co", "io", "ai", "me", "tv", "eu", "cc", "is", "fm", "ly", "am", "so", "to"))
_OTHER_NAMES = {"uk": "GB"}
# Countries with one time zone, or where nearly all live in one; a name without a continent is in Europe.
COUNTRY_TIMEZONES = {
    "ad": "Andorra", "at": "Vienna", "ba": "Sarajevo", "be": "Brussels", "bg": "Sofia", "by": "Minsk",
    "ch": "Zurich", "cz": "Prague", "de": "Berlin", "dk": "Copenhagen", "ee": "Tallinn", "es": "Madrid",
    "fi": "Helsinki", "fr": "Paris", "gb": "London", "gr": "Athens", "hr": "Zagreb",
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
# The country whose press a language stands for.
LANGUAGE_COUNTRIES = {
    "bg": "bg", "cs": "cz", "da": "dk", "de": "de", "el": "gr", "et": "ee", "fi": "fi", "fr": "fr", "he": "il",
    "hr": "hr", "hu": "hu", "it": "it", "ja": "jp", "ko": "kr", "lt": "lt", "lv": "lv", "nb": "no", "nl": "nl",
    "nn": "no", "no": "no", "pl": "pl", "ro": "ro", "ru": "ru", "sk": "sk", "sl": "si", "sr": "rs", "sv": "se",
    "th": "th", "tr": "tr", "uk": "ua", "vi": "vn", "zu": "za", "xh": "za", "af": "za", "is": "is", "ka": "ge",
    "hy": "am", "fa": "ir",
}  # fmt: skip


@lru_cache(maxsize=1024)
def country_of(*addresses: str | None) -> str | None:
    """Return the country (ISO 3166) of the first address whose domain is that of one country."""
    for address in addresses:
        try:
            domain = (urlsplit(address or "").hostname or "").rpartition(".")[2]
        except ValueError:
            continue
        if len(domain) == 2 and domain.isalpha() and domain not in GENERIC_TLDS:
            return _OTHER_NAMES.get(domain, domain.upper())
    return None


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
