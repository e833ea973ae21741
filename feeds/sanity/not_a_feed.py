"""What a response holds instead of a feed, with a sentence that says what to do about it (F31, E20)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from ..errors import FailureKind


def any_of(lines: str) -> re.Pattern[str]:
    """Return one pattern that matches any of these lines, in either case."""
    return re.compile("|".join(line.strip() for line in lines.strip().splitlines()), re.IGNORECASE)


# Anywhere in the source. A plain `/cdn-cgi/challenge-platform/` is on ordinary pages as well.
CHALLENGE = any_of(r"""
    _cf_chl_opt
    \bcf[-_]chl[-_]
    challenge-platform/h/\w/orchestrate
    cf-browser-verification
    /\.well-known/ddos-guard/
    /\.well-known/sgcaptcha
    /\.within\.website/x/cmd/anubis
    id="anubis_challenge"
    Incapsula incident ID
    sucuri_cloudproxy_js
    vercel security checkpoint
    ^error code: 10\d\d\b
""")

# In the source of a page that says little else.
CHALLENGE_IF_BRIEF = any_of(r"""
    _Incapsula_Resource
    captcha-delivery\.com
    \bpx-captcha\b
    \bgokuProps\b
    \bawswaf\.com/
    distil_r_captcha
    \bsec-if-cpt-container\b
    \bsec-cpt-if\b
""")

CHALLENGE_TITLE = any_of(r"""
    ^just a moment
    ^one moment, please
    ^attention required! \| cloudflare
    ^ddos-guard
    ^pardon our interruption
    ^access to this page has been denied
    ^checking your browser
    ^making sure you['’]re not a bot
    ^bot verification
    ^security check(?:point)?$
    ^verifying (?:you|your)\b
""")

CHALLENGE_TEXT = any_of(r"""
    checking (?:if the site connection is secure|your browser before)
    verif(?:y|ying) (?:that )?you are (?:a )?human
    enable javascript and cookies to continue
    please wait while (?:your request is being|we are) verif
""")

CAPTCHA = any_of(r"""
    captcha
    \bcf-turnstile\b
""")

CAPTCHA_TEXT = any_of(r"""
    \bcaptcha\b
    \bnot a robot\b
    \bunusual traffic\b
    \bare you (?:a )?(?:human|robot)\b
""")

PASSWORD = re.compile(r"<input\b[^<>]*\btype\s*=\s*[\"']?password\b", re.IGNORECASE)

LOGIN_TITLE = any_of(r"""
    \blog[ -]?[io]n\b
    \bsign[ -]?in\b
    \bauthenticat
    \b(?:anmeld|einloggen\b)
    \b(?:connexion|se connecter)\b
    \b(?:iniciar sesión|acceder|entrar)\b
    \bacced[ie]\b
    \binloggen\b
    \b(?:logga in|logg inn|log ind|kirjaudu)\b
    \b(?:zaloguj|logowanie|přihl)
    \b(?:вход|войти|увійти)\b
    \bgiriş\b
    ログイン|登录|登入|로그인
""")

LOGIN_PATH = any_of(r"""
    /(?:wp-login|log-?in|sign-?in|sso|auth|oauth2?|session/new)\b
""")

LOGIN_ELSEWHERE = any_of(r"""
    name=["']?SAMLRequest
    login\.microsoftonline\.com/[^"']{0,100}/oauth2
    accounts\.google\.com/(?:v3/)?signin
""")

PORTAL_TITLE = any_of(r"""
    \bcaptive portal\b
    \bhotspot login\b
    \bwi-?fi login\b
""")

PARKED = any_of(r"""
    sedoparking\.com
    parkingcrew\.(?:net|com)
    \bbodis\.com
    parklogic\.com
    /parking-lander/
    \bdata-adblockkey\b
    hugedomains\.com/domain_profile
    //(?:www\.)?dan\.com/buy-domain
    afternic\.com/(?:forsale|domain)
    domainmarket\.com/buynow
""")

PARKED_TEXT = any_of(r"""
    \bdomain(?: name)?\b.{0,60}\b(?:is|may be) (?:available )?for sale\b
    \bdomain(?: name)?\b.{0,60}\bhas expired\b
    \b(?:buy|inquire about) this domain\b
    \bthis (?:web ?page|domain|site)(?: name)? (?:is|has been) parked\b
    \bparked (?:free|domain)\b
    \bdiese domain\b.{0,60}\b(?:zum verkauf|zu verkaufen|geparkt)
    \bdomaine\b.{0,60}\bà vendre\b
    \bdominio\b.{0,60}\b(?:en venta|in vendita)\b
    \bdomein(?:naam)?\b.{0,60}\bte koop\b
""")

SUSPENDED = any_of(r"""
    \b(?:account|site|website) (?:has been |is )?suspended\b
""")

WELCOME_TITLE = any_of(r"""
    ^welcome to (?:nginx|openresty|centos|caddy)\b
    ^apache2? (?:\w+ ){0,3}default page
    ^iis windows
    ^it works!?$
    ^(?:http server )?test page
    ^default (?:web site|parallels plesk)? ?page$
""")

MAINTENANCE = any_of(r"""
    \b(?:site|down|under|scheduled) (?:for )?maintenance\b
    \bwe(?:['’]| wi)ll be back (?:soon|shortly)\b
    \bwartungsarbeiten\b
    \ben maintenance\b
    \ben mantenimiento\b
""")

DENIED_TITLE = any_of(r"""
    ^(?:403 )?forbidden$
    ^403\b
    ^access denied
    ^request (?:blocked|rejected)
    \bbeen blocked\b
""")

MISSING_TITLE = any_of(r"""
    ^(?:error )?404\b
    ^not found\b
    \b(?:page|site|file) (?:was |is )?not found\b
    \bnicht gefunden\b
    \bpage introuvable\b
    \bp[áa]gina no encontrada\b
    \bpagina non trovata\b
""")


# ── the diagnosis ─────────────────────────────────────────────────────────────────────────────────────────────────────


INSPECTED_BYTES = 200_000  # the signs stand near the top of a page
BRIEF_WORDS = 250  # of visible text: a page about nothing else


class Diagnosis(NamedTuple):
    """What a response is, as a short machine word, and as a sentence for the operator."""

    kind: FailureKind
    sentence: str


def diagnose(body: bytes, media_type: str, url: str) -> Diagnosis | None:
    """Return what a body is that cannot be read as a feed; None for a broken feed or an unknown kind of document."""
    page = _Page(_decoded(body[:INSPECTED_BYTES]), media_type, url)
    if _FEED.match(page.text):
        return None
    for row in ROWS:
        if row.applies(page):
            place = urlsplit(url).hostname or url or "The source"
            return Diagnosis(row.kind, row.sentence.format(place=place, feed=page.announced))
    return None


# ── the page, inspected only as far as a row needs ──────────────────────────────────────────────────────────────────

# Atomic groups and possessive repeats prevent backtracking.
_PROLOG = r"(?>(?:\s++|<\?(?>.*?\?>)|<!--(?>.*?-->)|<!doctype\s+(?!html)[^>\[]*+(?>\[.*?\]|)[^>]*+>)*)"
_FEED = re.compile(_PROLOG + r"<(?:rss|(?:\w+:)?feed|rdf:rdf|channel)\b", re.IGNORECASE | re.DOTALL)
_OPML_ROOT = re.compile(_PROLOG + r"<(?:opml|oml)\b", re.IGNORECASE | re.DOTALL)
_SITEMAP_ROOT = re.compile(_PROLOG + r"<(?:\w+:)?(?:urlset|sitemapindex)\b", re.IGNORECASE | re.DOTALL)
_HTML = re.compile(r"<!doctype\s+html|<(?:html|head|body|title|meta|script|form|frameset)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title\b[^<>]*>([^<]*)", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-z][\w:-]*)[^<>]*>|<!--|-->|<![^<>]*>", re.IGNORECASE)
_CLOSED_BY = {"script": "/script", "style": "/style", "template": "/template", "<!--": "-->"}
_LINK = re.compile(r"<link\b[^<>]{0,1000}>", re.IGNORECASE)
_FEED_TYPE = re.compile(r"\btype\s*=\s*[\"']?\s*application/(?:rss\+xml|atom\+xml|rdf\+xml|feed\+json)", re.IGNORECASE)
_ALTERNATE = re.compile(r"\brel\s*=\s*[\"']?[^\"'>]*\b(?:alternate|feed)\b", re.IGNORECASE)
_HREF = re.compile(r"\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
_DOCUMENT = re.compile(r"%PDF-|\ufffdPNG|GIF8|PK\x03\x04|\ufffd{3}[\ufffd\x00-\x10]|ID3[\x00-\x04]|OggS")


@dataclass(frozen=True)
class _Page:
    text: str
    media_type: str
    url: str

    @cached_property
    def is_html(self) -> bool:
        return self.media_type in ("text/html", "application/xhtml+xml") or bool(_HTML.search(self.text[:5_000]))

    @cached_property
    def title(self) -> str:
        title = _TITLE.search(self.text)
        return " ".join(unescape(title[1]).split()) if title else ""

    @cached_property
    def visible(self) -> str:
        return " ".join(unescape(" ".join(_visible_texts(self.text))).split())

    @cached_property
    def is_brief(self) -> bool:
        return self.is_html and self.visible.count(" ") < BRIEF_WORDS

    @cached_property
    def announced(self) -> str:
        """Return the feed that the page names in its head."""
        for tag in _LINK.findall(self.text):
            href = _HREF.search(tag)
            if href and _FEED_TYPE.search(tag) and _ALTERNATE.search(tag):
                return urljoin(self.url, unescape(href[1] or href[2] or href[3] or "").strip())
        return ""


def _decoded(body: bytes) -> str:
    encoding = "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return body.decode(encoding, "replace").strip("\0 \t\r\n\ufeff")


def _visible_texts(text: str) -> Iterator[str]:
    """Yield the visible pieces of text, in one pass."""
    hidden, end = "", 0
    for tag in _TAG.finditer(text):
        if not hidden:
            yield text[end : tag.start()]
        end = tag.end()
        name = ((tag[1] or "") + (tag[2] or tag[0])).lower()
        if not hidden:
            hidden = _CLOSED_BY.get(name, "")
        elif name == hidden:
            hidden = ""
    if not hidden:
        yield text[end:]


# ── the rows ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _is_challenge(page: _Page) -> bool:
    if CHALLENGE.search(page.text):
        return True
    checks = (
        (CHALLENGE_IF_BRIEF, page.text),
        (CHALLENGE_TITLE, page.title),
        (CHALLENGE_TEXT, page.visible),
    )
    return page.is_brief and any(pattern.search(text) for pattern, text in checks)


def _is_captcha(page: _Page) -> bool:
    return page.is_brief and bool(CAPTCHA.search(page.text) and CAPTCHA_TEXT.search(page.visible))


def _is_login(page: _Page) -> bool:
    """Return whether the page is made for logging in; on others the form is a corner of the head."""
    if page.is_brief and LOGIN_ELSEWHERE.search(page.text):
        return True
    if not PASSWORD.search(page.text):
        return False
    is_named = LOGIN_TITLE.search(page.title) or LOGIN_PATH.search(urlsplit(page.url).path)
    return page.is_brief or bool(is_named)


def _is_parked(page: _Page) -> bool:
    return page.is_brief and bool(PARKED.search(page.text) or PARKED_TEXT.search(page.visible))


def _has_title(sign: re.Pattern[str]) -> Callable[[_Page], bool]:
    return lambda page: page.is_brief and bool(sign.search(page.title))


def _has_text(sign: re.Pattern[str]) -> Callable[[_Page], bool]:
    return lambda page: page.is_brief and bool(sign.search(page.title) or sign.search(page.visible))


class _Row(NamedTuple):
    kind: FailureKind
    applies: Callable[[_Page], bool]
    sentence: str


# In this order: a challenge may hold a captcha, a login page may name a feed, a parked domain may have a form.
ROWS: tuple[_Row, ...] = (
    _Row(
        FailureKind.EMPTY,
        lambda page: not page.text,
        "{place} sent an empty document. If it stays so, check the address.",
    ),
    _Row(
        FailureKind.DOCUMENT,
        lambda page: bool(_DOCUMENT.match(page.text)),
        "{place} sent an image, a PDF, an archive or a recording, which is no feed. Check the address.",
    ),
    _Row(
        FailureKind.OPML,
        lambda page: bool(_OPML_ROOT.match(page.text)),
        "{place} sent an OPML list of feeds, not a feed. Declare the source as `opml:`.",
    ),
    _Row(
        FailureKind.SITEMAP,
        lambda page: bool(_SITEMAP_ROOT.match(page.text)),
        "{place} sent a sitemap, not a feed. Declare the source as `sitemap:`.",
    ),
    _Row(
        FailureKind.CHALLENGE,
        _is_challenge,
        "{place} wants proof of a browser instead of giving the feed. "
        "Ask its operator to let feed readers through, or use another address of theirs.",
    ),
    _Row(
        FailureKind.CAPTCHA,
        _is_captcha,
        "{place} shows a captcha instead of the feed. Visit it less often, or ask its operator for a way in.",
    ),
    _Row(
        FailureKind.PORTAL,
        lambda page: "WISPAccessGatewayParam" in page.text or bool(PORTAL_TITLE.search(page.title)),
        "The network this machine is in asks for a login; {place} was not reached. Log in there.",
    ),
    _Row(
        FailureKind.LOGIN,
        _is_login,
        "{place} shows a login page instead of the feed. Add `auth:` or `headers:`, or use a public address.",
    ),
    _Row(
        FailureKind.PARKED,
        _is_parked,
        "{place} is a parked domain: the site is gone or its name was sold. Take the source out, or correct it.",
    ),
    _Row(
        FailureKind.SUSPENDED,
        _has_text(SUSPENDED),
        "{place} has been suspended by its hosting company. Take the source out if it does not come back.",
    ),
    _Row(
        FailureKind.WELCOME,
        _has_title(WELCOME_TITLE),
        "{place} shows the welcome page of its web server: the site is not set up, or has moved. Check the address.",
    ),
    _Row(
        FailureKind.MAINTENANCE,
        _has_text(MAINTENANCE),
        "{place} says that it is under maintenance. The next visit tries again.",
    ),
    _Row(
        FailureKind.DENIED,
        _has_title(DENIED_TITLE),
        "{place} shows a refusal instead of the feed. Ask its operator to let feed readers through.",
    ),
    _Row(
        FailureKind.ANNOUNCES,
        lambda page: page.is_html and page.announced not in ("", page.url),
        "{place} sent a web page and not a feed, but the page names one: set the address to {feed}",
    ),
    _Row(
        FailureKind.MISSING,
        _has_title(MISSING_TITLE),
        "{place} has nothing at this address, though it answered as if it had. Check the address.",
    ),
    _Row(
        FailureKind.PAGE,
        lambda page: page.is_html,
        "{place} sent a web page where a feed was expected. Give the address of a feed, or declare it as `page:`.",
    ),
)
