"""Language tags (BCP 47) as feeds write them."""

from __future__ import annotations

import re
from functools import lru_cache

_TAG = re.compile(r"([a-z]{2,3})((?:-[a-z]{3}){0,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?((?:-[a-z0-9]{1,8})*)")
# Withdrawn or invented codes that feeds still use.
_REPLACED = {"iw": "he", "in": "id", "ji": "yi", "jp": "ja", "cz": "cs", "gr": "el", "ua": "uk", "dk": "da"}
_NAMES = {
    "english": "en", "german": "de", "deutsch": "de", "french": "fr", "français": "fr", "francais": "fr",
    "spanish": "es", "español": "es", "italian": "it", "italiano": "it", "portuguese": "pt", "português": "pt",
    "dutch": "nl", "nederlands": "nl", "russian": "ru", "русский": "ru", "polish": "pl", "polski": "pl",
    "japanese": "ja", "日本語": "ja", "chinese": "zh", "中文": "zh", "korean": "ko", "한국어": "ko", "svenska": "sv",
    "swedish": "sv", "turkish": "tr", "türkçe": "tr", "arabic": "ar", "greek": "el", "czech": "cs", "danish": "da",
}  # fmt: skip
# ISO 639-1; of the codes of three letters there are thousands.
_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo"
    " es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv"
    " ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd"
    " ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq"
    " sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
_TWO_LETTERS = frozenset(_CODES.split())
_NO_LANGUAGE = {"und", "zxx", "mul", "xx", "mis"}


@lru_cache(maxsize=512)
def language_tag(text: str) -> str | None:
    """Return the well-formed tag that a text stands for (`pt_br` → `pt-BR`, `English` → `en`), or None."""
    text = text.strip()
    spelled = text[:35].split(",")[0].split(";")[0].split(".")[0].replace("_", "-").lower()
    spelled = _NAMES.get(spelled, spelled)
    match = _TAG.fullmatch(spelled)
    if not match or match[1] in _NO_LANGUAGE:
        return None
    if len(match[1]) == 2 and not {match[1], _REPLACED.get(match[1])} & _TWO_LETTERS:
        return None
    if spelled == text.lower() and match[1] not in _REPLACED:
        return text
    primary, extended, script, region, rest = match.groups()
    parts = [_REPLACED.get(primary, primary) + extended]
    parts += [script.title()] if script else []
    parts += [region.upper()] if region else []
    return "-".join(parts) + rest


def first_language(*texts: str | None) -> str | None:
    """Return the tag of the first text that stands for a language."""
    return next((tag for text in texts if text and (tag := language_tag(text))), None)
