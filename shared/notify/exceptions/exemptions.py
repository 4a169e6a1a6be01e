"""Exceptions: what an administrator has agreed not to be told of, by whom, why and until when. Pure.

They change no verdict, no finding and no count of seats, only the telling (judgement.md §6). An end that has
passed is an end, whoever wrote it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from shared.clocks import is_ahead
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
        """Whether it is in force; that the clock was ahead when it was agreed or ended changes nothing."""
        ended = self.ended_at is not None and (self.ended_at <= now or is_ahead(self.ended_at, now))
        return now < self.until and not ended


class Exemptions:
    """Exceptions by what they cover. `memberships`: user id to the watched groups that the user is in."""

    def __init__(self, exemptions: Iterable[Exemption], memberships: Mapping[str, frozenset[str]]) -> None:
        self._memberships = memberships
        self._by_subject: dict[tuple[str, str], list[Exemption]] = defaultdict(list)
        for one in sorted(exemptions, key=lambda one: (one.end, one.id), reverse=True):
            self._by_subject[one.subject_type, one.subject_id].append(one)

        self._everybody = ("", "") in self._by_subject

    def __bool__(self) -> bool:
        return bool(self._by_subject)

    def __iter__(self) -> Iterator[Exemption]:
        """All of them, soonest end first."""
        found = (one for several in self._by_subject.values() for one in several)
        return iter(sorted(found, key=lambda one: (one.end, one.id)))

    def may_cover(self, user_id: str) -> bool:
        """Whether any could be about this user; False is certain, and quickly known."""
        return (
            self._everybody or (SubjectType.USER, user_id) in self._by_subject or user_id in self._memberships
        )

    def of(self, entry: Entry) -> Exemption | None:
        """The exception that covers this finding; of several the one that lasts longest."""
        return self.covering(entry.subject_type, entry.subject_id, entry.kind)

    def covering(self, subject_type: SubjectType, subject_id: str, kind: str) -> Exemption | None:
        """The exception that covers findings of that kind about that subject, as `of`."""
        found = [
            one
            for subject in self._subjects(subject_type, subject_id)
            for one in self._by_subject.get(subject, ())
            if one.kind in ("", kind)
        ]
        return max(found, key=lambda one: (one.end, one.id), default=None)

    def _subjects(self, subject_type: SubjectType, subject_id: str) -> Iterable[tuple[str, str]]:
        yield str(subject_type), subject_id
        yield "", ""
        if subject_type is SubjectType.TENANT:
            yield "tenant", ""
        if subject_type is SubjectType.USER:
            for group in self._memberships.get(subject_id, ()):
                yield "group", group
