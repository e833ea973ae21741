"""IRIs and URIs (RFC 3986, RFC 3987): which texts may be ids, how an address is spelled in ASCII, what tracks."""

from __future__ import annotations

import re
from urllib.parse import quote

# As they stand in a class of a regular expression; those that separate parts of an address are among them.
URI_CHARACTERS = r"!#$%&'()*+,\-./0-9:;=?@A-Z_a-z~"
_URI = re.compile(rf"(?>(?:[{URI_CHARACTERS.replace('%', '')}]++|%[0-9A-Fa-f]{{2}})*)")
_NOT_URI = re.compile(rf"%(?![0-9A-Fa-f]{{2}})|[^{URI_CHARACTERS}]+")
_WEB_ADDRESS = re.compile(r"(https?://(?:[^/?#@]*@)?)(\[[^\]/?#]*\]|[^/?#:]*)(.*)", re.IGNORECASE | re.DOTALL)


def uri(iri: str) -> str:
    """Return an IRI as a URI: the host in Punycode, the rest percent-encoded (RFC 3987 §3.1). A URI stays as it is."""
    if _URI.fullmatch(iri):
        return iri
    match = _WEB_ADDRESS.fullmatch(iri)
    return _quote(match[1]) + _encode_host(match[2]) + _quote(match[3]) if match else _quote(iri)


def _quote(text: str) -> str:
    return _NOT_URI.sub(lambda match: quote(match[0], safe=""), text)


def _encode_host(host: str) -> str:
    if host.isascii():
        return host
    import idna  # its tables cost 10 ms, and few addresses need them

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return _quote(host)


# ── ids ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_IRI_CHARACTER = r"[^\s<>\"{}|\\^`\[\]\x00-\x20\x7f-\x9f]"
_WEB_IRI = re.compile(rf"https?://(?:\[[0-9a-f:.]+\]|(?![/?#]){_IRI_CHARACTER}){_IRI_CHARACTER}*", re.IGNORECASE)
_OTHER_IRI = re.compile(rf"[a-z][a-z0-9+.-]*:{_IRI_CHARACTER}+", re.IGNORECASE)
_TAG = re.compile(  # RFC 4151 §2.1: a host or an e-mail address, a date, and anything specific
    rf"tag:(?:[\w.-]+@)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?,\d{{4}}(?:-\d\d(?:-\d\d)?)?:[{URI_CHARACTERS}]*",
    re.IGNORECASE | re.ASCII,
)
_UUID = r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_URN = re.compile(rf"{_UUID}|urn:(?!uuid:)[a-z0-9][a-z0-9-]{{1,31}}:[{URI_CHARACTERS}]+", re.IGNORECASE)  # RFC 8141 §2

_SYNTAX = {"http": _WEB_IRI, "https": _WEB_IRI, "tag": _TAG, "urn": _URN}


def is_absolute_iri(text: str) -> bool:
    """Return whether a text is an IRI with a scheme, valid by the rules of its scheme: what Atom allows as an id."""
    return bool(_SYNTAX.get(text.partition(":")[0].lower(), _OTHER_IRI).fullmatch(text))


# ── tracking ────────────────────────────────────────────────────────────────────────────────────────────────────────

# Parameters that say where a reader comes from, not what is shown. Canonical URLs lose them, so a name that is added
# gives articles other ids (R3); published links lose them by the step `strip`, which takes further names.
TRACKING_PARAMETERS = frozenset((
    "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "ysclid", "twclid", "ttclid",
    "li_fat_id", "igshid", "igsh", "mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp",
    "vero_id", "vero_conv", "oly_anon_id", "oly_enc_id", "wickedid", "rb_clickid", "ml_subscriber",
    "ml_subscriber_hash", "ncid", "cmpid", "wt_mc", "wt.mc_id", "at_medium", "at_campaign", "at_link_id",
    "at_link_origin", "at_link_type", "at_ptr_name", "xtor", "spm", "guccounter", "guce_referrer",
    "guce_referrer_sig", "_openstat", "sr_share", "ref_src", "feature_source", "ocid",
))  # fmt: skip
_TRACKING_PREFIXES = ("utm_", "pk_", "mtm_", "piwik_", "matomo_", "hsa_", "itm_", "at_custom")


def is_tracking(name: str) -> bool:
    """Return whether a parameter of a query, its name in small letters, says nothing about what is shown."""
    return name in TRACKING_PARAMETERS or name.startswith(_TRACKING_PREFIXES)
