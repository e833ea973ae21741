"""Readers of source feeds: XML (RSS, Atom, CDF), JSON Feed, and feedparser as the fallback."""
