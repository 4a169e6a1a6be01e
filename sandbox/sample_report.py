"""A report on a tenant that does not exist, of any size: for pictures and tests of the page."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from sandbox.graph.names import FIRST, LAST
from shared.model import (
    Evidence,
    EvidenceStatus,
    Finding,
    OpenFinding,
    Severity,
    State,
    Step,
    SubjectType,
    Tier,
)
from shared.report.figures import (
    Concern,
    Disagreement,
    Excepted,
    KindCount,
    Need,
    Point,
    Question,
    Report,
    Row,
    SkuSeats,
)

AT = datetime(2026, 11, 23, 7, 40, tzinfo=UTC)
TENANT = "5f2b9c1e-0d3a-4c56-9a7e-2f4d8c6b1a90"
SALES = "7c1d2e3f-4a5b-4c6d-8e9f-0a1b2c3d4e5f"
EMS_E3 = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
OFFICE_E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"
M365_E3 = "05e9a617-0261-4cee-bb44-138d3ef5d965"
P1 = "078d2b04-f1bd-4111-bbd4-b4b1b354cef4"
FREE = "f30db892-07e9-47e9-837c-80727f46fd3d"

NAMES = {
    EMS_E3: "Enterprise Mobility + Security E3",
    OFFICE_E3: "Office 365 E3",
    M365_E3: "Microsoft 365 E3",
    P1: "Microsoft Entra ID P1",
    FREE: "Microsoft Power Automate Free",
    SALES: "Licences: Sales Europe",
}
_SKUS = (
    (M365_E3, "SPE_E3", Tier.P1, 4_200, 4_063, 131),
    (OFFICE_E3, "ENTERPRISEPACK", Tier.CLOUD, 900, 871, 42),
    (EMS_E3, "EMS", Tier.P1, 600, 600, 57),
    (P1, "AAD_PREMIUM", Tier.P1, 150, 153, 9),
    (FREE, "FLOW_FREE", Tier.NONE, 10_000, 388, 0),
)

_CASES = (
    (State.UNCOVERED, "S5", "nothing-held", Severity.HIGH, "coverage", (), True),
    (State.WRITEBACK_UNCOVERED, "S7", "cloud-level-only", Severity.HIGH, "coverage", (OFFICE_E3,), True),
    (State.UNCOVERED, "S4", "free", Severity.HIGH, "coverage", (FREE,), False),
    (State.UNCOVERED, "S5", "CountViolation", Severity.HIGH, "assignment-error", (FREE,), True),
    (State.UNDETERMINED, "S3", "reach-unknown", Severity.LOW, "coverage", (OFFICE_E3,), False),
    (State.COVERED, "S5", "trial", Severity.MEDIUM, "ends-soon", (EMS_E3,), True),
    (State.COVERED, "S4", "paid-suite", Severity.LOW, "", (OFFICE_E3,), False),
)

_REMEDIES = {
    "nothing-held": (
        Step("assign-free-seat", {"sku": M365_E3, "free": 137, "groups": [SALES]}),
        Step("reclaim-seats", {"sku": EMS_E3, "reclaimable": 57, "sample": []}),
        Step("buy-seats", {"sku": P1, "seats": 12}),
    ),
    "cloud-level-only": (Step("assign-free-seat", {"sku": M365_E3, "free": 137, "groups": [SALES]}),),
    "free": (Step("assign-free-seat", {"sku": OFFICE_E3, "free": 29, "groups": []}),),
    "CountViolation": (
        Step("free-seats", {"sku": P1, "seats": 3}),
        Step("buy-seats", {"sku": P1, "seats": 3}),
    ),
    "trial": (Step("buy-paid", {"sku": EMS_E3}),),
}


def rows(n: int, seed: int = 1) -> Iterator[Row]:
    """So many users to act on, the gravest first."""
    made = (_row(number, random.Random(f"{seed}-{number}")) for number in range(n))
    order = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)
    yield from sorted(
        made, key=lambda row: (not row.kinds, order.index(row.severity), row.name.casefold(), row.id)
    )


def _row(number: int, chance: random.Random) -> Row:
    first, last = chance.choice(FIRST), chance.choice(LAST)
    case = _CASES[chance.choices(range(len(_CASES)), (30, 24, 12, 6, 6, 5, 9))[0]]
    state, rule, cause, severity, kind, skus, synced = case
    differs = not kind or chance.random() < 0.1
    return Row(
        id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        upn=f"{first}.{last}{number or ''}@contoso.example".lower(),
        name=f"{first} {last}",
        state=state,
        rule=rule,
        cause=cause,
        kinds=(kind,) if kind else (),
        severity=severity,
        since=AT - timedelta(hours=chance.randrange(3, 2_000)) if kind else None,
        synced=synced,
        skus=skus,
        remedy=_REMEDIES.get(cause, ()) if kind else (),
        others={"2025-03-04": State.UNDETERMINED if state is not State.UNDETERMINED else State.COVERED}
        if differs
        else {},
        excepted="e-1a2b3c4d" if kind and chance.random() < 0.02 else "",
    )


def report(users: int = 5_120, to_act_on: int = 343, days: int = 60) -> Report:
    """A tenant of which most are covered; `to_act_on` is the number of its rows."""
    uncovered, writeback, unknown = to_act_on * 45 // 100, to_act_on * 25 // 100, to_act_on * 6 // 100
    synced = uncovered * 7 // 10  # of those who hold nothing that counts
    out = users * 6 // 100
    covered = users - uncovered - writeback - unknown - out
    states = {
        State.COVERED.value: covered,
        State.UNCOVERED.value: uncovered,
        State.WRITEBACK_UNCOVERED.value: writeback,
        State.UNDETERMINED.value: unknown,
        State.NOT_IN_REACH.value: out,
    }
    differ = to_act_on * 15 // 100
    by_other = {**states, State.COVERED.value: covered - differ, State.UNDETERMINED.value: unknown + differ}
    return Report(
        tenant_id=TENANT,
        tenant_name="Contoso Europe",
        at=AT,
        source="ledger",
        edition="2017-10-24",
        users=users,
        in_reach=users - out,
        states=states,
        reach={
            "account-disabled": out * 5 // 10,
            "external": out * 3 // 10,
            "resource-account": out - out * 5 // 10 - out * 3 // 10,
        },
        questions=(
            Question("function", "yes", ("S1",)),
            Question("compliance", "no", ("S3", "S4", "S5"), covered, uncovered + writeback, unknown),
            Question("writeback", "no", ("S6", "S7"), covered * 7 // 10, synced + writeback, unknown),
        ),
        kinds=(
            KindCount("coverage", "user", Severity.HIGH, uncovered + writeback, 7),
            KindCount("over-assigned", "tenant", Severity.MEDIUM, 1),
            KindCount("licence-errors", "group", Severity.MEDIUM, 1),
            KindCount("ends-soon", "user", Severity.MEDIUM, to_act_on * 5 // 100),
        ),
        skus=tuple(
            SkuSeats(sku, NAMES[sku], part, "Enabled", tier, usable, used, max(0, usable - used), idle)
            for sku, part, tier, usable, used, idle in _SKUS
        ),
        needs=(
            Need("p1", synced + writeback, 137, 197, max(0, uncovered - 60)),
            Need("cloud", uncovered - synced, 29, 42, 0),
        ),
        disagreements=(Disagreement("2025-03-04", differ, by_other),),
        rows=to_act_on,
        concerns=_concerns(),
        names=NAMES,
        trend=tuple(_trend(days, uncovered, writeback, unknown, covered, users)),
        exceptions=_exceptions(),
        evidence=_evidence(),
        health=(),
    )


def _concerns() -> tuple[Concern, ...]:
    over = Finding(
        kind="over-assigned",
        state="over",
        severity=Severity.MEDIUM,
        rule="S3",
        about=P1,
        skus=(P1,),
        facts={"consumed": 153, "usable": 150, "without_seat": 3},
        remedy=(Step("free-seats", {"sku": P1, "seats": 3}), Step("buy-seats", {"sku": P1, "seats": 3})),
    )
    errors = Finding(
        kind="licence-errors",
        state="error",
        severity=Severity.MEDIUM,
        cause="CountViolation",
        about=EMS_E3,
        skus=(EMS_E3,),
        groups=(SALES,),
        facts={"members": 14},
        remedy=(Step("buy-seats", {"sku": EMS_E3, "seats": 14}), Step("reprocess-group", {"group": SALES})),
    )
    return (
        Concern(SubjectType.TENANT, TENANT, _opened(over, 9)),
        Concern(SubjectType.GROUP, SALES, _opened(errors, 2), "e-5e6f7a8b"),
    )


def _opened(finding: Finding, days: int) -> OpenFinding:
    since = AT - timedelta(days=days)
    return OpenFinding(f"f-{finding.kind}", finding, "", since, since)


def _trend(
    days: int, uncovered: int, writeback: int, unknown: int, covered: int, users: int
) -> Iterator[Point]:
    chance = random.Random("trend")
    for n in range(days):
        ahead = days - 1 - n
        more = ahead * 2 + (chance.randrange(9) if ahead else 0)
        yield Point(
            day=date(2026, 11, 23) - timedelta(days=ahead),
            users=users,
            in_reach=users - users * 6 // 100,
            states={
                "covered": covered - more,
                "uncovered": uncovered + more * 2 // 3,
                "writeback-uncovered": writeback + more - more * 2 // 3,
                "undetermined": unknown,
            },
            edition="2017-10-24",
        )


def _exceptions() -> tuple[Excepted, ...]:
    return (
        Excepted(
            id="e-1a2b3c4d",
            kind="coverage",
            subject_type="group",
            subject_id="9d8c7b6a-5f4e-4d3c-8b2a-1f0e9d8c7b6a",
            subject="Contractors until new year",
            owner="Grace Hopper",
            reason="Licences come with the new agreement in January, ticket 4711",
            until=datetime(2027, 1, 15, 23, 59, 59, tzinfo=UTC),
        ),
        Excepted(
            id="e-5e6f7a8b",
            kind="licence-errors",
            subject_type="group",
            subject_id=SALES,
            subject="Licences: Sales Europe",
            owner="Ada Lovelace",
            reason="Order 2026-118 is under way",
            until=datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC),
        ),
    )


def _evidence() -> dict[str, Evidence]:
    def read(**ago: int) -> Evidence:
        at = AT - timedelta(**ago)
        return Evidence(EvidenceStatus.OK, at, at)

    return {
        "skus": read(minutes=22),
        "subscriptions": read(minutes=22),
        "groups": read(minutes=22),
        "registration": read(hours=19),
        "admin-policy": Evidence(EvidenceStatus.FORBIDDEN, None, AT, "Policy.Read.All"),
    }
