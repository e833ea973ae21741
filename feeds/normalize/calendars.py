"""Names of months and days, and the other words around dates, in the languages that feeds are written in."""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import combining, normalize

_SHORTEST, _LONGEST = 3, 8
# January to December: the beginnings that tell a month from all the others. Where two languages give one word to two
# months (Polish and Croatian `lipiec`, `lipanj`), the longer beginning decides.
_MONTHS = (
    "jan jaan gen ene ian янв яну січ ιαν oca sty sij led tam يناير",
    "feb fev peb фев лют φεβ sub lut uno hel únor velja فبراير",
    "mar mrt мар бер μαρ bre bře ozu maa maal مارس",
    "apr avr abr апр кві απρ nis kwi dub trav huh أبريل ابريل",
    "mai may maj mei mag мая май тра μαι kvě kve svi tou maggio μάι مايو",
    "jun juin giu iun июн юни чер ιουν haz cze čer cer červen lipan lipn kes يونيو",
    "jul juil giul lug iul июл юли лип ιουλ tem lip cervenec cervenc srpan srpnj hei يوليو",
    "aug ago aou aoû avg авг сер αυγ agu ağu sie srp kolov elo أغسطس",
    "sep set сен вер септ σεπ eyl wrz zář zar ruj syy szep سبتمبر",
    "oct okt out ott окт жов οκτ eki paź paz říj rij loka أكتوبر",
    "nov noe noi ноя ное лис νοε kas lis stud marr نوفمبر",
    "dec dez dic des дек гру δεκ ara gru pro jou ديسمبر",
)
_DAYS = (
    "mon lun mo lu seg пон пн δευ pzt pon ma maandag montag lunes lundi lunedi hetf man mandag",
    "tue di mar ter вто вт τρι sal wto uto dinsdag dienstag martes mardi martedi kedd tir tirsdag tis tisdag",
    "wed mi mer mie qua сре ср τετ car sro str woensdag mittwoch miercoles mercredi szer ons onsdag",
    "thu do jeu jue gio qui чет чт πεμ per czw cet ctv donderdag donnerstag jueves jeudi giovedi csut tor torsdag",
    "fri fr ven vie sex пят пт παρ cum pia pet pat vrijdag freitag viernes vendredi venerdi pent fre fredag",
    "sat sa sam sab суб сб σαβ cmt sob sub zaterdag samstag sonnabend sabado samedi sabato szom lor lordag lau",
    "sun so dim dom вос вс κυρ paz nie ned zondag sonntag domingo dimanche domenica vasa son sondag",
)


def folded(text: str) -> str:
    """Lower case, one width, no accents, Hangul whole: how names are compared here."""
    bare = "".join(char for char in normalize("NFKD", text.lower()) if not combining(char))
    return normalize("NFC", bare)


_MONTH_OF = {folded(name): number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_DAY_OF = {folded(name): number for number, names in enumerate(_DAYS) for name in names.split()}
_WORD = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=2048)
def month(word: str) -> int | None:
    """The number of the month that a folded word names."""
    for length in range(min(len(word), _LONGEST), _SHORTEST - 1, -1):
        if word[:length] in _MONTH_OF:
            return _MONTH_OF[word[:length]]
    return None


def weekday(text: str) -> int | None:
    """The day of the week that a folded text begins with, Monday being 0."""
    found = _WORD.match(text)
    if not found:
        return None
    word = found[0]
    return next((_DAY_OF[word[:size]] for size in (len(word), 4, 3) if word[:size] in _DAY_OF), None)
