"""Makes the report from the ledger's records: a user at a time, or from counts made before. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from shared.findings.licences import Licences, licences_of
from shared.findings.making import TIER_NAMES
from shared.findings.seats import shortages
from shared.ledger.manifest import TENANT
from shared.ledger.records import TenantRecord
from shared.model import State, SubjectType, TenantFacts, Tier, Totals
from shared.notify.exceptions.exemptions import Exemption, Exemptions
from shared.notify.saying.names import Names, Person
from shared.report.counting import (
    GRAVITY,
    Tally,
    UserLine,
    excepted_kinds,
    exception_of,
    row_of,
    tally_of,
    together,
)
from shared.report.figures import (
    Concern,
    Disagreement,
    Excepted,
    KindCount,
    Need,
    Point,
    Report,
    Row,
    SkuSeats,
)
from shared.report.questions import questions
from shared.rules.loader import Rules
from shared.rules.policy import Policy
from shared.texts.catalogue import Catalogue
from shared.texts.plain import one_line, unescaped

__all__ = ["Builder", "UserLine", "report_of", "with_exception"]

_AT_ONCE = 2_000
"""Users counted together."""


class Builder:
    """Takes one user after the other, then gives the report.

    `at`: when it is made; `source`: `ledger` or `audit`; `exceptions`: those in force; `trend`, `health` as
    in `Report`.
    """

    def __init__(
        self,
        record: TenantRecord,
        rules: Rules,
        policy: Policy,
        texts: Catalogue,
        *,
        at: datetime,
        source: str,
        exceptions: Exemptions | None = None,
        trend: tuple[Point, ...] = (),
        health: tuple[str, ...] | None = None,
    ) -> None:
        self._record, self._rules, self._policy, self._texts = record, rules, policy, texts
        self._at, self._source, self._trend, self._health = at, source, trend, health
        self._exceptions = exceptions or Exemptions((), {})
        self._wanted = users_named(record, self._exceptions)
        self._order = order_of(rules)
        self._waiting: list[UserLine] = []
        self._tallies: list[Tally] = []
        self._excepted: Counter[str] = Counter()
        self._people: dict[str, Person] = {}
        self._rows = 0

    def add(self, user: UserLine) -> Row | None:
        """Count a user; its row where there is something to act on. A user may be added once only."""
        self._waiting.append(user)
        if len(self._waiting) >= _AT_ONCE:
            self._count()
        if user.id in self._wanted:
            self._people[user.id] = Person(user.name, user.upn)
        row = row_of(user, self._order)
        if row is None:
            return None
        self._rows += 1
        if self._exceptions.may_cover(row.id):
            self._excepted.update(excepted_kinds(row, self._exceptions))
            return with_exception(row, self._exceptions)
        return row

    def _count(self) -> None:
        self._tallies.append(tally_of(self._waiting))
        self._waiting = []

    def report(self) -> Report:
        """The report on all who were added so far."""
        self._count()
        self._tallies = [together(self._tallies)]
        return report_of(
            self._record,
            self._tallies[0],
            self._rules,
            self._policy,
            self._texts,
            at=self._at,
            source=self._source,
            rows=self._rows,
            exceptions=self._exceptions,
            excepted=self._excepted,
            people=self._people,
            trend=self._trend,
            health=self._health,
        )


def users_named(record: TenantRecord, exceptions: Iterable[Exemption]) -> frozenset[str]:
    """Ids of the users whom the report names beside the rows: in exceptions, and as a sample in remedies."""
    found = {one.subject_id for one in exceptions if one.subject_type == SubjectType.USER}
    for subject in record.subjects.values():
        for one in subject.open.values():
            for step in one.finding.remedy:
                found.update(map(str, step.values.get("sample") or ()))
    return frozenset(found)


def order_of(rules: Rules) -> Mapping[str, int]:
    """The place of each kind among findings that are equally grave."""
    return {kind: n for n, kind in enumerate(rules.kinds)}


def with_exception(row: Row, exceptions: Exemptions) -> Row:
    """The row with the exception that covers it, if one does."""
    excepted = exception_of(row, exceptions)
    return row if excepted == row.excepted else msgspec.structs.replace(row, excepted=excepted)


def report_of(
    record: TenantRecord,
    tally: Tally,
    rules: Rules,
    policy: Policy,
    texts: Catalogue,
    *,
    at: datetime,
    source: str,
    rows: int,
    exceptions: Exemptions,
    excepted: Mapping[str, int],
    people: Mapping[str, Person],
    trend: tuple[Point, ...] = (),
    health: tuple[str, ...] | None = None,
) -> Report:
    """The report from counts. `rows`: users to act on; `excepted`: findings of users that exceptions cover,
    by kind; `people`: names of `users_named`."""
    facts = record.facts or TenantFacts(tenant_id="")
    licences, totals = licences_of(rules, policy, facts), tally.totals
    whole = record.baseline_ended_at is not None
    concerns = _concerns(record, rules, exceptions)
    known = {key: shown for key, one in people.items() if (shown := _person(one))}
    names = {**names_in(facts, rules), **known}
    return Report(
        tenant_id=facts.tenant_id,
        tenant_name=facts.display_name,
        at=at,
        source=source,
        edition=policy.edition,
        users=totals.users,
        in_reach=totals.in_reach,
        states={state: totals.states.get(state, 0) for state in State},
        reach=dict(sorted(tally.reach.items(), key=lambda one: (-one[1], one[0]))),
        questions=questions(licences, tally, whole=whole),
        kinds=_kinds(tally, concerns, excepted, rules),
        skus=_seats(licences, totals),
        needs=_needs(licences, totals),
        disagreements=_disagreements(rules, policy, tally),
        rows=rows,
        concerns=concerns,
        names=names,
        trend=trend,
        exceptions=_excepted(exceptions, facts, names, texts),
        evidence=facts.evidence,
        health=health,
        baseline=not whole,
    )


def names_in(facts: TenantFacts, rules: Rules) -> dict[str, str]:
    """Names of the tenant's products and licensing groups, by id; those of groups as they were chosen."""
    skus = {key: rules.skus.name(key, sku.part_number) for key, sku in facts.skus.items()}
    groups = {key: one_line(group.display_name) for key, group in facts.groups.items()}
    return {key: name for key, name in {**skus, **groups}.items() if name}


def _person(one: Person) -> str:
    name, upn = one_line(one.name), one_line(one.upn)
    return f"{name} ({upn})" if name and upn and name != upn else name or upn


def _concerns(record: TenantRecord, rules: Rules, exceptions: Exemptions) -> tuple[Concern, ...]:
    order = order_of(rules)
    found: list[Concern] = []
    for key, subject in record.subjects.items():
        is_tenant = key == TENANT
        subject_type = SubjectType.TENANT if is_tenant else SubjectType.GROUP
        subject_id = (record.facts.tenant_id if record.facts else "") if is_tenant else key
        for one in subject.open.values():
            covering = exceptions.covering(subject_type, subject_id, one.finding.kind)
            found.append(
                Concern(
                    subject_type=subject_type,
                    subject_id=subject_id,
                    open=one,
                    excepted=covering.id if covering else "",
                )
            )
    return tuple(
        sorted(
            found,
            key=lambda one: (
                GRAVITY[one.open.finding.severity],
                order.get(one.open.finding.kind, len(order)),
                one.subject_id,
                one.open.finding.about,
            ),
        )
    )


def _kinds(
    tally: Tally, concerns: Sequence[Concern], excepted: Mapping[str, int], rules: Rules
) -> tuple[KindCount, ...]:
    """Those of which something is open, users' first, then by gravity and in the rules' order."""
    counts = {
        (SubjectType.USER, kind): (n, excepted.get(kind, 0), tally.severities[kind])
        for kind, n in tally.kinds.items()
    }
    for one in concerns:
        finding = one.open.finding
        # Concerns are in order of gravity: the first of a kind is the gravest.
        n, covered, severity = counts.get((one.subject_type, finding.kind), (0, 0, finding.severity))
        counts[one.subject_type, finding.kind] = (n + 1, covered + bool(one.excepted), severity)
    subjects, order = tuple(SubjectType), order_of(rules)
    found = [
        KindCount(kind=kind, subject=str(subject), severity=severity, open=n, excepted=covered)
        for (subject, kind), (n, covered, severity) in counts.items()
    ]
    return tuple(
        sorted(
            found,
            key=lambda one: (
                subjects.index(SubjectType(one.subject)),
                GRAVITY[one.severity],
                order.get(one.kind, len(order)),
            ),
        )
    )


def _seats(licences: Licences, totals: Totals) -> tuple[SkuSeats, ...]:
    """Products that could cover somebody first, the best level first; then what is held besides."""
    found = [
        SkuSeats(
            sku_id=sku_id,
            name=licences.rules.skus.name(sku_id, sku.part_number),
            part_number=sku.part_number,
            status=sku.status,
            tier=licences.tier(sku_id),
            usable=sku.usable,
            consumed=sku.consumed,
            free=sku.free,
            reclaimable=totals.reclaimable.get(sku_id, 0),
        )
        for sku_id, sku in licences.facts.skus.items()
        if sku.consumed > 0 or licences.tier(sku_id) > Tier.NONE
    ]
    return tuple(sorted(found, key=lambda one: (-one.tier, -one.consumed, one.name, one.sku_id)))


def _needs(licences: Licences, totals: Totals) -> tuple[Need, ...]:
    """As the finding `seats-short` has it: by the same sums."""
    return tuple(
        Need(
            tier=TIER_NAMES[one.tier],
            users=one.needs,
            free=one.free,
            reclaimable=one.held,
            buy=one.buy,
        )
        for one in shortages(licences, totals)
    )


def _disagreements(rules: Rules, policy: Policy, tally: Tally) -> tuple[Disagreement, ...]:
    return tuple(
        Disagreement(
            edition=edition,
            users=tally.totals.differing.get(edition, 0),
            states=tally.others.get(edition, {}),
        )
        for edition in sorted(rules.editions)
        if edition != policy.edition
    )


def _excepted(
    exceptions: Iterable[Exemption],
    facts: TenantFacts,
    known: Mapping[str, str],
    texts: Catalogue,
) -> tuple[Excepted, ...]:
    people = {key: Person(name=name) for key, name in known.items()}
    names = Names(texts=texts, users=people, groups=known, tenant=facts.display_name)
    return tuple(
        Excepted(
            id=one.id,
            kind=one.kind,
            subject_type=one.subject_type,
            subject_id=one.subject_id,
            subject=unescaped(names.subject(one.subject_type, one.subject_id)) if one.subject_type else "",
            owner=one.owner,
            reason=one.reason,
            until=one.end,
        )
        for one in exceptions
    )
