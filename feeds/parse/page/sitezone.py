"""In which time zone a site lives, as far as its address and language tell: the last resort for clocks without one."""

from __future__ import annotations

from urllib.parse import urlsplit

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
