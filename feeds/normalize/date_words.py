"""Words of dates in many languages: months, days of the week and halves of the day, each replaced by one sign.

The names are those of CLDR, which babel holds; a language is loaded when a date first needs it. Signs are characters
for private use, so that no text holds them (`fold` removes them).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

MONTH, WEEKDAY, HALF_DAY = "[\ue001-\ue00c]", "[\ue020-\ue026]", "[\ue100-\ue3ff]"
_MONTH_BASE, _WEEKDAY_BASE, _HALF_DAY_BASE = 0xE000, 0xE020, 0xE100
NOON = chr(_HALF_DAY_BASE + 12 * 25 + 13)  # the half day from 12 to 13

# A letter of any script, and the vowel signs that the class `\w` lacks.
LETTER = r"[^\s\d!-/:-@\[-`{-~\ue000-\uf8ff]"
_WORD = re.compile(rf"{LETTER}+")
_EITHER = re.compile(rf"({MONTH})({WEEKDAY})")
_MONTH, _WEEKDAY = re.compile(MONTH), re.compile(WEEKDAY)
_UNSPACED = re.compile("[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")

_TELLING_LETTER, _NUMBERED = (
    re.compile("[\u0620-\u06ff\u1000-\u109f]"),
    re.compile(r"[\d一二三四五六七八九十]{1,2}[月월]"),
)

_UNITS = frozenset(("min", "mins", "sec", "sek"))  # no short midnight
_MIN_PREFIX = 3  # letters that a short form of a name has
_MIN_STEM = 4  # letters of a name that its other cases begin with
_MAX_ENDING = 3

# Hours from and before which a word for a part of the day is used, where CLDR has no such word.
_AM, _PM, _NIGHT = (0, 12), (12, 24), (20, 5)
_HALF_DAYS = {
    _AM: "एएम|এএম|am|a.m|上午|午前|오전|ص|صباحا|πμ|пп|ق.ظ|قبل از ظهر|पूर्वाह्न|পূর্বাহ্ণ|পূর্বাহ্ন|清晨|早上|早晨|清早|朝|아침",
    _PM: "पीएम|পিএম|pm|p.m|下午|午後|午后|오후|م|مساء|μμ|ب.ظ|بعد از ظهر|अपराह्न|অপরাহ্ণ|অপরাহ্ন|عصرا|عصر",
    (0, 6): "凌晨|未明|새벽|فجرا|بامداد",
    (12, 13): "正午|정오",
    (11, 14): "中午|昼|낮|ظهرا|ظهر",
    (16, 24): "傍晚|夕方|晚上|晚間|晚间|夜晚|저녁|غروب|सायंकाळी|सायं|বিকেল|সন্ধ্যায়",
    _NIGHT: "深夜|夜间|夜間|夜裡|夜里|夜中|夜|밤|ليلا|شب",
    (0, 1): "午夜|真夜中|자정",
}
# Short forms and other names of months that CLDR lacks.
_OTHER_MONTHS = {
    "de": {"jaenner": 1, "maerz": 3, "mrz": 3},
    "el": {
        "γενάρη": 1, "φλεβάρη": 2, "μάρτη": 3, "απρίλη": 4, "μάη": 5, "ιούνη": 6, "ιούλη": 7, "σεπτέμβρη": 9,
        "οκτώβρη": 10, "νοέμβρη": 11, "δεκέμβρη": 12,
    },
    "he": {"מרס": 3, "במרס": 3},
    "hi": {"सितम्बर": 9, "नवम्बर": 11, "दिसम्बर": 12},
    "id": {"pebruari": 2, "agt": 8, "agus": 8, "nopember": 11},
    "ro": {"noi": 11},
    "si": {
        "ජනවාරි": 1, "පෙබරවාරි": 2, "මාර්තු": 3, "අප්‍රේල්": 4, "මැයි": 5, "ජූනි": 6, "ජූලි": 7, "අගෝස්තු": 8,
        "සැප්තැම්බර්": 9, "ඔක්තෝබර්": 10, "නොවැම්බර්": 11, "දෙසැම්බර්": 12,
    },
    "vi": {
        "tháng giêng": 1, "tháng một": 1, "tháng hai": 2, "tháng ba": 3, "tháng tư": 4, "tháng năm": 5,
        "tháng sáu": 6, "tháng bảy": 7, "tháng tám": 8, "tháng chín": 9, "tháng mười": 10, "tháng mười một": 11,
        "tháng mười hai": 12, "tháng chạp": 12,
    },
}  # fmt: skip
# In these `am` stands before a day.
_AM_IS_A_PREPOSITION = frozenset(("de", "gsw", "lb", "nds"))

# The languages that a text in a script may be in, where nothing else tells; those behind `|` where the others fail.
_SCRIPT_LANGUAGES = {
    "LATIN": (
        "de fr es it pt nl pl sv da nb fi cs hu hr ro tr|"
        "vi id ms fil sk sl bs sr sq et lv lt is ca eu gl af sw az uz ga cy eo mt"
    ),
    "CYRILLIC": "ru uk bg|sr mk be kk ky mn tg",
    "GREEK": "el",
    "ARABIC": "ar fa ur ps ckb",
    "HEBREW": "he",
    "DEVANAGARI": "hi mr ne",
    "BENGALI": "bn as",
    "GURMUKHI": "pa",
    "GUJARATI": "gu",
    "ORIYA": "or",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "SINHALA": "si",
    "THAI": "th",
    "LAO": "lo",
    "KHMER": "km",
    "MYANMAR": "my",
    "TIBETAN": "dz bo",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
    "ETHIOPIC": "am ti",
    "HANGUL": "ko",
    "CJK": "zh ja",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
}

# ── folding ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_SAME_LETTERS = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—−―", "-"), **dict.fromkeys("’ʼ‘´`", "'"), **dict.fromkeys("，、،؛", ","),
        "․": ".", "。": ".", "ـ": "", "ي": "ی", "ى": "ی", "ك": "ک", "ı": "i", "∶": ":", "⁄": "/",
    }
)  # fmt: skip


def fold(text: str) -> str:
    """Return a text for comparison: lower case, one width, no accents, ASCII digits and signs, Hangul composed."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", "".join(map(_fold_character, _decompose(text))))


def _decompose(text: str) -> str:
    return unicodedata.normalize("NFKD", text.translate(_SAME_LETTERS).lower()).translate(_SAME_LETTERS)


@lru_cache(maxsize=4096)
def _fold_character(char: str) -> str:
    if char.isascii():
        return char
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category[0] == "P" or category[0] == "S":
        return " "
    return "" if category[0] == "C" or unicodedata.combining(char) else char


# ── one language ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names of one language, folded, and the signs that stand for them.

    `phrases` finds names that are not one word, and in scripts without blanks all names.
    """

    language: str | None
    words: Mapping[str, str]
    phrases: re.Pattern[str]
    phrase_signs: Mapping[str, str]

    def replace(self, text: str) -> tuple[str, int]:
        """Return a folded text with signs in place of names, and how many letters these names have.

        Of what is only like a name half of the letters count.
        """
        letters = 0

        def phrase_sign(match: re.Match[str]) -> str:
            nonlocal letters
            letters += len(match[0])
            return f" {self.phrase_signs[_phrase_key(match[0])]} "

        def word_sign(match: re.Match[str]) -> str:
            nonlocal letters
            sign = _find_sign(self.language, match[0])
            letters += (len(match[0]) if match[0] in self.words else len(match[0]) // 2) if sign else 0
            return sign or match[0]

        return _decide(_WORD.sub(word_sign, self.phrases.sub(phrase_sign, text))), letters


@lru_cache(maxsize=4096)
def _find_sign(language: str | None, word: str) -> str | None:
    """Return the sign of a name, of a short form of only one name, or of a case of it."""
    words = vocabulary(language).words
    sign = words.get(word)
    if len(word) < _MIN_PREFIX or word in _UNITS or (sign and not _WEEKDAY.match(sign)):
        return sign
    if sign:  # `mar` is a short mardi, and may be a shorter mars
        month = _only(other for name, other in words.items() if name.startswith(word) and _MONTH.match(other))
        return (month or "")[:1] + sign
    short = {sign for name, sign in words.items() if name.startswith(word)}
    if len(short) == 2:  # fi `maa` is Monday or March
        month, weekday = sorted(short)
        short = {_both(month, weekday)} if _MONTH.match(month) and _WEEKDAY.match(weekday) else short
    return _only(short) or _only(
        sign
        for name, sign in words.items()
        if len(name) >= _MIN_STEM
        and word.startswith(name[: max(_MIN_STEM, len(name) - 2)])
        and abs(len(word) - len(name)) <= _MAX_ENDING
    )


def _only(signs: Iterable[str]) -> str | None:
    found = set(signs)
    return found.pop() if len(found) == 1 else None


def _decide(text: str) -> str:
    """Choose between the month and the weekday where one word (`mar`) is both: the month is the last one."""
    pairs = list(_EITHER.finditer(text))
    if not pairs:
        return text
    month_elsewhere = len(_MONTH.findall(text)) > len(pairs)
    kept = 2 if month_elsewhere or len(pairs) > 1 else 1
    text = _EITHER.sub(rf"\{kept}", text, count=1)
    return _EITHER.sub(r"\2" if month_elsewhere else r"\1", text)


@lru_cache(maxsize=128)
def vocabulary(language: str | None) -> Vocabulary:
    """Return the names of a language that babel knows; of None, only those that all languages share."""
    names: dict[str, str] = {}
    for spelled, sign in _cldr_names(language) if language else ():
        if _is_name(name := fold(spelled).strip(" .")):
            names[name] = _both(names.get(name), sign)
    base = (language or "").partition("-")[0]
    for name, month in _OTHER_MONTHS.get(base, {}).items():
        names.setdefault(fold(name), chr(_MONTH_BASE + month))
    for hours, words in _HALF_DAYS.items():
        for word in words.split("|"):
            if word not in ("am", "a.m") or base not in _AM_IS_A_PREPOSITION:
                names.setdefault(fold(word), _half_day_sign(*hours))
    phrases = {name: sign for name, sign in names.items() if not _WORD.fullmatch(name) or _UNSPACED.search(name)}
    return Vocabulary(
        language,
        {name: sign for name, sign in names.items() if name not in phrases},
        _compile_phrases(phrases),
        {_phrase_key(name): sign for name, sign in phrases.items()},
    )


def _cldr_names(language: str) -> Iterator[tuple[str, str]]:
    from . import cldr  # loads babel, which takes 80 ms, for one date in thousands

    yield from ((name, month_sign(month)) for name, month in cldr.month_names(language))
    yield from ((name, chr(_WEEKDAY_BASE + day)) for name, day in cldr.weekday_names(language))
    yield from ((name, _half_day_sign(*hours)) for name, hours in cldr.half_day_names(language))


def _is_name(name: str) -> bool:
    """Return whether a folded name tells more than a letter or a number does.

    In 3月 the number tells the month, and 日 is Sunday, but also stands behind every day; ص has but one meaning.
    """
    if len(name) < 2:
        return bool(_TELLING_LETTER.match(name))
    return not name.isdigit() and not _NUMBERED.fullmatch(name)


def _compile_phrases(names: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for names, the longest first: those of scripts without blanks anywhere, others as words."""
    longest_first = sorted(names, key=len, reverse=True)
    anywhere = "|".join(_phrase_pattern(name) for name in longest_first if _UNSPACED.search(name))
    words = "|".join(_phrase_pattern(name) for name in longest_first if not _UNSPACED.search(name))
    return re.compile(rf"{anywhere}|(?<!{LETTER})(?:{words})(?!{LETTER}|\d)")


def _both(old: str | None, new: str) -> str:
    """Return the sign of a name that has one already: a month and a weekday are kept both, else the first one."""
    if old is None or old == new:
        return new
    month, weekday = sorted((old[0], new[0]))
    return month + weekday if _MONTH.match(month) and _WEEKDAY.match(weekday) else old


def _phrase_pattern(name: str) -> str:
    """Return a pattern for a name of several words or with dots, however they are spaced."""
    parts = [re.escape(part) for part in re.split(r"[\s.]+", name) if part]
    pattern = r"[\s.]{0,3}".join(re.sub(r"^0*(?=\d)", "0?", part) for part in parts)
    return rf"{pattern}(?!\d)" if name[-1].isdigit() else pattern


def _phrase_key(name: str) -> str:
    return re.sub(r"[\s.]+|(?<!\d)0+(?=\d)", "", name)


def _half_day_sign(start: int, end: int) -> str:
    return chr(_HALF_DAY_BASE + start * 25 + end)


def month_sign(month: int) -> str:
    """Return the sign of a month."""
    return chr(_MONTH_BASE + month)


def month_of(sign: str) -> int:
    """Return the number of the month that a sign stands for."""
    return ord(sign) - _MONTH_BASE


def weekday_of(sign: str) -> int:
    """Return the day of the week that a sign stands for; Monday is 0."""
    return ord(sign) - _WEEKDAY_BASE


def hour_of_day(hour: int, sign: str) -> int:
    """Return the hour of 24 that an hour of 12 names in the part of the day that a sign stands for."""
    if hour > 12:
        return hour
    start, end = divmod(ord(sign) - _HALF_DAY_BASE, 25)
    length = (end - start) % 24 or 24

    def distance(choice: int) -> tuple[bool, float]:
        middle = (start + length / 2) % 24
        return (choice - start) % 24 >= length, min((choice - middle) % 24, (middle - choice) % 24)

    return min(hour % 12, hour % 12 + 12, key=distance)


def script_languages(text: str) -> tuple[tuple[str, ...], ...]:
    """Return groups of languages that a folded text may be in by its scripts; Latin, of most languages, comes last."""
    scripts = dict.fromkeys(unicodedata.name(char, "").partition(" ")[0] for char in text if char.isalpha())
    languages = (_SCRIPT_LANGUAGES.get(script, "") for script in sorted(scripts, key="LATIN".__eq__))
    return tuple(tuple(group.split()) for groups in languages if groups for group in groups.split("|"))
