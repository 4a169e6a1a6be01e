"""Users counted for the report, and the row of each who is to be acted on. Pure; sums of parts add up."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from shared.ledger.totals import Answered, Counted, CountedVerdict, add, totals_of
from shared.model import Facts, Severity, State, Step, SubjectType, Totals
from shared.notify.exceptions.exemptions import Exemptions
from shared.report.figures import Row

GRAVITY = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 2}
"""The gravest first."""


class FindingLine(Protocol):
    """Of a finding what a row needs."""

    @property
    def kind(self) -> str: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def rule(self) -> str: ...
    @property
    def cause(self) -> str: ...
    @property
    def remedy(self) -> tuple[Step, ...]: ...


class OpenLine(Protocol):
    """Of an open finding what a row needs."""

    @property
    def finding(self) -> FindingLine: ...
    @property
    def opened_at(self) -> datetime: ...


class VerdictLine(CountedVerdict, Protocol):
    """Of a verdict what a report needs."""

    @property
    def rule(self) -> str: ...
    @property
    def cause(self) -> str: ...
    @property
    def reset(self) -> Answered: ...


class UserLine(Counted, Protocol):
    """Of a user's record what a report needs; a `UserRecord` is one."""

    @property
    def verdict(self) -> VerdictLine: ...
    @property
    def upn(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def skus(self) -> tuple[str, ...]: ...
    @property
    def open(self) -> Mapping[str, OpenLine]: ...


class Tally(Facts, frozen=True):
    """Counts over some users. Answers of the two parts of the verdict: `yes`, `no`, `undetermined`.

    `reach`: users out of reach by reason. `states` of `others`: users by state, by edition. `kinds`: open
    findings by kind. `severities`: the gravest seen of each kind.
    """

    totals: Totals = Totals()
    reach: Mapping[str, int] = {}
    reset: Mapping[str, int] = {}
    writeback: Mapping[str, int] = {}
    others: Mapping[str, Mapping[str, int]] = {}
    kinds: Mapping[str, int] = {}
    severities: Mapping[str, Severity] = {}


def tally_of(lines: Iterable[UserLine]) -> Tally:
    """The counts over these users, tombstones left out."""
    there = [line for line in lines if line.gone_at is None]
    reach: Counter[str] = Counter()
    reset: Counter[str] = Counter()
    writeback: Counter[str] = Counter()
    others: Counter[tuple[str, str]] = Counter()
    kinds: Counter[str] = Counter()
    severities: dict[str, Severity] = {}
    for line in there:
        verdict = line.verdict
        if verdict.state is State.NOT_IN_REACH:
            reach[verdict.cause] += 1
        else:
            reset[verdict.reset.answer] += 1
            writeback[verdict.writeback.answer] += 1
        for other in line.others.items():
            others[other] += 1
        for one in line.open.values():
            kinds[one.finding.kind] += 1
            _gravest(severities, one.finding.kind, one.finding.severity)
    by_edition: dict[str, dict[str, int]] = {}
    for (edition, state), n in others.items():
        by_edition.setdefault(edition, {})[str(state)] = n
    return Tally(
        totals=totals_of(there),
        reach=dict(reach),
        reset=dict(reset),
        writeback=dict(writeback),
        others=by_edition,
        kinds=dict(kinds),
        severities=severities,
    )


def together(tallies: Sequence[Tally]) -> Tally:
    """The counts over the users of all; no two may have one in common."""
    totals = Totals()
    severities: dict[str, Severity] = {}
    editions: dict[str, list[Mapping[str, int]]] = {}
    for one in tallies:
        totals = add(totals, one.totals)
        for kind, severity in one.severities.items():
            _gravest(severities, kind, severity)
        for edition, states in one.others.items():
            editions.setdefault(edition, []).append(states)
    return Tally(
        totals=totals,
        reach=_sum(one.reach for one in tallies),
        reset=_sum(one.reset for one in tallies),
        writeback=_sum(one.writeback for one in tallies),
        others={edition: _sum(several) for edition, several in sorted(editions.items())},
        kinds=_sum(one.kinds for one in tallies),
        severities=severities,
    )


def _sum(several: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in several:
        found.update(one)
    return {key: found[key] for key in sorted(found)}


def _gravest(severities: dict[str, Severity], kind: str, severity: Severity) -> None:
    known = severities.get(kind)
    if known is None or GRAVITY[severity] < GRAVITY[known]:
        severities[kind] = severity


def row_of(line: UserLine, order: Mapping[str, int]) -> Row | None:
    """The user's row without exceptions; None where there is nothing to act on.

    `order`: the kinds' places, for findings that are equally grave.
    """
    if line.gone_at is not None:
        return None
    verdict = line.verdict
    others = {edition: state for edition, state in line.others.items() if state != verdict.state}
    if not line.open and not others:
        return None
    found = sorted(
        line.open.values(), key=lambda one: (GRAVITY[one.finding.severity], order.get(one.finding.kind, 99))
    )
    first = found[0].finding if found else None
    return Row(
        id=line.id,
        upn=line.upn,
        name=line.name,
        state=verdict.state,
        rule=first.rule if first else verdict.rule,
        cause=first.cause if first else verdict.cause,
        kinds=tuple(one.finding.kind for one in found),
        severity=first.severity if first else Severity.LOW,
        since=min((one.opened_at for one in found), default=None),
        synced=line.synced,
        skus=line.skus,
        remedy=first.remedy if first else (),
        others=others,
    )


def exception_of(row: Row, exemptions: Exemptions) -> str:
    """The id of an exception that covers all findings of the row, of several the one that ends first."""
    found = [exemptions.covering(SubjectType.USER, row.id, kind) for kind in row.kinds]
    ends = sorted((one.end, one.id) for one in found if one)
    return ends[0][1] if ends and len(ends) == len(found) else ""


def excepted_kinds(row: Row, exemptions: Exemptions) -> tuple[str, ...]:
    """The kinds of the row's findings that an exception covers."""
    return tuple(
        kind for kind in row.kinds if exemptions.covering(SubjectType.USER, row.id, kind) is not None
    )
