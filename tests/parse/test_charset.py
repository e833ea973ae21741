"""F29: the charset of a document, whatever its header and its declaration claim."""

from __future__ import annotations

import codecs

import pytest

from feeds.model import Fetched
from feeds.parse import parse
from feeds.parse.charset import decode

RUSSIAN = (
    "Сегодня в порту открылась выставка старых маяков. Посетители увидят лампы, карты и дневники смотрителей, "
    "которые жили здесь больше ста лет назад. Вход свободный, работает до конца месяца."
)
JAPANESE = (
    "港の灯台で古い灯りの展示会が始まりました。来場者は百年以上前の灯台守の日記や地図を見ることができます。"
    "入場は無料で、今月末まで開かれています。"
)
KOREAN = (
    "항구의 등대에서 오래된 등불 전시회가 시작되었습니다. 방문객은 백 년 전 등대지기의 일기와 지도를 볼 수 있습니다."
    " 입장은 무료이며 이달 말까지 열립니다."
)
CHINESE = (
    "港口的燈塔今天開始舉辦舊燈展覽。參觀者可以看到一百多年前守塔人的日記和地圖。"
    "入場免費，展覽將持續到本月底。歡迎各位前來參觀。"
)
FRENCH = "Le phare d’Étretat a été repeint – « c’est déjà l’été », dit le gardien… café, œuvre, 20 €."


def feed(text: str, declared: str = "") -> str:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else '<?xml version="1.0"?>'
    items = f"<item><title>{text}</title><description>{text}</description></item>"
    return f"{declaration}<rss version='2.0'><channel><title>t</title>{items * 2}</channel></rss>"


def title(body: bytes, header: str | None = None) -> str:
    text = parse(Fetched(url="https://feeds.example/", body=body, charset=header)).stories[0].title
    assert text is not None
    return text.value


UNDECLARED = [
    ("windows-1251", RUSSIAN),
    ("koi8-r", RUSSIAN),
    ("shift_jis", JAPANESE),
    ("euc-jp", JAPANESE),
    ("euc-kr", KOREAN),
    ("big5", CHINESE),
    ("windows-1252", FRENCH),
    ("utf-8", RUSSIAN),
]


@pytest.mark.parametrize(("charset", "text"), UNDECLARED, ids=[row[0] for row in UNDECLARED])
def test_F29_undeclared_charsets_are_recognised_by_their_letters(charset: str, text: str) -> None:
    assert title(feed(text).encode(charset)) == text


@pytest.mark.parametrize(("charset", "text"), UNDECLARED, ids=[row[0] for row in UNDECLARED])
def test_F29_declared_charsets_are_believed(charset: str, text: str) -> None:
    assert title(feed(text, charset).encode(charset)) == text
    assert title(feed(text).encode(charset), charset.upper()) == text


WRONG_LABELS = [
    ("declared utf-8, is windows-1251", feed(RUSSIAN, "utf-8").encode("windows-1251"), None, RUSSIAN),
    ("header utf-8, is windows-1251", feed(RUSSIAN).encode("windows-1251"), "utf-8", RUSSIAN),
    ("header utf-8, declared and is windows-1251", feed(RUSSIAN, "windows-1251").encode("cp1251"), "utf-8", RUSSIAN),
    ("header iso-8859-1, is utf-8", feed(RUSSIAN).encode(), "iso-8859-1", RUSSIAN),
    ("declared iso-8859-1, is utf-8", feed(FRENCH, "iso-8859-1").encode(), None, FRENCH),
    ("declared us-ascii, is windows-1252", feed(FRENCH, "us-ascii").encode("windows-1252"), None, FRENCH),
    ("declared iso-8859-1, is windows-1252", feed(FRENCH, "iso-8859-1").encode("windows-1252"), None, FRENCH),
    ("declared utf-16, is utf-8", feed(FRENCH, "utf-16").encode(), None, FRENCH),
    ("header utf-7, is utf-8", feed(FRENCH).encode(), "utf-7", FRENCH),
    ("header iso-8859-1, declared windows-1251", feed(RUSSIAN, "cp1251").encode("cp1251"), "iso-8859-1", RUSSIAN),
    ("header nonsense, is utf-8", feed(FRENCH).encode(), "x-no-such-thing", FRENCH),
    ("header base64, is utf-8", feed(FRENCH).encode(), "base64", FRENCH),
    ("header windows-1252, marked utf-8", codecs.BOM_UTF8 + feed(FRENCH).encode(), "windows-1252", FRENCH),
]


@pytest.mark.parametrize(
    ("body", "header", "text"), [row[1:] for row in WRONG_LABELS], ids=[row[0] for row in WRONG_LABELS]
)
def test_F29_a_label_that_the_bytes_contradict_is_not_believed(body: bytes, header: str | None, text: str) -> None:
    assert title(body, header) == text


WIDE = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig"]


@pytest.mark.parametrize("charset", WIDE)
@pytest.mark.parametrize("declared", ["", "utf-8", "utf-16"])
def test_F29_wide_forms_are_seen_with_and_without_a_mark(charset: str, declared: str) -> None:
    assert title(feed(RUSSIAN, declared).encode(charset)) == RUSSIAN


def test_F29_a_few_foreign_bytes_do_not_change_the_charset() -> None:
    body = feed(RUSSIAN + " X").encode().replace(b" X", b" caf\xe9 \x80 X")
    assert title(body) == f"{RUSSIAN} café € X"
    assert decode(body, "utf-8").warning


def test_F29_what_agrees_is_no_reason_to_warn() -> None:
    assert decode(feed(RUSSIAN, "utf-8").encode(), "UTF-8").warning is None
    assert decode(feed(FRENCH, "iso-8859-1").encode("latin-1", "replace"), "ISO-8859-1").warning is None
    assert decode(b"<rss/>", None).warning is None


def test_F29_a_wrong_label_is_a_warning() -> None:
    parsed = parse(Fetched(url="https://feeds.example/", body=feed(RUSSIAN).encode("cp1251"), charset="utf-8"))
    assert parsed.warnings == ("the HTTP header names another charset; the letters look like cp1251",)


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "idna", "punycode", "zlib", "rot13", "undefined"])
def test_F29_some_codecs_are_never_an_answer(charset: str) -> None:
    body = b"<rss>+ADw-script+AD4-\\u003c</rss>"
    assert decode(body, charset).text == body.decode()


# ── labels that the bytes disprove, and short texts ─────────────────────────────────────────────────────────────────

MULTI_BYTE = ("gbk", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "iso-2022-jp")


@pytest.mark.parametrize("header", [*MULTI_BYTE, "windows-1251", "koi8-r", "iso-8859-5", "windows-874"])
@pytest.mark.parametrize("text", [RUSSIAN, JAPANESE, FRENCH, "Café"], ids=["ru", "ja", "fr", "short"])
def test_B15_utf8_that_is_declared_and_valid_wins_over_the_header(header: str, text: str) -> None:
    assert title(feed(text, "utf-8").encode(), header) == text


@pytest.mark.parametrize("header", MULTI_BYTE)
def test_B15_long_utf8_needs_no_declaration_and_json_is_always_utf8(header: str) -> None:
    assert title(feed(RUSSIAN).encode(), header) == RUSSIAN
    body = '{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "title": "Мост"}]}'
    assert title(body.encode(), header) == "Мост"
    mixed = feed(RUSSIAN, "utf-8").encode().replace(b"</title>", b" \xe9</title>")
    assert title(mixed, header) == f"{RUSSIAN} é"
    page = "<html><head><meta charset='utf-8'><title>Мост</title>"
    assert decode(page.encode(), header).text == page


@pytest.mark.parametrize(
    ("charset", "text"),
    [("gbk", "港口"), ("big5", "燈塔"), ("shift_jis", "灯台の展示"), ("euc-kr", "등대"), ("gb18030", "联通")],
)
def test_B15_a_true_header_is_believed_for_short_texts(charset: str, text: str) -> None:
    assert title(feed(text).encode(charset), charset) == text
    assert title(feed(text, "utf-8").encode(charset), charset) == text or charset == "gb18030"


SHORT = (
    "Café",
    "Größe",
    "Señor",
    "naïve",
    "Þór",
    "Ærø",
    "São Paulo",
    "garçon",
    "l’été – “été”",
    "50 € für 1º",
    "El Niño…",
)


@pytest.mark.parametrize("text", SHORT)
def test_B15_a_short_text_is_windows_1252_before_any_dos_page(text: str) -> None:
    assert decode(f"# {text}\n\nA short story.\n".encode("cp1252"), None).text.startswith(f"# {text}\n")


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("cp1251", "Привет"),
        ("cp1250", "Łódź i Żory"),
        ("cp1255", "שלום"),
        ("cp1250", "žluťoučký kůň"),
        ("koi8-r", "Сегодня"),
    ],
)
def test_B15_letters_that_are_none_of_windows_1252_are_another_charset(charset: str, text: str) -> None:
    assert decode(f"# {text}\n\nA short story.\n".encode(charset), None).text.startswith(f"# {text}\n")
