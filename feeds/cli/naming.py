"""What somebody typed as an address, and when two addresses are the same. No I/O."""

from __future__ import annotations

from urllib.parse import urlsplit


def same(url: str) -> str:
    """What is equal for two spellings of one address: neither scheme, case of the host, nor a last slash counts."""
    try:
        parts = urlsplit(url.strip())
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return url
    query = f"?{parts.query}" if parts.query else ""
    return f"{(parts.hostname or '').removeprefix('www.')}{port}{parts.path.rstrip('/')}{query}"


def web_address(typed: str) -> str:
    """What somebody typed as a web address: `feed:` taken off, `https://` put before a bare host."""
    typed = typed.strip()
    if typed.lower().startswith("feed:"):
        rest = typed[5:]
        return f"https:{rest}" if rest.startswith("//") else web_address(rest)
    return typed if "://" in typed else f"https://{typed}"
