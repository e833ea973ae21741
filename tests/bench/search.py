"""How long the search takes, and how large its index is: `python tests/bench/search.py [STORIES]`.

Words are drawn as in natural language: the most frequent one stands in nearly every story (Zipf).
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from feeds.search_text import parse_query
from feeds.store import ServerDatabase
from feeds.store.search_index import SearchableStory, SearchIndex

VOCABULARY = 60_000
WORDS, LETTERS = 400, 800  # of a story; one of ten is Japanese
JAPANESE = [chr(code) for code in range(0x4E00, 0x4E00 + 2_000)]
START = datetime(2020, 1, 1, tzinfo=UTC)


def make_words(random_: random.Random) -> list[str]:
    letters = "eeeetttaaoooiinnssrrhhlldcumfpgwybvk"
    return ["".join(random_.choices(letters, k=random_.randint(2, 10))) for _ in range(VOCABULARY)]


def main(count: int) -> None:
    random_ = random.Random(1)
    words = make_words(random_)
    weights = list(accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
    stream = random_.choices(words, cum_weights=weights, k=1_000_000)
    letters = "".join(random_.choices(JAPANESE, k=1_000_000))
    with tempfile.TemporaryDirectory() as folder, closing(ServerDatabase(Path(folder) / "server.db")) as database:
        database.open()
        index, began, cpu = SearchIndex(database), time.perf_counter(), time.process_time()
        size = 0
        for first in range(0, count, 200):
            stories = []
            for key in range(first + 1, first + 201):
                place = random_.randrange(1_000_000 - LETTERS)
                drawn = stream[place : place + WORDS]
                text = letters[place : place + LETTERS] if key % 10 == 0 else " ".join(drawn)
                size += len(text.encode())
                position = START + timedelta(minutes=30 * key)
                stories.append(SearchableStory(key, 1, position, key, " ".join(drawn[:9]), f"Source {key % 100}", text))
            index.update(stories)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        file_size = (Path(folder) / "server.db").stat().st_size
        print(f"{count} stories, {size / 1e6:.0f} MB of text: {file_size / 1e6:.0f} MB")
        print(f"indexed in {seconds:.0f} s ({cpu_seconds:.0f} s CPU)")
        two = letters[7:9]
        for name, query in {
            "a rare word": words[40_000] + " ",
            "a usual word": words[500] + " ",
            "a word of nearly all stories": words[0] + " ",
            "two words": f"{words[200]} {words[3_000]}",
            "three frequent words": f"{words[0]} {words[1]} {words[2]} ",
            "a beginning of two letters": "et",
            "a beginning of three letters": "eta",
            "a phrase of two frequent words": f'"{words[0]} {words[1]}"',
            "two Japanese letters": two,
            "one Japanese letter": two[0],
            "nothing": "zzzzqqqq",
        }.items():
            times = []
            for _ in range(5):
                began = time.perf_counter()
                found = index.find(parse_query(query))
                times.append(time.perf_counter() - began)
            print(f"{name}: {len(found or ())} found, {1000 * sorted(times)[2]:.1f} ms (first {1000 * times[0]:.1f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 100_000)
