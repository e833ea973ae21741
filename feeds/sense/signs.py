"""The signs by which a page that is no feed gives itself away: one sign a line, each a regular expression.

They run on hostile bytes outside the killable worker: no sign repeats without a bound what another repeat can match.
"""

from __future__ import annotations

import re


def any_of(lines: str) -> re.Pattern[str]:
    """One pattern that finds whichever of these lines comes first, in either case."""
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
