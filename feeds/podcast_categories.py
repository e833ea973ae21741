"""The categories of podcasts that Apple's directory takes, and with it the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SEPARATOR = " > "  # between a category and the one inside it

_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "Arts": ("Books", "Design", "Fashion & Beauty", "Food", "Performing Arts", "Visual Arts"),
    "Business": ("Careers", "Entrepreneurship", "Investing", "Management", "Marketing", "Non-Profit"),
    "Comedy": ("Comedy Interviews", "Improv", "Stand-Up"),
    "Education": ("Courses", "How To", "Language Learning", "Self-Improvement"),
    "Fiction": ("Comedy Fiction", "Drama", "Science Fiction"),
    "Government": (),
    "Health & Fitness": ("Alternative Health", "Fitness", "Medicine", "Mental Health", "Nutrition", "Sexuality"),
    "History": (),
    "Kids & Family": ("Education for Kids", "Parenting", "Pets & Animals", "Stories for Kids"),
    "Leisure": (
        *("Animation & Manga", "Automotive", "Aviation", "Crafts", "Games", "Hobbies", "Home & Garden"),
        "Video Games",
    ),
    "Music": ("Music Commentary", "Music History", "Music Interviews"),
    "News": (
        *("Business News", "Daily News", "Entertainment News", "News Commentary", "Politics", "Sports News"),
        "Tech News",
    ),
    "Religion & Spirituality": ("Buddhism", "Christianity", "Hinduism", "Islam", "Judaism", "Spirituality"),
    "Science": (
        *("Astronomy", "Chemistry", "Earth Sciences", "Life Sciences", "Mathematics", "Natural Sciences", "Nature"),
        *("Physics", "Social Sciences"),
    ),
    "Society & Culture": ("Documentary", "Personal Journals", "Philosophy", "Places & Travel", "Relationships"),
    "Sports": (
        *("Baseball", "Basketball", "Cricket", "Fantasy Sports", "Football", "Golf", "Hockey", "Rugby", "Running"),
        *("Soccer", "Swimming", "Tennis", "Volleyball", "Wilderness", "Wrestling"),
    ),
    "TV & Film": ("After Shows", "Film History", "Film Interviews", "Film Reviews", "TV Reviews"),
    "Technology": (),
    "True Crime": (),
}
# Until 2019 they had these names.
_FORMER_NAMES = {
    "Games & Hobbies": "Leisure",
    "Government & Organizations": "Government",
    "Health": "Health & Fitness",
    "News & Politics": "News",
    "Science & Medicine": "Science",
    "Sports & Recreation": "Sports",
}
_PATHS = {
    name.casefold(): path
    for category, inner in _CATEGORIES.items()
    for name, path in ((category, category), *((name, f"{category}{SEPARATOR}{name}") for name in inner))
}
_PATHS |= {former.casefold(): _PATHS[name.casefold()] for former, name in _FORMER_NAMES.items()}


def find_category(name: str) -> str | None:
    """Return a category of the list as `Arts > Books`, by that or by its last name; None where there is none."""
    *outer, last = (part.strip().casefold() for part in name.split(SEPARATOR.strip()))
    path = _PATHS.get(last)
    return path if path and all(part in path.casefold() for part in outer) else None


def category_names() -> list[str]:
    """Return the names of all categories."""
    return [name for category, inner in _CATEGORIES.items() for name in (category, *inner)]


def select_categories(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the list, each once; not one beside which stands another inside it."""
    paths = list(dict.fromkeys(path for name in names if (path := find_category(name))))
    return tuple(path for path in paths if not any(other.startswith(path + SEPARATOR) for other in paths))
