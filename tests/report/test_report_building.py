"""What a report says of a tenant: counted as the findings count, and never better than is known."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared import findings
from shared.judgement import Judge
from shared.ledger.commits import UserReading
from shared.ledger.manifest import TENANT
from shared.ledger.records import Shard, TenantRecord, UserRecord
from shared.ledger.shards import encode
from shared.ledger.totals import totals_of
from shared.model import (
    AssignedLicense,
    Evidence,
    JudgedBy,
    LicenseAssignmentState,
    OpenFinding,
    Sku,
    Standing,
    State,
    TenantFacts,
    Tier,
    Totals,
    User,
)
from shared.notify.exceptions.exemptions import Exemption, Exemptions
from shared.report.building import Builder
from shared.report.counting import tally_of, together
from shared.report.figures import Report, Row
from shared.report.lean import users_of
from shared.report.questions import differ_from_states
from shared.rules.policy import Policy
from shared.texts.catalogue import catalogue
from tests.ledger.readings import apply
from tests.report.ledgers import E3, EMS, NOW, POLICY, RULES, TENANT_ID, made, user_id
from tests.second_judge.second_judge import judge as second_judge
from tests.second_judge.test_agreement import facts_of, policy_of, standing_of
from tests.second_judge.worlds import make_world

EDITIONS = ("2017-10-24", "2025-03-04")
LEDGER = made(600, per_shard=200)


def report_on(
    users: list[UserRecord],
    record: TenantRecord = LEDGER.tenant,
    policy: Policy = POLICY,
    exceptions: Exemptions | None = None,
) -> tuple[Report, list[Row]]:
    builder = Builder(record, RULES, policy, catalogue(), at=NOW, source="ledger", exceptions=exceptions)
    rows = [row for user in users if (row := builder.add(user))]
    return builder.report(), rows


def with_facts(**changes: Any) -> TenantRecord:
    """The ledger's tenant with other facts."""
    assert LEDGER.tenant.facts
    facts = msgspec.structs.replace(LEDGER.tenant.facts, **changes)
    return msgspec.structs.replace(LEDGER.tenant, facts=facts)


def answers(report: Report) -> dict[str, str]:
    return {one.code: one.answer for one in report.questions}


def exemption(*, subject_type: str, subject_id: str = "", kind: str = "") -> Exemption:
    return Exemption(
        id=f"e-{subject_type}-{kind}",
        owner="Ada",
        reason="agreed",
        until=NOW + timedelta(days=9),
        created_at=NOW - timedelta(days=1),
        kind=kind,
        subject_type=subject_type,
        subject_id=subject_id,
    )


# --- counts ---------------------------------------------------------------------------------------------


def test_counts_are_those_of_the_ledger_and_rows_are_all_who_are_to_be_acted_on() -> None:
    users = list(LEDGER.users)
    report, rows = report_on(users)
    totals = totals_of(users)
    assert report.users == totals.users == 600
    assert {key: n for key, n in report.states.items() if n} == totals.states
    assert sum(report.reach.values()) == totals.states[State.NOT_IN_REACH]
    assert set(report.reach) == {"account-disabled"}
    assert {one.edition: one.users for one in report.disagreements} == totals.differing
    acted_on = {
        user.id
        for user in users
        if user.open or any(state != user.verdict.state for state in user.others.values())
    }
    assert {row.id for row in rows} == acted_on
    assert report.rows == len(rows)
    opened = Counter(one.finding.kind for user in users for one in user.open.values())
    assert {one.kind: one.open for one in report.kinds if one.subject == "user"} == opened
    for edition in report.disagreements:
        assert sum(edition.states.values()) == len(users)


def test_parts_of_the_users_add_up_to_the_whole_however_they_are_parted() -> None:
    users, rng = list(LEDGER.users), random.Random(5)
    whole = tally_of(users)
    for _ in range(5):
        rng.shuffle(users)
        cuts = sorted(rng.sample(range(len(users)), 3))
        parts = [users[a:b] for a, b in zip([0, *cuts], [*cuts, len(users)], strict=True)]
        assert together([tally_of(part) for part in parts]) == together([whole])


def test_a_lean_reading_of_a_shard_gives_the_same_counts_and_rows_as_its_records() -> None:
    for name, shard in LEDGER.shards.items():
        lean = list(users_of(encode(shard), name))
        records = [one for one in shard.users.values() if one.gone_at is None]
        assert tally_of(lean) == tally_of(records)
        builder = Builder(LEDGER.tenant, RULES, POLICY, catalogue(), at=NOW, source="ledger")
        assert [builder.add(one) for one in lean] == [builder.add(one) for one in records]


def test_a_user_who_is_gone_is_not_counted() -> None:
    first = next(iter(LEDGER.users))
    gone = msgspec.structs.replace(first, gone_at=NOW)
    report, rows = report_on([gone])
    assert (report.users, report.rows, rows) == (0, 0, [])


def test_needs_and_seats_are_those_of_the_finding_about_them() -> None:
    """Whoever reads the card and the report reads the same numbers."""
    report, _ = report_on(list(LEDGER.users))
    shorts = [one.open.finding for one in report.concerns if one.open.finding.kind == "seats-short"]
    assert shorts
    by_tier = {one.tier: one for one in report.needs}
    for finding in shorts:
        need = by_tier[finding.about]
        assert finding.facts == {
            "needs": need.users,
            "free": need.free,
            "reclaimable": need.reclaimable,
            "buy": need.buy,
        }
    (ems,) = [one for one in report.skus if one.sku_id == EMS]
    assert (ems.tier, ems.name) == (Tier.P1, "Enterprise Mobility + Security E3")
    assert ems.free == ems.usable - ems.consumed
    assert ems.reclaimable == totals_of(LEDGER.users).reclaimable[EMS]


@pytest.mark.parametrize("seed", range(12))
def test_states_and_both_parts_agree_with_the_second_judge(seed: int) -> None:
    """Random tenants, counted by a judge of another make (tests/second_judge)."""
    world = make_world(seed, 60)
    edition = EDITIONS[seed % 2]
    policy, facts = policy_of(world["policy"], edition), facts_of(world["tenant"], world["at"])
    judge = Judge(RULES, policy, facts)
    states: Counter[str] = Counter()
    reset: Counter[str] = Counter()
    writeback: Counter[str] = Counter()
    builder = Builder(
        TenantRecord(name=TENANT, facts=facts, baseline_ended_at=world["at"]),
        RULES,
        policy,
        catalogue(),
        at=world["at"],
        source="audit",
    )
    for person, known in world["people"]:
        said = second_judge(person, world["tenant"], world["policy"], known, world["at"], edition)
        states[said["state"]] += 1
        if said["state"] != "not-in-reach":
            reset[said["reset"][0]] += 1
            writeback[said["writeback"][0]] += 1
        user, standing = msgspec.convert(person, User), standing_of(known)
        judged = judge.judged(user, standing, world["at"])
        shard, _ = apply(
            Shard(name="0000"),
            UserReading(
                user=user,
                judged=judged,
                observed_at=world["at"],
                judged_by=JudgedBy(generation=1, policy=""),
                findings=findings.of_user(user, judged, standing, facts, RULES, policy, world["at"]),
                edition=edition,
            ),
        )
        builder.add(shard.users[user.id])
    report = builder.report()
    assert {state: n for state, n in report.states.items() if n} == states
    _, compliance, back = report.questions
    for question, counts in ((compliance, reset), (back, writeback)):
        assert question.covered == counts["yes"]
        assert question.uncovered == counts["no"]
        assert question.undetermined == counts["undetermined"]
        if counts["no"] and not (question.code == "writeback" and policy.writeback == "off"):
            assert question.answer == "no"
        elif counts["undetermined"]:
            assert question.answer == "unknown"


# --- the three questions --------------------------------------------------------------------------------


def synced_with(held: AssignedLicense, policy: Policy) -> UserRecord:
    """A synchronised user with this licence, as the ledger would have the record."""
    facts = LEDGER.tenant.facts
    assert facts
    user = User(
        id=user_id(1),
        user_principal_name="ada@contoso.example",
        account_enabled=True,
        user_type="Member",
        usage_location="NL",
        on_premises_sync_enabled=True,
        assigned_licenses=(held,),
        license_assignment_states=(LicenseAssignmentState(sku_id=held.sku_id, state="Active"),),
    )
    judged = Judge(RULES, policy, facts).judged(user, Standing(), NOW)
    shard, _ = apply(
        Shard(name="0000"),
        UserReading(
            user=user,
            judged=judged,
            observed_at=NOW,
            judged_by=JudgedBy(generation=1, policy=""),
            findings=findings.of_user(user, judged, Standing(), facts, RULES, policy, NOW),
            edition=policy.edition,
        ),
    )
    return shard.users[user.id]


def covered_users() -> list[UserRecord]:
    return [one for one in LEDGER.users if one.verdict.state is State.COVERED]


def test_all_covered_is_yes_three_times_by_the_rules_of_the_edition() -> None:
    report, _ = report_on(covered_users())
    assert answers(report) == {"function": "yes", "compliance": "yes", "writeback": "yes"}
    assert [one.rules for one in report.questions] == [("S1",), ("S3", "S4", "S5"), ("S6", "S7")]
    later = msgspec.structs.replace(POLICY, edition="2025-03-04")
    report, _ = report_on(covered_users(), policy=later)
    assert [one.rules for one in report.questions] == [(), ("T2", "T3", "T4", "T6"), ("T3", "T5")]


def test_before_the_first_reading_has_ended_nothing_is_an_all_clear() -> None:
    begun = msgspec.structs.replace(LEDGER.tenant, baseline_ended_at=None)
    report, _ = report_on(covered_users(), begun)
    assert report.baseline
    assert answers(report) == {"function": "yes", "compliance": "unknown", "writeback": "unknown"}
    worse, _ = report_on(list(LEDGER.users), begun)
    assert answers(worse) == {"function": "yes", "compliance": "no", "writeback": "no"}
    nobody, _ = report_on([], TenantRecord(name=TENANT))
    assert answers(nobody) == {"function": "unknown", "compliance": "unknown", "writeback": "unknown"}
    assert nobody.baseline


def test_one_who_cannot_be_judged_makes_the_answer_unknown_and_one_who_lacks_it_makes_it_no() -> None:
    (first, *rest) = covered_users()
    unsure = msgspec.structs.replace(
        first,
        verdict=msgspec.structs.replace(
            first.verdict,
            state=State.UNDETERMINED,
            reset=msgspec.structs.replace(first.verdict.reset, answer="undetermined"),
        ),
    )
    report, _ = report_on([unsure, *rest])
    assert answers(report)["compliance"] == "unknown"
    lacking = next(one for one in LEDGER.users if one.verdict.state is State.UNCOVERED)
    report, _ = report_on([unsure, lacking, *rest])
    assert answers(report)["compliance"] == "no"


def test_writeback_is_not_asked_where_it_is_off_or_nobody_is_synchronised() -> None:
    off = msgspec.structs.replace(POLICY, writeback="off")
    report, _ = report_on(covered_users(), policy=off)
    assert answers(report)["writeback"] == "not-asked"
    cloud_only = [one for one in covered_users() if not one.synced]
    report, _ = report_on(cloud_only)
    assert answers(report) == {"function": "yes", "compliance": "yes", "writeback": "not-asked"}


def test_it_functions_where_a_licence_that_counts_is_assigned_and_never_read_is_unknown() -> None:
    assert answers(report_on([], with_facts(skus={}))[0])["function"] == "no"
    never = with_facts(skus={}, evidence={})
    assert answers(report_on([], never)[0])["function"] == "unknown"
    strange = Sku(sku_id="11111111-0000-4000-8000-000000000000", enabled=9, consumed=3, plans=office_plans())
    assert answers(report_on([], with_facts(skus={strange.sku_id: strange}))[0])["function"] == "unknown"
    unused = {EMS: msgspec.structs.replace(sku(EMS), consumed=0)}
    assert answers(report_on([], with_facts(skus=unused))[0])["function"] == "no"


def office_plans() -> tuple[str, ...]:
    return (min(RULES.skus.office_plans),)


def sku(sku_id: str) -> Sku:
    assert LEDGER.tenant.facts
    return LEDGER.tenant.facts.skus[sku_id]


def test_whether_it_functions_is_what_the_finding_says() -> None:
    """On random tenants with few products: `no` exactly where `no-licence` is found."""
    seen = set()
    for seed in range(60):
        world = make_world(seed, 1)
        policy, facts = policy_of(world["policy"], EDITIONS[0]), facts_of(world["tenant"], world["at"])
        few = dict(list(facts.skus.items())[: seed % 5])
        facts = msgspec.structs.replace(facts, skus=few)
        record = TenantRecord(name=TENANT, facts=facts, baseline_ended_at=NOW)
        report, _ = report_on([], record, policy)
        found = findings.of_tenant(facts, Totals(), RULES, policy, NOW)
        lacks = any(one.kind == "no-licence" for one in found)
        assert (answers(report)["function"] == "no") is lacks, seed
        seen.add(answers(report)["function"])
    assert seen == {"yes", "no", "unknown"}


# --- rows -----------------------------------------------------------------------------------------------


def test_a_row_speaks_of_the_gravest_finding_and_of_the_oldest_beginning() -> None:
    user = next(one for one in LEDGER.users if len(one.open) > 1)
    (row,) = report_on([user])[1]
    kinds = [one.finding.kind for one in user.open.values()]
    assert sorted(row.kinds) == sorted(kinds)
    first: OpenFinding = next(one for one in user.open.values() if one.finding.kind == row.kinds[0])
    assert (row.rule, row.cause, row.remedy) == (
        first.finding.rule,
        first.finding.cause,
        first.finding.remedy,
    )
    assert row.since == min(one.opened_at for one in user.open.values())


def test_one_on_whom_only_the_editions_differ_has_a_row_without_findings() -> None:
    user = next(one for one in LEDGER.users if not one.open and "undetermined" in one.others.values())
    (row,) = report_on([user])[1]
    assert (row.kinds, row.since, row.remedy) == ((), None, ())
    assert row.others == {"2025-03-04": State.UNDETERMINED}
    assert (row.state, row.cause) == (user.verdict.state, user.verdict.cause)


def test_an_exception_that_covers_all_of_a_row_is_named_and_one_that_covers_a_part_is_only_counted() -> None:
    user = next(one for one in LEDGER.users if len(one.open) > 1)
    part = exemption(subject_type="user", subject_id=user.id, kind="coverage")
    report, (row,) = report_on([user], exceptions=Exemptions([part], {}))
    assert row.excepted == ""
    assert {one.kind: one.excepted for one in report.kinds if one.subject == "user"} == {
        "coverage": 1,
        "assignment-error": 0,
    }
    whole = exemption(subject_type="user", subject_id=user.id)
    report, (row,) = report_on([user], exceptions=Exemptions([whole], {}))
    assert row.excepted == whole.id
    (listed,) = report.exceptions
    assert (listed.subject, listed.owner) == (f"{user.name} ({user.upn})", "Ada")


def test_an_exception_for_a_group_covers_its_members_and_one_for_the_tenant_its_findings() -> None:
    user = next(one for one in LEDGER.users if one.open)
    group = exemption(subject_type="group", subject_id="g")
    tenant = exemption(subject_type="tenant", kind="seats-short")
    members = {user.id: frozenset({"g"})}
    report, (row,) = report_on([user], exceptions=Exemptions([group, tenant], members))
    assert row.excepted == group.id
    assert {one.open.finding.kind: one.excepted for one in report.concerns} == {"seats-short": tenant.id}
    stranger = next(one for one in LEDGER.users if one.open and one.id != user.id)
    assert report_on([stranger], exceptions=Exemptions([group], members))[1][0].excepted == ""


def test_the_tenant_s_and_groups_findings_come_gravest_first_with_their_names() -> None:
    report, _ = report_on(list(LEDGER.users))
    assert report.concerns[0].subject_id == TENANT_ID
    assert report.tenant_name == "Contoso"
    sample = [
        user
        for one in report.concerns
        for step in one.open.finding.remedy
        for user in step.values.get("sample", ())
    ]
    assert sample
    assert all(user in report.names for user in sample)


def test_evidence_is_shown_as_it_stands() -> None:
    pieces = {"registration": Evidence(read_at=NOW - timedelta(days=9), tried_at=NOW)}
    report, _ = report_on([], with_facts(evidence=pieces))
    assert report.evidence == pieces
    assert isinstance(LEDGER.tenant.facts, TenantFacts)


@pytest.mark.parametrize("edition", EDITIONS)
def test_compliance_counts_otherwise_than_the_states_only_where_a_plan_is_turned_off(edition: str) -> None:
    """As the page says beside them: Office 365 alone is a no to both questions, a plan turned off to one."""
    policy = msgspec.structs.replace(POLICY, edition=edition)
    [plan] = [key for key, name in RULES.skus.plans.items() if name == "p1"]
    counts = []
    for held in (AssignedLicense(sku_id=E3), AssignedLicense(sku_id=EMS, disabled_plans=(plan,))):
        report, _ = report_on([synced_with(held, policy)], policy=policy)
        assert report.states[State.WRITEBACK_UNCOVERED] == 1
        assert differ_from_states(report)
        counts.append({one.code: (one.covered, one.uncovered) for one in report.questions})
    alone, off = counts
    assert alone["compliance"] == alone["writeback"] == off["writeback"] == (0, 1)
    assert off["compliance"] == (1, 0)
    assert not differ_from_states(report_on(covered_users())[0])
