"""The tenant's own findings and its groups', and how facts of several readers are put together. Pure."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ledger.records import Posting, SubjectRecord, TenantRecord
from shared.model import (
    EVIDENCE,
    Evidence,
    EvidenceStatus,
    GroupError,
    LicensingGroup,
    Moment,
    Sku,
    SubjectType,
    TenantFacts,
)
from shared.rules.loader import load_rules
from shared.settings import load
from shared.watch.tenant import (
    TENANT,
    as_known,
    evidence_times,
    judge_tenant,
    merge,
    with_evidence,
    with_group,
)
from tests.settings.good_settings import GOOD

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RULES = load_rules()
POLICY = load({**GOOD, "PASSWORD_WRITEBACK": "on", "SSPR_SCOPE": "all"}).policy
EMS_E3 = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
P1_PLAN = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"
GROUPS = ("0a0a0a0a-0000-4000-8000-000000000001", "0a0a0a0a-0000-4000-8000-000000000002")
ELSEWHERE = ("registration", "scope-groups", "emergency-group", "audit", "named-groups")

LATER = AT + timedelta(minutes=100)
times = st.integers(0, 100).map(lambda minutes: AT + timedelta(minutes=minutes))
pieces = st.builds(
    Evidence, status=st.sampled_from(EvidenceStatus), read_at=st.none() | times, tried_at=st.none() | times
)
errors = st.lists(
    st.builds(
        GroupError,
        sku_id=st.just(EMS_E3),
        code=st.sampled_from(["CountViolation", "Other"]),
        members=st.integers(1, 30),
    ),
    max_size=2,
    unique_by=lambda error: error.code,
).map(tuple)


def group_named(group_id: str) -> st.SearchStrategy[LicensingGroup]:
    return st.builds(
        LicensingGroup,
        id=st.just(group_id),
        sku_ids=st.just((EMS_E3,)),
        processing_since=st.none() | times,
        errors=errors,
        nested=st.sampled_from([(), ("n1",), ("n1", "n2")]),
        nested_unlicensed=st.integers(0, 2),
        observed_at=st.none() | times,
        since=st.none() | times,
        members_at=st.none() | times,
    )


groups = st.fixed_dictionaries({}, optional={name: group_named(name) for name in GROUPS})
tenants = st.builds(
    TenantFacts,
    tenant_id=st.just("3f0a7b5e-6f0e-4f1c-9a50-0d0f6f3c1a11"),
    generation=st.integers(0, 9),
    observed_at=st.none() | times,
    skus=st.just({EMS_E3: Sku(sku_id=EMS_E3, enabled=10, consumed=10, plans=(P1_PLAN,))}),
    groups=groups,
    evidence=st.dictionaries(st.sampled_from(EVIDENCE), pieces),
)


@given(st.none() | tenants, tenants)
def test_merged_facts_are_the_next_generation_with_what_others_read(
    known: TenantFacts | None, read: TenantFacts
) -> None:
    merged = merge(known, read, "policy", LATER)
    assert merged.generation == (known.generation if known else 0) + 1
    assert merged.policy == "policy"
    for name in EVIDENCE:
        theirs = known is not None and name in ELSEWHERE and name in known.evidence
        assert merged.evidence_of(name) == (known if theirs and known else read).evidence_of(name)
    assert merged.skus == read.skus


@given(tenants, tenants)
def test_of_two_looks_at_a_group_the_later_one_stays(known: TenantFacts, read: TenantFacts) -> None:
    merged = merge(known, read, "policy", LATER)
    for name in GROUPS:
        before, now = known.groups.get(name), read.groups.get(name)
        later = before and before.observed_at and read.observed_at and before.observed_at > read.observed_at
        if later:
            assert merged.groups[name] == before
        elif now is None:
            assert name not in merged.groups
        else:
            assert merged.groups[name] == as_known(before, now)


@given(group_named(GROUPS[0]), group_named(GROUPS[0]))
def test_a_group_as_read_keeps_what_only_others_know_of_it(
    known: LicensingGroup, read: LicensingGroup
) -> None:
    seen = as_known(known, read)
    running = [since for since in (known.processing_since, read.processing_since) if since]
    processing = min(running) if read.processing_since else None
    assert seen == msgspec.structs.replace(
        read,
        processing_since=processing,
        since=known.since or read.since or read.observed_at,
        nested=known.nested,
        nested_unlicensed=known.nested_unlicensed,
        members_at=known.members_at,
    )


def test_a_look_at_a_group_by_a_clock_that_was_ahead_is_no_later_one() -> None:
    ahead = LicensingGroup(id=GROUPS[0], observed_at=AT + timedelta(days=1), sku_ids=("old",))
    read = LicensingGroup(id=GROUPS[0], observed_at=AT, sku_ids=(EMS_E3,))
    known = TenantFacts(tenant_id="t", groups={GROUPS[0]: ahead})
    everything = TenantFacts(tenant_id="t", observed_at=AT, groups={GROUPS[0]: read})
    assert merge(known, everything, "policy", AT).groups[GROUPS[0]].sku_ids == (EMS_E3,)
    assert with_group(known, GROUPS[0], read, AT, AT).groups[GROUPS[0]].sku_ids == (EMS_E3,)
    # Where the clock was right, it is.
    assert with_group(known, GROUPS[0], read, AT, AT + timedelta(days=2)) is known


@given(group_named(GROUPS[0]))
def test_a_group_that_was_not_known_assigns_since_it_was_read(read: LicensingGroup) -> None:
    assert as_known(None, read) == msgspec.structs.replace(read, since=read.since or read.observed_at)


@given(tenants, st.dictionaries(st.sampled_from(ELSEWHERE), pieces))
def test_newer_evidence_is_a_new_generation_and_leaves_the_rest(
    facts: TenantFacts, newer: dict[str, Evidence]
) -> None:
    changed = with_evidence(facts, newer)
    assert changed.generation == facts.generation + 1
    for name in EVIDENCE:
        assert changed.evidence_of(name) == newer.get(name, facts.evidence_of(name))


def replayed(subjects: dict[str, set[str]], posted: tuple[Posting, ...]) -> dict[str, set[str]]:
    """Open findings by subject after these postings."""
    after = {key: set(ids) for key, ids in subjects.items()}
    for one in posted:
        key = TENANT if one.subject_type == SubjectType.TENANT else one.subject_id
        ids = after.setdefault(key, set())
        if one.transition.moment is Moment.RESOLVED:
            ids.discard(one.transition.finding.id)
        else:
            ids.add(one.transition.finding.id)
    return {key: ids for key, ids in after.items() if ids}


def open_ids(record: TenantRecord) -> dict[str, set[str]]:
    found = {key: {one.id for one in subject.open.values()} for key, subject in record.subjects.items()}
    return {key: ids for key, ids in found.items() if ids}


@settings(max_examples=40)
@given(tenants, tenants)
def test_what_is_posted_gives_the_open_findings_and_judging_again_posts_nothing(
    first: TenantFacts, second: TenantFacts
) -> None:
    record = TenantRecord(name="tenant", facts=first)
    one, posted = judge_tenant(record, RULES, POLICY, AT)
    assert replayed({}, posted) == open_ids(one)
    assert judge_tenant(one, RULES, POLICY, AT + timedelta(minutes=1))[1] == ()
    changed = msgspec.structs.replace(one, facts=second)
    two, news = judge_tenant(changed, RULES, POLICY, AT + timedelta(hours=1))
    assert replayed(open_ids(one), news) == open_ids(two)


def test_without_facts_nothing_is_judged() -> None:
    record = TenantRecord(name="tenant", subjects={GROUPS[0]: SubjectRecord()})
    assert judge_tenant(record, RULES, POLICY, AT) == (record, ())


def test_a_group_that_is_gone_closes_its_findings_and_is_remembered_for_reopening() -> None:
    failing = LicensingGroup(
        id=GROUPS[0],
        sku_ids=(EMS_E3,),
        errors=(GroupError(sku_id=EMS_E3, code="CountViolation", members=1),),
    )
    facts = TenantFacts(
        tenant_id="3f0a7b5e-6f0e-4f1c-9a50-0d0f6f3c1a11",
        skus={EMS_E3: Sku(sku_id=EMS_E3, enabled=1, consumed=1, plans=(P1_PLAN,))},
        groups={failing.id: failing},
    )
    one, _ = judge_tenant(TenantRecord(name="tenant", facts=facts), RULES, POLICY, AT)
    assert len(one.subjects[failing.id].open) == 1
    gone = msgspec.structs.replace(one, facts=msgspec.structs.replace(facts, groups={}))
    two, posted = judge_tenant(gone, RULES, POLICY, AT + timedelta(hours=1))
    about = [one for one in posted if one.subject_id == failing.id]
    assert [(one.transition.moment, one.transition.cause) for one in about] == [(Moment.RESOLVED, "fixed")]
    assert two.subjects[failing.id].open == {}
    assert len(two.subjects[failing.id].closed) == 1


def test_findings_of_the_first_reading_belong_to_the_baseline() -> None:
    facts = TenantFacts(tenant_id="3f0a7b5e-6f0e-4f1c-9a50-0d0f6f3c1a11")
    for ended in (None, AT):
        record = TenantRecord(name="tenant", facts=facts, baseline_ended_at=ended)
        _, posted = judge_tenant(record, RULES, POLICY, AT)
        assert posted
        assert {one.transition.finding.baseline for one in posted} == {ended is None}


def test_evidence_times_name_what_was_read() -> None:
    facts = TenantFacts(tenant_id="t", evidence={"skus": Evidence(read_at=AT), "groups": Evidence()})
    assert evidence_times(facts) == {"skusAt": AT.isoformat()}
    assert evidence_times(None) == {}
