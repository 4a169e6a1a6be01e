"""Exceptions: what an administrator has agreed not to be told of, by whom, why and until when. Pure.

They change no verdict, no finding and no count of seats, only the telling (judgement.md §6). An end that has
passed is an end, whoever wrote it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from shared.model import Facts, SubjectType
from shared.notify.entries import Entry

LONGEST = timedelta(days=366)
"""An exception is agreed for a year at most."""
LONGEST_OF_A_KIND = timedelta(days=30)
"""One that names a kind and no subject; only for kinds that are never of high severity."""
WARNED_BEFORE = timedelta(days=7)
"""So long before its end people are reminded of it."""


class Exemption(Facts, frozen=True, tag="exception"):
    """One agreed exception.

    `kind`: a kind of finding; empty for every kind. `subject_type`: `user`, `group` (its own findings and
    those of all who are in it, directly or through other groups), `tenant`, or empty: any subject.
    `ended_at`: when somebody ended it before `until`.
    """

    id: str
    owner: str
    reason: str
    until: datetime
    created_at: datetime
    kind: str = ""
    subject_type: str = ""
    subject_id: str = ""
    ended_at: datetime | None = None

    @property
    def end(self) -> datetime:
        """When it ends or ended."""
        return self.until if self.ended_at is None else min(self.until, self.ended_at)

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.created_at <= now < self.end


class Exemptions:
    """Exceptions by what they cover. `memberships`: user id to the watched groups that the user is in."""

    def __init__(self, exemptions: Iterable[Exemption], memberships: Mapping[str, frozenset[str]]) -> None:
        self._memberships = memberships
        self._by_subject: dict[tuple[str, str], list[Exemption]] = defaultdict(list)
        for one in sorted(exemptions, key=lambda one: (one.end, one.id), reverse=True):
            self._by_subject[one.subject_type, one.subject_id].append(one)

    def __bool__(self) -> bool:
        return bool(self._by_subject)

    def of(self, entry: Entry) -> Exemption | None:
        """The exception that covers this finding; of several the one that lasts longest."""
        found = [
            one
            for subject in self._subjects(entry)
            for one in self._by_subject.get(subject, ())
            if one.kind in ("", entry.kind)
        ]
        return max(found, key=lambda one: (one.end, one.id), default=None)

    def _subjects(self, entry: Entry) -> Iterable[tuple[str, str]]:
        yield str(entry.subject_type), entry.subject_id
        yield "", ""
        if entry.subject_type is SubjectType.TENANT:
            yield "tenant", ""
        if entry.subject_type is SubjectType.USER:
            for group in self._memberships.get(entry.subject_id, ()):
                yield "group", group
