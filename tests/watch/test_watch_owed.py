"""Whose verdict changed facts may make another: how each SKU is read, and what everybody hangs on."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared.findings.owed import EVERYBODY, owed, read_as
from shared.judgement import Judge
from shared.ledger.records import Debt, Sweep, TenantRecord
from shared.model import (
    AssignedLicense,
    CommerceSubscription,
    Evidence,
    LicensingGroup,
    Sku,
    Standing,
    TenantFacts,
    User,
)
from shared.rules.loader import load_rules
from shared.rules.policy import Policy
from shared.watch.tenant import judge_tenant

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RULES = load_rules()
IDS = {entry.string_id: sku_id for sku_id, entry in RULES.skus.entries.items()}
PLANS = {key: plan for plan, key in RULES.skus.plans.items()}
EMS, E3, EXCHANGE, FREE = (IDS[name] for name in ("EMS", "ENTERPRISEPACK", "EXCHANGESTANDARD", "FLOW_FREE"))
NEW = "0c0c0c0c-0000-4000-8000-000000000001"
POLICY = Policy(scope="auto", writeback="on")


def bought(**fields: Any) -> CommerceSubscription:
    values: dict[str, Any] = {"id": "s1", "status": "Enabled", "is_trial": False, "total": 100}
    return CommerceSubscription(**(values | fields))


SKUS = {
    EMS: Sku(sku_id=EMS, enabled=100, consumed=90, plans=(PLANS["p1"],), subscriptions=(bought(),)),
    E3: Sku(sku_id=E3, enabled=100, consumed=90, subscriptions=(bought(id="s2"),)),
    FREE: Sku(sku_id=FREE, enabled=900, consumed=5),
}
FACTS = TenantFacts(
    tenant_id="t",
    policy="p",
    skus=SKUS,
    domains=("contoso.example",),
    admin_sspr_allowed=True,
    country="NL",
    evidence={"registration": Evidence(read_at=AT - timedelta(hours=1)), "skus": Evidence(read_at=AT)},
)


def with_sku(sku_id: str, **changes: Any) -> TenantFacts:
    """The facts with one SKU otherwise."""
    sku = msgspec.structs.replace(SKUS[sku_id], **changes)
    return msgspec.structs.replace(FACTS, skus={**SKUS, sku_id: sku})


def trial(days: int) -> tuple[CommerceSubscription, ...]:
    return (bought(is_trial=True, next_lifecycle_at=AT + timedelta(days=days)),)


def changed(before: TenantFacts, after: TenantFacts, later: timedelta = timedelta(hours=1)) -> set[str]:
    """Who is owed a look when the one facts follow the other."""
    return set(owed(read_as(before, RULES, POLICY, AT), read_as(after, RULES, POLICY, AT + later)))


HOLDERS: Mapping[str, tuple[TenantFacts, TenantFacts, set[str]]] = {
    "it lapses": (FACTS, with_sku(EMS, status="Suspended", enabled=0, suspended=100), {EMS}),
    "it comes back": (with_sku(EMS, status="Suspended", enabled=0, suspended=100), FACTS, {EMS}),
    "its grace begins": (FACTS, with_sku(EMS, status="Warning", enabled=0, warning=100), {EMS}),
    "its subscription is in grace": (FACTS, with_sku(EMS, subscriptions=(bought(status="Warning"),)), {EMS}),
    "part of it is in grace": (FACTS, with_sku(E3, enabled=95, warning=5), set()),
    "part of it lapses and seats are left": (FACTS, with_sku(E3, enabled=95, suspended=5), set()),
    "part of it lapses and seats are too few": (FACTS, with_sku(E3, enabled=60, suspended=40), {E3}),
    "more are assigned than there are": (FACTS, with_sku(E3, consumed=101), {E3}),
    "enough again": (with_sku(E3, consumed=101), FACTS, {E3}),
    "other seats are used": (FACTS, with_sku(E3, consumed=12), set()),
    "seats are bought": (FACTS, with_sku(E3, enabled=500), set()),
    "a free one is used more": (FACTS, with_sku(FREE, consumed=899), set()),
    "a paid suite becomes a trial that ends far off": (
        FACTS,
        with_sku(E3, subscriptions=trial(90)),
        {E3},
    ),
    "P1 on a trial that ends far off is read the same": (
        FACTS,
        with_sku(EMS, subscriptions=trial(90)),
        set(),
    ),
    "P1 on a trial that ends soon": (FACTS, with_sku(EMS, subscriptions=trial(9)), {EMS}),
    "the end of a trial is put off": (
        with_sku(EMS, subscriptions=trial(9)),
        with_sku(EMS, subscriptions=trial(90)),
        {EMS},
    ),
    "a trial is bought": (with_sku(E3, subscriptions=trial(90)), FACTS, {E3}),
    "bought seats alone no longer do beside a trial": (
        with_sku(E3, subscriptions=(bought(), *trial(90))),
        with_sku(E3, subscriptions=(bought(total=50), *trial(90))),
        {E3},
    ),
    "isTrial can't be read": (FACTS, with_sku(E3, subscriptions=(bought(is_trial=None),)), {E3}),
    "a renewal date moves": (
        FACTS,
        with_sku(E3, subscriptions=(bought(next_lifecycle_at=AT + timedelta(days=2)),)),
        set(),
    ),
    "it is gone": (FACTS, msgspec.structs.replace(FACTS, skus={E3: SKUS[E3], FREE: SKUS[FREE]}), {EMS}),
    "it is new": (
        FACTS,
        msgspec.structs.replace(FACTS, skus={**SKUS, NEW: Sku(sku_id=NEW, enabled=1)}),
        {NEW},
    ),
    "it has another Entra plan": (FACTS, with_sku(EMS, plans=(PLANS["p1"], PLANS["p2"])), {EMS}),
    "it has lost the plan that only who has switched off the other hangs on": (
        with_sku(EMS, plans=(PLANS["p1"], PLANS["p2"])),
        with_sku(EMS, plans=(PLANS["p2"],)),
        {EMS},
    ),
    "it has another plan of no concern": (FACTS, with_sku(EMS, plans=(PLANS["p1"], NEW)), set()),
    "it is spelt otherwise": (FACTS, with_sku(EMS, part_number="ELSE"), set()),
    "nothing": (FACTS, msgspec.structs.replace(FACTS, generation=9, observed_at=AT), set()),
    "a group": (
        FACTS,
        msgspec.structs.replace(FACTS, groups={NEW: LicensingGroup(id=NEW, sku_ids=(EMS,))}),
        set(),
    ),
    "the country": (FACTS, msgspec.structs.replace(FACTS, country="BE"), set()),
    "a domain": (FACTS, msgspec.structs.replace(FACTS, domains=("fabrikam.example",)), {EVERYBODY}),
    "administrators may not reset": (
        FACTS,
        msgspec.structs.replace(FACTS, admin_sspr_allowed=False),
        {EVERYBODY},
    ),
    "the first SKUs": (
        msgspec.structs.replace(FACTS, skus={}),
        FACTS,
        {EVERYBODY, EMS, E3, FREE},
    ),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_holders_of_what_is_read_otherwise_are_owed_a_look_and_nobody_else(name: str) -> None:
    before, after, wanted = HOLDERS[name]
    assert changed(before, after) == wanted


def test_a_trial_that_comes_near_its_end_owes_its_holders_a_look_though_nothing_changed() -> None:
    facts = with_sku(EMS, subscriptions=trial(40))
    assert changed(facts, facts, timedelta(days=9)) == set()
    assert changed(facts, facts, timedelta(days=11)) == {EMS}


def test_the_end_of_what_covers_nobody_owes_nobody_a_look() -> None:
    facts = with_sku(FREE, subscriptions=trial(40))
    assert changed(facts, facts, timedelta(days=11)) == set()


@pytest.mark.parametrize(("days", "owes"), [(13, set()), (15, {EVERYBODY})])
def test_a_report_that_goes_out_of_force_owes_everybody_a_look(days: int, owes: set[str]) -> None:
    assert changed(FACTS, FACTS, timedelta(days=days)) == owes


@pytest.mark.parametrize(
    ("policy", "piece"),
    [(Policy(scope="groups", scope_groups=("g",)), "scope-groups"), (Policy(population="used"), "audit")],
)
def test_evidence_that_is_read_for_the_first_time_counts_only_where_verdicts_rest_on_it(
    policy: Policy, piece: str
) -> None:
    evidence = {**FACTS.evidence, piece: Evidence(read_at=AT)}
    read = msgspec.structs.replace(FACTS, evidence=evidence)
    assert owed(read_as(FACTS, RULES, policy, AT), read_as(read, RULES, policy, AT)) == {EVERYBODY}
    assert changed(FACTS, read) == set()


def test_under_another_policy_everybody_is_owed_and_nobody_before_the_first_reading() -> None:
    other = msgspec.structs.replace(FACTS, policy="q", skus={})
    assert changed(FACTS, other) == {EVERYBODY}
    assert owed({}, read_as(FACTS, RULES, POLICY, AT)) == set()


STATES: list[dict[str, Any]] = [
    {},
    {"status": "Suspended", "enabled": 0, "suspended": 100},
    {"status": "Warning", "enabled": 0, "warning": 100},
    {"consumed": 101},
    {"subscriptions": trial(90)},
    {"subscriptions": trial(9)},
    {"subscriptions": (bought(total=50), *trial(90))},
    {"plans": ()},
    {"plans": (PLANS["p1"], PLANS["p2"])},
    {"plans": (PLANS["basic"],)},
]


@pytest.mark.parametrize("sku_id", [EMS, E3, EXCHANGE, FREE])
@pytest.mark.parametrize("before", STATES, ids=str)
def test_whoever_is_not_owed_a_look_would_be_judged_the_same(sku_id: str, before: dict[str, Any]) -> None:
    one = facts_with(sku_id, before)
    for after in STATES:
        other = facts_with(sku_id, after)
        if sku_id in changed(one, other):
            continue
        for off in ((), (PLANS["p1"],), (PLANS["p2"],), (PLANS["p1"], PLANS["p2"])):
            user = User(
                id="u",
                account_enabled=True,
                on_premises_sync_enabled=True,
                assigned_licenses=(AssignedLicense(sku_id=sku_id, disabled_plans=off),),
            )
            judged = [Judge(RULES, POLICY, facts).judged(user, Standing(), AT) for facts in (one, other)]
            assert judged[0] == judged[1], (before, after, off)


# --- in the tenant's record -------------------------------------------------------------------------------

READ = msgspec.structs.replace(FACTS, policy=POLICY.fingerprint(RULES.digest), generation=4)
BEGAN = AT - timedelta(hours=2)
DAY = timedelta(days=1)


def owing(facts: TenantFacts, *, ended: bool = False, at: datetime = AT) -> TenantRecord:
    """The tenant's record once facts of generation 5 follow those from before, during or after a reading."""
    sweep = Sweep(id="s", started_at=BEGAN, ended_at=AT - timedelta(hours=1) if ended else None)
    record, _ = judge_tenant(TenantRecord(name="tenant", facts=READ, sweep=sweep), RULES, POLICY, BEGAN)
    assert (record.owed, record.debt) == ((), None)
    newer = msgspec.structs.replace(facts, policy=READ.policy, generation=5)
    changed = msgspec.structs.replace(record, facts=newer)
    return judge_tenant(changed, RULES, POLICY, at)[0]


@pytest.mark.parametrize("ended", [True, False])
def test_a_debt_says_which_reading_of_all_may_not_know_of_it_and_whose_verdicts_do(ended: bool) -> None:
    record = owing(with_sku(EMS, status="Suspended", enabled=0, suspended=100), ended=ended)
    assert record.owed == (EMS,)
    assert record.debt == Debt(at=AT, sweep="s", under_way=not ended, generation=5)


def test_where_time_made_the_debt_no_verdict_so_far_is_taken_for_one_that_knows() -> None:
    evidence = {**FACTS.evidence, "registration": Evidence(read_at=BEGAN - POLICY.report_max_age - DAY)}
    record = owing(msgspec.structs.replace(FACTS, evidence=evidence))
    assert (record.owed, record.debt and record.debt.generation) == ((EVERYBODY,), 5)
    evidence = {"registration": Evidence(read_at=BEGAN - POLICY.report_max_age + timedelta(minutes=1))}
    record = owing(msgspec.structs.replace(FACTS, evidence={**FACTS.evidence, **evidence}))
    assert record.debt is not None
    assert (record.owed, record.debt.generation) == ((EVERYBODY,), None)
    # And it stays so while it is not paid, whatever comes on top.
    lapsed = msgspec.structs.replace(with_sku(EMS, status="Suspended", enabled=0), generation=6)
    more = msgspec.structs.replace(lapsed, policy=READ.policy, evidence={**FACTS.evidence, **evidence})
    record, _ = judge_tenant(msgspec.structs.replace(record, facts=more), RULES, POLICY, AT)
    assert record.debt is not None
    assert (record.owed, record.debt.generation) == ((EVERYBODY, EMS), None)


def facts_with(sku_id: str, state: dict[str, Any]) -> TenantFacts:
    base = SKUS.get(sku_id, Sku(sku_id=sku_id, enabled=100, consumed=90, subscriptions=(bought(id="s3"),)))
    return msgspec.structs.replace(FACTS, skus={**SKUS, sku_id: msgspec.structs.replace(base, **state)})
