"""The language of a page: its words, its dates in words, and the direction of its text."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, get_timezone_name
from babel.numbers import format_decimal

# Without a territory, English dates are those of most countries: day, month, year, and 24 hours.
_LOCALES = {"en": "en_GB"}
_RTL_LANGUAGES = {"ar", "ckb", "dv", "fa", "he", "iw", "ks", "ps", "sd", "syr", "ug", "ur", "yi"}
# Word in the name of a letter → a language that is written with it, for the choice of a font and for screen readers.
_LANGUAGES_OF_SCRIPTS = {
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "CJK": "zh",
    "ARABIC": "ar",
    "HEBREW": "he",
    "DEVANAGARI": "hi",
    "THAI": "th",
}
# Languages that feeds declare because their template does.
_LATIN_LANGUAGES = {"da", "de", "en", "es", "fi", "fr", "it", "nb", "nl", "no", "pl", "pt", "sv", "tr"}
_DETECTED_LENGTH = 100  # characters of a text that are looked at

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "follow": "Follow",
        "what_a_feed_is": "A feed brings new stories to you: paste this address into any feed reader.",
        "address": "Address of the feed",
        "copy_address": "Copy",
        "copied": "Copied",
        "notify": "Notify me of new stories",
        "notify_stop": "Turn notifications off",
        "notify_on": "Notifications are on.",
        "notify_denied": "Your browser blocks notifications from this site.",
        "notify_failed": "That did not work. Try again later.",
        "formats": "Also as",
        "also_at": "Also at",
        "empty": "Nothing has been published here yet.",
        "older": "Older stories",
        "newest": "Newest stories",
        "previous": "Previous",
        "next": "Next",
        "more_from": "More from",
        "updated": "Updated",
        "feeds": "Feeds",
        "tags": "Topics",
        "sources": "Sources",
        "all_sources": "All sources",
        "skip": "Skip to the stories",
        "stories": "Stories",
        "not_found": "There is nothing at this address",
        "gone": "This feed is no longer published",
        "to_front_page": "To the front page",
        "new_story": "{count} new story",
        "new_stories": "{count} new stories",
        "live": "Live",
        "reconnecting": "Reconnecting …",
        "offline": "Offline",
        "edited": "edited",
        "search": "Search",
        "source": "Source",
        "topic": "Topic",
        "all_topics": "All topics",
        "filter": "Filter",
        "matching": "{count} of {total}",
        "no_match": "No story on this page matches.",
        "show_all": "Show all",
        "keyboard": "Keyboard",
        "next_story": "Next story",
        "previous_story": "Previous story",
        "open_story": "Open the story",
        "this_help": "This help",
        "single_keys": "Use these keys",
        "close": "Close",
        "previous_page": "Previous page",
        "next_page": "Next page",
        "found_one": "{count} story",
        "found_many": "{count} stories",
        "found_more": "More than {count} stories; these are the newest",
        "nothing_found": "No story holds all of these words.",
        "best_first": "Best first",
        "newest_first": "Newest first",
        "search_help": "A story must hold all of the words; “words in quotes” stand side by side.",
        "too_slow": "This search takes too long. Add a word that fewer stories hold.",
        "incomplete": "The index is being made: older stories are still missing.",
    },
    "de": {
        "follow": "Abonnieren",
        "what_a_feed_is": "Ein Feed bringt neue Beiträge zu Ihnen: Geben Sie diese Adresse in einen Feedreader ein.",
        "address": "Adresse des Feeds",
        "copy_address": "Kopieren",
        "copied": "Kopiert",
        "notify": "Bei neuen Beiträgen benachrichtigen",
        "notify_stop": "Benachrichtigungen ausschalten",
        "notify_on": "Benachrichtigungen sind an.",
        "notify_denied": "Ihr Browser blockiert Benachrichtigungen dieser Website.",
        "notify_failed": "Das hat nicht geklappt. Versuchen Sie es später noch einmal.",
        "formats": "Auch als",
        "also_at": "Auch bei",
        "empty": "Hier ist noch nichts erschienen.",
        "older": "Ältere Beiträge",
        "newest": "Neueste Beiträge",
        "previous": "Vorheriger Beitrag",
        "next": "Nächster Beitrag",
        "more_from": "Mehr aus",
        "updated": "Aktualisiert",
        "feeds": "Feeds",
        "tags": "Themen",
        "sources": "Quellen",
        "all_sources": "Alle Quellen",
        "skip": "Zu den Beiträgen",
        "stories": "Beiträge",
        "not_found": "Unter dieser Adresse ist nichts",
        "gone": "Dieser Feed wird nicht mehr veröffentlicht",
        "to_front_page": "Zur Startseite",
        "new_story": "{count} neuer Beitrag",
        "new_stories": "{count} neue Beiträge",
        "live": "Live",
        "reconnecting": "Verbindung wird wiederhergestellt …",
        "offline": "Offline",
        "edited": "geändert",
        "search": "Suche",
        "source": "Quelle",
        "topic": "Thema",
        "all_topics": "Alle Themen",
        "filter": "Filter",
        "matching": "{count} von {total}",
        "no_match": "Auf dieser Seite passt kein Beitrag.",
        "show_all": "Alle zeigen",
        "keyboard": "Tastatur",
        "next_story": "Nächster Beitrag",
        "previous_story": "Vorheriger Beitrag",
        "open_story": "Beitrag öffnen",
        "this_help": "Diese Hilfe",
        "single_keys": "Diese Tasten verwenden",
        "close": "Schließen",
        "previous_page": "Vorherige Seite",
        "next_page": "Nächste Seite",
        "found_one": "{count} Beitrag",
        "found_many": "{count} Beiträge",
        "found_more": "Mehr als {count} Beiträge; dies sind die neuesten",
        "nothing_found": "Kein Beitrag enthält alle diese Wörter.",
        "best_first": "Beste zuerst",
        "newest_first": "Neueste zuerst",
        "search_help": "Ein Beitrag muss alle Wörter enthalten; „Wörter in Anführungszeichen“ stehen nebeneinander.",
        "too_slow": "Diese Suche dauert zu lange. Fügen Sie ein Wort hinzu, das seltener vorkommt.",
        "incomplete": "Der Index entsteht gerade: Ältere Beiträge fehlen noch.",
    },
    "fr": {
        "follow": "S’abonner",
        "what_a_feed_is": "Un flux vous apporte les nouveaux articles : collez cette adresse dans un lecteur de flux.",
        "address": "Adresse du flux",
        "copy_address": "Copier",
        "copied": "Copié",
        "notify": "M’avertir des nouveaux articles",
        "notify_stop": "Désactiver les notifications",
        "notify_on": "Les notifications sont activées.",
        "notify_denied": "Votre navigateur bloque les notifications de ce site.",
        "notify_failed": "Cela n’a pas fonctionné. Réessayez plus tard.",
        "formats": "Aussi en",
        "also_at": "Aussi chez",
        "empty": "Rien n’a encore été publié ici.",
        "older": "Articles plus anciens",
        "newest": "Derniers articles",
        "previous": "Précédent",
        "next": "Suivant",
        "more_from": "Plus d’articles :",
        "updated": "Mis à jour",
        "feeds": "Flux",
        "tags": "Thèmes",
        "sources": "Sources",
        "all_sources": "Toutes les sources",
        "skip": "Aller aux articles",
        "stories": "Articles",
        "not_found": "Il n’y a rien à cette adresse",
        "gone": "Ce flux n’est plus publié",
        "to_front_page": "Vers la page d’accueil",
        "new_story": "{count} nouvel article",
        "new_stories": "{count} nouveaux articles",
        "live": "En direct",
        "reconnecting": "Reconnexion …",
        "offline": "Hors ligne",
        "edited": "modifié",
        "search": "Rechercher",
        "source": "Source",
        "topic": "Thème",
        "all_topics": "Tous les thèmes",
        "filter": "Filtrer",
        "matching": "{count} sur {total}",
        "no_match": "Aucun article de cette page ne correspond.",
        "show_all": "Tout afficher",
        "keyboard": "Clavier",
        "next_story": "Article suivant",
        "previous_story": "Article précédent",
        "open_story": "Ouvrir l’article",
        "this_help": "Cette aide",
        "single_keys": "Utiliser ces touches",
        "close": "Fermer",
        "previous_page": "Page précédente",
        "next_page": "Page suivante",
        "found_one": "{count} article",
        "found_many": "{count} articles",
        "found_more": "Plus de {count} articles ; voici les plus récents",
        "nothing_found": "Aucun article ne contient tous ces mots.",
        "best_first": "Les plus pertinents",
        "newest_first": "Les plus récents",
        "search_help": "Un article doit contenir tous les mots ; « les mots entre guillemets » se suivent.",
        "too_slow": "Cette recherche prend trop de temps. Ajoutez un mot plus rare.",
        "incomplete": "L’index est en cours de création : des articles plus anciens manquent encore.",
    },
    "es": {
        "follow": "Seguir",
        "what_a_feed_is": "Un canal le trae las novedades: pegue esta dirección en un lector de canales.",
        "address": "Dirección del canal",
        "copy_address": "Copiar",
        "copied": "Copiado",
        "notify": "Avisarme de las noticias nuevas",
        "notify_stop": "Desactivar los avisos",
        "notify_on": "Los avisos están activados.",
        "notify_denied": "Su navegador bloquea los avisos de este sitio.",
        "notify_failed": "No ha funcionado. Inténtelo más tarde.",
        "formats": "También en",
        "also_at": "También en",
        "empty": "Aquí todavía no se ha publicado nada.",
        "older": "Más antiguas",
        "newest": "Lo más reciente",
        "previous": "Anterior",
        "next": "Siguiente",
        "more_from": "Más de",
        "updated": "Actualizado",
        "feeds": "Canales",
        "tags": "Temas",
        "sources": "Fuentes",
        "all_sources": "Todas las fuentes",
        "skip": "Ir a las noticias",
        "stories": "Noticias",
        "not_found": "No hay nada en esta dirección",
        "gone": "Este canal ya no se publica",
        "to_front_page": "A la portada",
        "new_story": "{count} noticia nueva",
        "new_stories": "{count} noticias nuevas",
        "live": "En directo",
        "reconnecting": "Reconectando …",
        "offline": "Sin conexión",
        "edited": "editado",
        "search": "Buscar",
        "source": "Fuente",
        "topic": "Tema",
        "all_topics": "Todos los temas",
        "filter": "Filtrar",
        "matching": "{count} de {total}",
        "no_match": "Ninguna noticia de esta página coincide.",
        "show_all": "Mostrar todas",
        "keyboard": "Teclado",
        "next_story": "Noticia siguiente",
        "previous_story": "Noticia anterior",
        "open_story": "Abrir la noticia",
        "this_help": "Esta ayuda",
        "single_keys": "Usar estas teclas",
        "close": "Cerrar",
        "previous_page": "Página anterior",
        "next_page": "Página siguiente",
        "found_one": "{count} noticia",
        "found_many": "{count} noticias",
        "found_more": "Más de {count} noticias; estas son las más recientes",
        "nothing_found": "Ninguna noticia contiene todas estas palabras.",
        "best_first": "Más relevantes",
        "newest_first": "Más recientes",
        "search_help": "Una noticia debe contener todas las palabras; «las palabras entre comillas» van seguidas.",
        "too_slow": "Esta búsqueda tarda demasiado. Añada una palabra menos frecuente.",
        "incomplete": "El índice se está creando: aún faltan noticias más antiguas.",
    },
}


@dataclass(frozen=True, slots=True, eq=False)
class PageLanguage:
    """The language and the time zone of a page; one object for each."""

    tag: str
    locale: Locale
    zone: ZoneInfo
    words: Mapping[str, str]

    @property
    def direction(self) -> str:
        """Return `rtl` or `ltr`."""
        return language_direction(self.tag)

    def local(self, moment: datetime) -> datetime:
        """Return a moment in the time zone of the page."""
        return moment.astimezone(self.zone)

    def format_day(self, moment: datetime) -> str:
        """Return the day in words, such as `28 November 2026`."""
        return _spell_date(self.local(moment).date(), "long", self.locale)

    def format_short_day(self, moment: datetime) -> str:
        """Return the day, such as `28 Nov 2026`."""
        return _spell_date(self.local(moment).date(), "medium", self.locale)

    def format_number(self, number: int) -> str:
        """Return a number with the digits and separators of the language."""
        return format_decimal(number, locale=self.locale)

    def format_heading(self, moment: datetime) -> str:
        """Return the day in words with its weekday."""
        return _spell_date(self.local(moment).date(), "full", self.locale)

    def format_clock(self, moment: datetime) -> str:
        """Return the time, such as `14:32`; of a date without a time, day and month."""
        if is_date_only(moment, self.zone):
            return str(format_skeleton("MMMd", self.local(moment), locale=self.locale))
        return _spell_time(self.local(moment).time().replace(second=0, microsecond=0), self.locale)

    def format_exactly(self, moment: datetime) -> str:
        """Return day, time and time zone."""
        if is_date_only(moment, self.zone):
            return self.format_day(moment)
        local = self.local(moment)
        hour = local.replace(minute=0, second=0, microsecond=0, tzinfo=None)
        zone = _spell_zone(hour, local.fold, self.zone, self.locale)
        return f"{self.format_day(moment)}, {self.format_clock(moment)} {zone}"


# Many stories are of one day, hour or minute, and each of these takes about 30 µs.


@lru_cache(maxsize=1024)
def _spell_date(day: date, length: Literal["full", "long", "medium"], locale: Locale) -> str:
    return format_date(day, length, locale)


@lru_cache(maxsize=4096)
def _spell_time(clock: time, locale: Locale) -> str:
    return format_time(clock, "short", locale=locale)


@lru_cache(maxsize=1024)
def _spell_zone(hour: datetime, fold: int, zone: ZoneInfo, locale: Locale) -> str:
    """Return the name of a zone in an hour; `fold` is an argument too, because equal times may differ in it."""
    return get_timezone_name(hour.replace(tzinfo=zone, fold=fold), "short", locale=locale)


def is_date_only(moment: datetime, zone: ZoneInfo) -> bool:
    """Return whether a moment most likely is a date without a time: midnight here, or in UTC."""
    return time() in (moment.time(), moment.astimezone(zone).time())


@cache
def page_language(tag: str | None, zone: str) -> PageLanguage:
    """Return the language of a page, English where there is none."""
    tag = tag or "en"
    primary = tag.partition("-")[0].lower()
    name = _LOCALES.get(tag.lower(), tag)
    locale = _find_locale(name) or _find_locale(primary) or Locale.parse("en_GB")
    return PageLanguage(tag, locale, ZoneInfo(zone), _WORDS.get(primary, _WORDS["en"]))


def _find_locale(name: str) -> Locale | None:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return None


# ── texts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def language_direction(tag: str) -> str:
    """Return the direction of a language: `rtl` or `ltr`."""
    primary, *rest = tag.lower().split("-")
    return "rtl" if primary in _RTL_LANGUAGES or {"arab", "hebr"} & set(rest) else "ltr"


def text_direction(text: str) -> str:
    """Return the direction of a text, which is that of its first letter: `rtl` or `ltr`."""
    directions = map(unicodedata.bidirectional, text[:_DETECTED_LENGTH])
    return next(
        ("ltr" if direction == "L" else "rtl" for direction in directions if direction in ("L", "R", "AL")), "ltr"
    )


def text_language(text: str, declared: str | None) -> str | None:
    """Return the declared language of a text, unless it is in another script: feeds often name their template's."""
    beginning = text[:_DETECTED_LENGTH]
    if beginning.isascii():
        return declared
    scripts = {unicodedata.name(character, "").partition(" ")[0] for character in set(beginning)}
    detected = next((language for script, language in _LANGUAGES_OF_SCRIPTS.items() if script in scripts), None)
    if detected is None or (declared and declared.partition("-")[0].lower() not in _LATIN_LANGUAGES):
        return declared
    return detected
