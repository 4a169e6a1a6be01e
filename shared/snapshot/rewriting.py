"""A snapshot with pseudonyms in place of names and ids. Pure but for the file object."""

from collections.abc import Iterable
from typing import IO

import msgspec

from shared.judgement import Judge
from shared.rules.loader import Rules
from shared.snapshot.file import SectionWriter
from shared.snapshot.judging import judge_of
from shared.snapshot.lines import Head, Line, Reading
from shared.snapshot.pseudonyms import Pseudonyms


def pseudonymised(lines: Iterable[Line], out: IO[bytes], names: Pseudonyms, rules: Rules) -> None:
    """Write these sections with pseudonyms, to be judged again like any other.

    Verdicts name groups, so those of then can't be taken over: they are given anew by the rules of now, and
    the heads say so. Raises `SnapshotUnreadable` where the lines do, and `NoEdition`.
    """
    writer: SectionWriter | None = None
    judge: Judge | None = None
    for line in lines:
        if isinstance(line, Head):
            head = msgspec.structs.replace(names.head(line), rules=rules.digest)
            writer, judge = SectionWriter(out, head), judge_of(head, rules)
            continue
        if writer is None or judge is None:
            raise ValueError("a section begins with its head")
        if isinstance(line, Reading):
            one = names.reading(line)
            writer.add(one, judge.judged(one.user, one.standing, one.at))
        else:
            writer.end()
