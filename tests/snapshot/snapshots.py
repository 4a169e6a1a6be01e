"""Snapshots for tests: sections written as the product writes them, in memory."""

import io
from collections.abc import Iterable

from shared.judgement import Judge
from shared.rules.loader import load_rules
from shared.snapshot.file import SectionWriter
from shared.snapshot.lines import Head, Reading

RULES = load_rules()


def written(head: Head, readings: Iterable[Reading]) -> bytes:
    """One section with the verdicts of today's rules."""
    out = io.BytesIO()
    judge = Judge(RULES, head.policy, head.facts)
    writer = SectionWriter(out, head)
    for one in readings:
        writer.add(one, judge.judged(one.user, one.standing, one.at))
    writer.end()
    return out.getvalue()
