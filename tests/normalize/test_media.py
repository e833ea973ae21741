"""Media: attachments, sizes, durations, media types and the image that a publisher chose."""

from __future__ import annotations

import pytest

from feeds.model import Attachment, Link, Media, Story
from feeds.normalize.media import (
    clean_media,
    find_attachments,
    find_declared_image,
    media_type,
    parse_duration,
    parse_size,
)

BASE = "https://example.org/blog/"


def test_attachments_are_enclosures_and_playable_media_each_once() -> None:
    story = Story(
        links=(
            Link("https://example.org/a.mp3", "enclosure", "audio/mpeg", "100"),
            Link("/b.pdf", "enclosure", title="B &amp; C"),
            Link("javascript:x", "enclosure"),
        ),
        media=(
            Media("https://example.org/a.mp3", type="audio/mpeg", duration="0:59"),
            Media("https://example.org/c", type="video/mp4; codecs=x", length="7"),
            Media("https://example.org/d.jpg"),
            Media("https://example.org/e", medium="image"),
            Media("https://example.org/f.jpg", "thumbnail"),
        ),
    )
    assert find_attachments(story, BASE) == (
        Attachment("https://example.org/a.mp3", "audio/mpeg", None, 100, 59.0),
        Attachment("https://example.org/b.pdf", "application/pdf", "B & C"),
        Attachment("https://example.org/c", "video/mp4", None, 7),
    )
    assert [item.url for item in clean_media(story, BASE)] == [item.url for item in story.media]


def test_the_length_of_an_episode_belongs_to_its_recording() -> None:
    links = (Link("https://example.org/a.pdf", "enclosure"), Link("https://example.org/a.mp3", "enclosure"))
    attachments = find_attachments(Story(links=links, podcast={"duration": "1:00:01"}))
    assert [item.duration for item in attachments] == [None, 3601.0]
    assert find_attachments(Story(links=links[:1], podcast={"duration": "1:00:01"}))[0].duration is None


@pytest.mark.parametrize(
    ("text", "length"),
    [
        *(("3601", 3601.0), ("60:01", 3601.0), ("1:00:01", 3601.0), ("12.5", 12.5), ("x", None), ("", None)),
        *((None, None), ("PT1H1S", 3601.0), ("pt90m", 5400.0), ("P0DT5M", 300.0), ("1h 2m 3s", 3723.0)),
        *(("62 min", 3720.0), ("1 hr, 5 mins.", 3900.0), ("2 hours 10 minutes", 7800.0), ("45 sec", 45.0)),
        *(
            ("0", None),
            ("00:00:00", None),
            ("PT0S", None),
            ("5 minutes ago", None),
            ("about 5 min", None),
            ("P1Y", None),
        ),
        *(("1 hour 2 minutes", 3720.0), ("1h02", 3720.0), ("1h02m", 3720.0), ("62:30", 3750.0), ("3720 s", 3720.0)),
        *(("PT90S", 90.0), ("P1DT1H", 90_000.0), ("PT1.5H", 5400.0), ("PT1H0M1.5S", 3601.5), ("1.5 hours", 5400.0)),
        *(("1 hr. 2 min. 3 sec.", 3723.0), ("1h, 2m and 3s", 3723.0), ("62'30\"", 3750.0), ("1:30 h", 5400.0)),
        *(("45:30 min", 2730.0), ("01:02:03.500", 3723.0), ("~ 62 min", 3720.0), ("1：02：03", 3723.0)),
        *(("1 Std. 5 Min.", 3900.0), ("1 Stunde und 5 Minuten", 3900.0), ("1 heure 5 minutes", 3900.0)),
        *(("1 h et 5 min", 3900.0), ("1,5 Stunden", 5400.0), ("1 час 2 минуты", 3720.0), ("62 мин", 3720.0)),
        *(("1小时2分3秒", 3723.0), ("1時間2分", 3720.0), ("1시간 2분 3초", 3723.0), ("1 saat 2 dakika", 3720.0)),
        *(("1 óra 2 perc", 3720.0), ("1 ώρα 2 λεπτά", 3720.0), ("1 ساعة", 3600.0), ("1 giờ 2 phút", 3720.0)),
        *(("-5", None), ("-1:00", None), ("0 min", None), ("0:00", None), ("2 min 3 h", None), ("120 MB", None)),
        *(
            ("1:2:3:4", None),
            ("5 minutes of 10", None),
            ("12 March", None),
            ("N/A", None),
            ("PT", None),
            ("S1E2", None),
        ),
    ],
)
def test_lengths_of_time(text: str | None, length: float | None) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    ("text", "size"), [("12", 12), (" 12 ", 12), ("0", None), ("-1", None), ("1e3", None), (None, None)]
)
def test_sizes(text: str | None, size: int | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "url", "kind"),
    [
        ("Audio/MPEG; x=y", "https://example.org/a", "audio/mpeg"),
        (None, "https://example.org/a.M4A?x=1", "audio/mp4"),
        ("nonsense", "https://example.org/a.webp", "image/webp"),
        (None, "https://example.org/a", "application/octet-stream"),
    ],
)
def test_media_types(text: str | None, url: str, kind: str) -> None:
    assert media_type(text, url) == kind


@pytest.mark.parametrize(
    ("story", "image"),
    [
        (Story(image=Link("/a.jpg"), media=(Media("/b.jpg"),)), "https://example.org/a.jpg"),
        (Story(image=Link("javascript:x"), media=(Media("/b.jpg", "thumbnail"),)), "https://example.org/b.jpg"),
        (Story(media=(Media("/s.jpg", width="75"), Media("/l.jpg", width="800"))), "https://example.org/l.jpg"),
        (Story(media=(Media("https://secure.gravatar.com/avatar/1", medium="image"),)), None),
        (Story(links=(Link("/c.png", "enclosure"),)), "https://example.org/c.png"),
        (Story(media=(Media("/d.mp4"),)), None),
    ],
)
def test_the_image_a_publisher_chose(story: Story, image: str | None) -> None:
    assert find_declared_image(story, BASE) == image
