"""The language of a story, as a BCP 47 tag: what is nearest to the words is believed first."""

from __future__ import annotations

import re
from functools import lru_cache

_TAG = re.compile(r"([a-z]{2,3})((?:-[a-z]{3}){0,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?((?:-[a-z0-9]{1,8})*)")
# Old or invented codes, as feeds still write them.
_RENAMED = {"iw": "he", "in": "id", "ji": "yi", "jp": "ja", "cz": "cs", "gr": "el", "ua": "uk", "dk": "da"}
_NAMES = {
    "english": "en", "german": "de", "deutsch": "de", "french": "fr", "français": "fr", "francais": "fr",
    "spanish": "es", "español": "es", "italian": "it", "italiano": "it", "portuguese": "pt", "português": "pt",
    "dutch": "nl", "nederlands": "nl", "russian": "ru", "русский": "ru", "polish": "pl", "polski": "pl",
    "japanese": "ja", "日本語": "ja", "chinese": "zh", "中文": "zh", "korean": "ko", "한국어": "ko", "svenska": "sv",
    "swedish": "sv", "turkish": "tr", "türkçe": "tr", "arabic": "ar", "greek": "el", "czech": "cs", "danish": "da",
}  # fmt: skip
_NONE = {"und", "zxx", "mul", "xx", "mis"}


@lru_cache(maxsize=512)
def language_tag(text: str) -> str | None:
    """A well-formed tag: as published where it is one, `pt_br` as `pt-BR`; none for what is no language."""
    told = text.strip()
    spelled = told[:35].split(",")[0].split(";")[0].split(".")[0].replace("_", "-").lower()
    spelled = _NAMES.get(spelled, spelled)
    found = _TAG.fullmatch(spelled)
    if not found or found[1] in _NONE:
        return None
    if spelled == told.lower() and found[1] not in _RENAMED:
        return told
    primary, extended, script, region, rest = found.groups()
    parts = [_RENAMED.get(primary, primary) + extended]
    parts += [script.title()] if script else []
    parts += [region.upper()] if region else []
    return "-".join(parts) + rest


def first_language(*told: str | None) -> str | None:
    """The first of several that is a language at all."""
    return next((tag for text in told if text and (tag := language_tag(text))), None)
