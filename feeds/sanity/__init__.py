"""Whether what came is believable: a listing against what is known of its source, a page against what was expected."""

from __future__ import annotations

from .listing import Judgement, Verdict, judge
from .not_a_feed import Diagnosis, what_is

__all__ = ["Judgement", "Diagnosis", "Verdict", "judge", "what_is"]
