"""Source feeds: XML (RSS, Atom, CDF), JSON Feed, and feedparser where no XML parser copes."""
