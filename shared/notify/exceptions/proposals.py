"""What an administrator proposes to be excepted, and everything that speaks against it. Pure.

Every fault is a code of the catalogue (`cli.faults`) with its values, so that all of them can be told at
once, each with its remedy, in any language.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time

import msgspec

from shared.guids import as_guid
from shared.model import Facts, Severity, SubjectType
from shared.notify.exceptions.exemptions import LONGEST, LONGEST_OF_A_KIND, Exemption
from shared.rules.kinds import KindRow

OWNER_AT_MOST = 200
REASON_AT_MOST = 500
"""Characters."""

NEVER = ("watch-unwell", "evidence-missing")
"""Kinds that nobody can be spared: the watch itself sees or does less than it should, and an exception for
one missing piece of evidence would hide the loss of any other."""


class Proposal(Facts, frozen=True):
    """An exception as somebody asks for it. `until` None: not given, or not to be understood.

    The other fields as in `Exemption`. `subject_type` empty: any subject.
    """

    owner: str = ""
    reason: str = ""
    until: datetime | None = None
    kind: str = ""
    subject_type: str = ""
    subject_id: str = ""

    @property
    def covers(self) -> tuple[str, str, str]:
        """Subject and kind: two exceptions in force with the same are one too many."""
        return self.subject_type, self.subject_id, self.kind


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong: a code, and the values that its sentence asks for."""

    code: str
    values: Mapping[str, str | int] = {}


def tidy(proposal: Proposal) -> Proposal:
    """The same in one form: ids in lower case, owner and reason as one line each."""
    return msgspec.structs.replace(
        proposal,
        owner=" ".join(proposal.owner.split()),
        reason=" ".join(proposal.reason.split()),
        kind=proposal.kind.strip().lower(),
        subject_id=proposal.subject_id.strip().lower(),
    )


def end_of_day(at: datetime) -> datetime:
    """The last second of that day, UTC: an end given as a date covers the whole of it."""
    return datetime.combine(at.astimezone(UTC).date(), time(23, 59, 59), UTC)


def faults_of(
    proposal: Proposal, agreed: Iterable[Exemption], kinds: Mapping[str, KindRow], now: datetime
) -> tuple[Fault, ...]:
    """Everything that speaks against this (tidy) proposal. `agreed`: the exceptions so far."""
    return (
        *_texts(proposal),
        *_kind(proposal, kinds),
        *_subject(proposal, kinds),
        *_end(proposal, kinds, now),
        *_double(proposal, agreed, now),
    )


def faults_of_all(
    proposals: Sequence[Proposal], agreed: Sequence[Exemption], kinds: Mapping[str, KindRow], now: datetime
) -> tuple[tuple[Fault, ...], ...]:
    """The faults of each, in order; also of one that names what another before it names."""
    first: dict[tuple[str, str, str], int] = {}
    found: list[tuple[Fault, ...]] = []
    for number, one in enumerate(proposals, start=1):
        faults = faults_of(one, agreed, kinds, now)
        before = first.setdefault(one.covers, number)
        if before != number:
            faults = (*faults, Fault("named-twice", {"n": before}))
        found.append(faults)
    return tuple(found)


def _texts(proposal: Proposal) -> Iterator[Fault]:
    for name, text, most in (
        ("owner", proposal.owner, OWNER_AT_MOST),
        ("reason", proposal.reason, REASON_AT_MOST),
    ):
        if not text:
            yield Fault(f"no-{name}")
        elif len(text) > most:
            yield Fault(f"long-{name}", {"n": len(text), "most": most})


def _kind(proposal: Proposal, kinds: Mapping[str, KindRow]) -> Iterator[Fault]:
    if proposal.kind and proposal.kind not in kinds:
        yield Fault("unknown-kind", {"kind": proposal.kind, "kinds": ", ".join(sorted(kinds))})
    elif proposal.kind in NEVER:
        yield Fault("never", {"kind": proposal.kind})


def _subject(proposal: Proposal, kinds: Mapping[str, KindRow]) -> Iterator[Fault]:
    row = kinds.get(proposal.kind)
    match proposal.subject_type:
        case "":
            if not proposal.kind:
                yield Fault("nothing-named")
            elif row and row.kind not in NEVER and not _may_stand_alone(row):
                yield Fault("kind-alone", {"kind": proposal.kind})
        case SubjectType.TENANT:
            if not proposal.kind:
                yield Fault("tenant-without-kind")
            elif row and SubjectType.TENANT not in row.subjects:
                yield Fault("not-of-tenant", {"kind": proposal.kind})
        case SubjectType.USER | SubjectType.GROUP as subject:
            if as_guid(proposal.subject_id) is None:
                yield Fault(f"no-{subject}-id")
            fitting = {SubjectType.USER} if subject == SubjectType.USER else set(_OF_GROUPS)
            if row and fitting.isdisjoint(row.subjects) and proposal.kind not in NEVER:
                yield Fault(f"not-of-{subject}", {"kind": proposal.kind})
        case other:
            yield Fault("unknown-subject", {"subject": other})


def _may_stand_alone(row: KindRow | None) -> bool:
    return row is not None and row.kind not in NEVER and Severity.HIGH not in row.severity.values()


_OF_GROUPS = (SubjectType.GROUP, SubjectType.USER)
"""An exception of a group covers the group's findings and those of the users in it."""


def _end(proposal: Proposal, kinds: Mapping[str, KindRow], now: datetime) -> Iterator[Fault]:
    if proposal.until is None:
        yield Fault("no-until")
        return
    if proposal.until <= now:
        yield Fault("past-until")
        return
    # Whoever must name a subject anyway may then choose the later end.
    alone = not proposal.subject_type and _may_stand_alone(kinds.get(proposal.kind))
    longest = LONGEST_OF_A_KIND if alone else LONGEST
    latest = end_of_day(now + longest)
    if proposal.until > latest:
        code = "late-until-of-kind" if alone else "late-until"
        yield Fault(code, {"latest": latest.date().isoformat(), "days": longest.days})


def _double(proposal: Proposal, agreed: Iterable[Exemption], now: datetime) -> Iterator[Fault]:
    until = proposal.until
    for one in agreed:
        if covers(one) == proposal.covers and one.holds(now) and (until is None or one.end >= until):
            yield Fault("agreed-already", {"id": one.id, "until": one.end.date().isoformat()})


def covers(one: Exemption) -> tuple[str, str, str]:
    """Subject and kind of an exception, as `Proposal.covers`."""
    subject_id = "" if one.subject_type == SubjectType.TENANT else one.subject_id
    return one.subject_type, subject_id, one.kind
