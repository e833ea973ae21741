"""Lines of facts beside a headline: which dates they hold, and whether each is of the publication or of a change.

`Published 3 May 2021 | Updated 4 May 2021`, `发布时间：2025-03-12 来源：…`, `12.03.2025, 14:03 Uhr, von Ann Lee`.
Dates are only located here; normalize reads them. Every repetition is bounded (S15).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from .. import wordlists
from ..wordlists import Label

MAX_LINE_LENGTH = 200
MAX_DATES = 4  # of a line
MAX_JOINT = 24  # letters between a label and its date

# A word that may be a month, in any script; signs of Indic scripts are no `\w`.
_NAME = r"[^\s\d.,:;|/()\[\]·•–—]{2,14}(?:\.[^\s\d.,:;|/()\[\]·•–—]{1,3})?"
_ORDINAL = r"(?:\.|st|nd|rd|th|er|º|ª)?"
_THAI_MONTH = r"[\u0e00-\u0e4f.]{3,6}"
_LINK = r"[\s.,/\-]{0,3}(?:(?:de|del|of|d['’]|m\.|gada|tháng|г\.|року)\s{0,2})?"
_NUMBERS = (
    r"(?:\d{4}|1[01]\d)\s?[-./년年]\s?\d{1,2}\s?[-./월月]\s?\d{1,2}(?!\d)[일日号號]?"  # 114 is a Minguo year
    r"|\d{1,2}\s?tháng\s?\d{1,2}(?:,\s?|\snăm\s|\s)\d{4}(?!\d)"
    r"|\d{1,2}\s?[-./]\s?\d{1,2}\s?[-./]\s?(?:\d{4}|\d{2})(?!\d)"
)
_NAMED_MONTH = (
    rf"\d{{1,2}}{_ORDINAL}{_LINK}{_NAME}{_LINK}(?:พ\.ศ\.\s?)?\d{{4}}(?!\d)"
    rf"|\d{{1,2}}\s?{_THAI_MONTH}\s?\d{{2}}(?!\d)"
    rf"|\d{{4}}[.\s]{{1,2}}(?:gada|ж\.)\s?\d{{1,2}}\.?\s{_NAME}"
    rf"|\d{{4}}[.\s]{{1,2}}{_LINK}{_NAME}\.?\s{{1,2}}\d{{1,2}}(?!\d)"
)
_MONTH_FIRST = rf"(?<![^\W\d_]){_NAME}\.?\s{{1,2}}\d{{1,2}}{_ORDINAL},?\s{{1,2}}\d{{4}}(?!\d)"
_ERA = r"(?:令和|平成|昭和|民國|民国)\s?(?:\d{1,3}|元)年\s?\d{1,2}月\s?\d{1,2}日"
_DAY = rf"(?:(?<![\d.])(?:{_NUMBERS}|{_NAMED_MONTH})|{_ERA}|{_MONTH_FIRST})"
_BEFORE_CLOCK = r"[T\s.,|·•@/–—-]{0,4}(?:\(\S{1,4}\)\s?)?(?:[^\s\d.,:;|/()\[\]·•–—]{1,8}\.?\s?){0,2}"
_HOUR_SIGN = r"(?:[hH時时시点點]|giờ|[Uu]hr|ч\.?)"
_HOURS = (
    rf"\d{{1,2}}(?:\s?[:.]\s?\d{{2}}(?!\d)|\s?{_HOUR_SIGN}\s?\d{{1,2}}(?![\d./-])(?:\s?(?:[分분]|phút|мин\.?|min\b))?"
    rf"|\s?{_HOUR_SIGN}(?!\w)|(?=\s?[ap]\.?m\b))"
)
_SECONDS = r"(?:[:.]\d{2}(?!\d))?(?:[.,]\d{1,6})?"
_AFTER_CLOCK = (
    r"(?:\s?(?:[ap]\.?\s?m\.?(?!\w)|[AP]M\b|[Uu]hr\b|hrs\b|h\b|น\.|[صم](?!\w)|مساءً?|صباحاً?|[πμ]\.?\s?μ\.?(?!\w)|[بق]\.ظ|बजे|\(?(?:GMT|UTC)?[+-]\d{1,2}(?::?\d{2})?\b\)?"
    r"|[A-Z]{2,5}\b|Z\b)){0,3}"
)
_CLOCK = rf"{_HOURS}{_SECONDS}{_AFTER_CLOCK}"
DATE = re.compile(
    rf"(?<![\d:.]){_CLOCK}[\s.,|·•–—-]{{1,4}}(?:[^\s\d.,:;|/()\[\]·•–—]{{1,4}}\s)?{_DAY}|{_DAY}(?:{_BEFORE_CLOCK}{_CLOCK})?"
)
_SIGNS = " \t\u3000.|·•-–—:：,，/()（）"
_NEXT_FACT = re.compile(r"\s{0,3}[|·•/(（\[【]|\s[-–—]\s|　")
MAX_SIGNS = 3  # between the label behind a date and the next label
_DATE_ROLES = ("published", "updated", "date")
_OTHER_ROLES = ("author", "byline", "source", "other_role", "counter")
_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FactLine:
    """The dates of a line: `published` and `updated` as labels say, `date` where no label does.

    `before` is the text before the first label or date, `rest` what else stands beside them.
    """

    dates: Mapping[str, str]
    before: str
    rest: str
    has_other_labels: bool


def read_fact_line(line: str) -> FactLine | None:
    """Return the dates of a short line; None where it is long or holds none."""
    matches = list(DATE.finditer(line)) if len(line) <= MAX_LINE_LENGTH else []
    if not matches:
        return None
    labels = wordlists.find_labels(line, *_DATE_ROLES, *_OTHER_ROLES)
    named = [label for label in labels if label.role in _DATE_ROLES]
    is_behind = len(named) == len(matches) > 1 and all(
        label.start >= match.end() for label, match in zip(named, matches, strict=True)
    )
    dates: dict[str, str] = {}
    spans: list[_Span] = []
    for index, match in enumerate(matches[:MAX_DATES]):
        if is_behind:  # `2025年3月12日 公開 2025年3月13日 更新`: each label stands behind its date
            role, span = named[index].role, (match.start(), named[index].end)
        else:
            role, span = _find_label(line, match.span(), labels)
        dates.setdefault(role, match[0].strip(_SIGNS))
        spans.append(span)
    parts, end = [], 0
    for start, stop in sorted(spans):
        parts.append(line[end:start].strip(_SIGNS))
        end = max(end, stop)
    rest = " ".join(filter(None, (*parts[1:], line[end:].strip(_SIGNS))))
    return FactLine(dates, parts[0], rest, any(label.role in _OTHER_ROLES for label in labels))


def split_date_stamp(line: str) -> tuple[str, Mapping[str, str]] | None:
    """Return what stands before the stamp of a line, and its dates by field; None where the line is no stamp.

    A stamp says what its dates are, and nothing stands behind it.
    """
    facts = read_fact_line(line)
    if facts is None or facts.rest or "date" in facts.dates:
        return None
    return facts.before, facts.dates


def _find_label(line: str, date: _Span, labels: list[Label]) -> tuple[str, _Span]:
    """Return the field that the label of a date names, `date` where it has none, and the span of both.

    A label stands before its date, or right behind it where no other date follows there.
    """
    start, end = date
    before = [label for label in labels if label.end <= start and not DATE.search(line[label.end : start])]
    own = list(takewhile(lambda label: label.role in _DATE_ROLES and start - label.end <= MAX_JOINT, before[::-1]))
    if own:  # `published` is plainer than the word `date` beside it
        label = next((label for label in own[:2] if label.role != "date"), own[0])
        return label.role, (label.start, end)
    after = next((label for label in labels if label.start >= end), None)
    if after and after.role in ("published", "updated") and len(line[end : after.start].strip(_SIGNS)) <= 10:
        following = DATE.search(line, after.end)
        is_last = not line[after.end :].strip(_SIGNS) or _NEXT_FACT.match(line, after.end) is not None
        is_last = is_last or any(label.start - after.end <= MAX_SIGNS for label in labels if label.start > after.start)
        if is_last and (following is None or following.start() - after.end > MAX_JOINT):
            return after.role, (start, after.end)
    return "date", date
