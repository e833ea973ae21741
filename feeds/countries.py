"""The country of a site, told by its address."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

# Domains of countries that sites of any country use.
GENERIC_TLDS = frozenset(("co", "io", "ai", "me", "tv", "eu", "cc", "is", "fm", "ly", "am", "so", "to"))
_OTHER_NAMES = {"uk": "GB"}


@lru_cache(maxsize=1024)
def country_of(*addresses: str | None) -> str | None:
    """Return the country (ISO 3166) of the first address whose domain is that of one country."""
    for address in addresses:
        try:
            domain = (urlsplit(address or "").hostname or "").rpartition(".")[2]
        except ValueError:
            continue
        if len(domain) == 2 and domain.isalpha() and domain not in GENERIC_TLDS:
            return _OTHER_NAMES.get(domain, domain.upper())
    return None
